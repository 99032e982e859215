"""The record for those who audit: every change of every governed row, and the checkpoints that seal it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.apps import apps
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import F, OuterRef, QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.timezone import localtime

from governance.admin_base import DeskAdmin
from governance.errors import InvalidInput
from governance.models import ApprovalRequest, Checkpoint, ErasureRequest, LegalHold, RecordArchive, RecordEntry, User
from governance.models.record import NOBODY
from governance.portal.marks import chip
from governance.portal.rows import STATUS_KINDS, row_url
from governance.portal.steps import ReasonForm, Step
from governance.record import erasing, holds, showing, tables
from governance.record.pages import kind_choices

TONES = {"insert": "plain", "update": "plain", "delete": "attention"}


class TableFilter(admin.SimpleListFilter):
    """Changes of one kind of row, from a list that needs no look at the rows."""

    title = "what"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        named = [(table.kind, str(table.model._meta.verbose_name_plural)) for table in tables.captured()]
        return sorted(named, key=lambda pair: pair[1])

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


class DoorFilter(admin.SimpleListFilter):
    """Changes through one door, or past all of them."""

    title = "door"
    parameter_name = "door"
    DOORS = ("admin", "api", "task", "command", "mcp")

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [*((door, door) for door in self.DOORS), (NOBODY, "past every door")]

    def queryset(self, request: HttpRequest, queryset: Any) -> QuerySet[Any]:
        return queryset.through(self.value()) if self.value() else queryset  # type: ignore[no-any-return]


class PersonFilter(admin.SimpleListFilter):
    """Changes by one account. Those who were here last are offered; any other is asked for by its id."""

    title = "who"
    parameter_name = "person"
    OFFERED = 50

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        accounts = list(User.objects.order_by(F("last_login").desc(nulls_last=True), "pk")[: self.OFFERED])
        chosen = request.GET.get(self.parameter_name, "")
        if chosen.isdecimal() and len(chosen) < 19 and chosen not in {str(account.pk) for account in accounts}:
            accounts += User.objects.filter(pk=int(chosen))
        named = sorted((account.display_name, str(account.pk)) for account in accounts)
        return [*((key, name) for name, key in named), (NOBODY, "nobody signed in")]

    def queryset(self, request: HttpRequest, queryset: Any) -> QuerySet[Any]:
        if not self.value():
            return queryset  # type: ignore[no-any-return]
        try:
            return queryset.by_person(self.value())  # type: ignore[no-any-return]
        except InvalidInput as error:
            messages.error(request, error.message)
            return queryset.none()  # type: ignore[no-any-return]


@admin.register(RecordEntry)
class RecordEntryAdmin(DeskAdmin):
    """Every change: of what, what changed, who, when, through which door and why."""

    list_display = ("when", "what", "operation_chip", "changed", "who", "reason")
    list_filter = ("operation", DoorFilter, PersonFilter, TableFilter)
    search_fields = ("object_id", "request_id")
    search_help_text = "By the id of a row or of a request."
    fields = (
        "what", "row", "operation_chip", "when", "who", "reason", "images", "version", "request_id", "values_digest",
        "previous", "entry_hash", "sealing",
    )  # fmt: skip
    empty_state = {
        "title": "Nothing is on record yet",
        "text": "Every change of a governed row appears here, whichever way it was made.",
    }

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return RecordEntry.objects.visible_to(request.user).with_values().with_archive()

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        context = super().page_context(request, row)
        links = []
        if request.user.has_perm("governance.add_evidenceexport"):
            links.append(_link_about(row, "Evidence of this row", "governance:compliance-evidence"))
        if request.user.has_perm("governance.add_erasurerequest") and row.kind in erasing.erasable_kinds():
            links.append(_link_about(row, "Erase what is on record", "governance:compliance-erase"))
        return context | {"object_actions": [*context["object_actions"], *links]}

    @admin.display(description="When", ordering="id")
    def when(self, entry: RecordEntry) -> Any:
        return _to_the_second(entry.recorded_at)

    @admin.display(description="What")
    def what(self, entry: RecordEntry) -> str:
        return f"{_word(entry.kind)} {entry.object_id}"

    @admin.display(description="Row now")
    def row(self, entry: RecordEntry) -> Any:
        """Its name and page; a list of entries would ask for each kind of row on it."""
        found = row_of(entry)
        if found is None:
            return "there is no such row any more"
        url = row_url(found)
        named = str(found) or entry.object_id
        return named if url == reverse("admin:index") else format_html('<a href="{}">{}</a>', url, named)

    @admin.display(description="Change")
    def operation_chip(self, entry: RecordEntry) -> Any:
        return chip(entry.get_operation_display(), TONES[entry.operation])

    @admin.display(description="Columns")
    def changed(self, entry: RecordEntry) -> str:
        if not entry.said:
            return _why_empty(entry)
        return ", ".join(_changed_columns(entry)) if entry.operation == "update" else "all"

    @admin.display(description="Who · door")
    def who(self, entry: RecordEntry) -> str:
        if not entry.said:
            return f"{_why_empty(entry)} · {entry.door or 'past every door'}"
        actor = entry.said.get("actor") or "nobody signed in"
        return f"{actor} · {entry.door or 'past every door'}"

    @admin.display(description="Why")
    def reason(self, entry: RecordEntry) -> str:
        return entry.said.get("reason") or entry.why_erased or "—"

    @admin.display(description="Before and after")
    def images(self, entry: RecordEntry) -> Any:
        if not entry.said:
            return format_html(
                "The values {}. The hashes below still prove that there were some.", _where_they_went(entry)
            )
        old, new = entry.said["old"] or {}, entry.said["new"] or {}
        rows = ((name, _shown(entry.kind, old, name), _shown(entry.kind, new, name)) for name in sorted({*old, *new}))
        body = format_html_join("", "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td></tr>", rows)
        return format_html(
            '<div class="table-scroll" tabindex="0"><table><thead><tr><th scope="col">Column</th>'
            '<th scope="col">Before</th><th scope="col">After</th></tr></thead><tbody>{}</tbody></table></div>',
            body,
        )

    @admin.display(description="Sealed")
    def sealing(self, entry: RecordEntry) -> str:
        place = getattr(entry, "sealed", None)
        return f"at position {place.position}" if place else "not yet"


def row_of(entry: RecordEntry) -> Any:
    """The row that an entry is about, as it is now; None where it or its kind is gone."""
    try:
        model: Any = apps.get_model(entry.kind)
        return model._base_manager.filter(pk=entry.object_id).first()
    except (LookupError, ValueError, ValidationError):
        return None


@admin.register(Checkpoint)
class CheckpointAdmin(DeskAdmin):
    """Signed states of the whole record."""

    list_display = ("number", "sealed", "size", "root", "key_id")
    fields = ("number", "sealed", "size", "root", "previous", "key_id", "body", "signature")
    empty_state = {
        "title": "Nothing is sealed yet",
        "text": "The worker seals the record once a minute; `manage.py seal_record` does so at once.",
    }

    @admin.display(description="Sealed", ordering="number")
    def sealed(self, checkpoint: Checkpoint) -> Any:
        return _to_the_second(checkpoint.sealed_at)


class HoldForm(forms.ModelForm):
    """What must be kept: a row, a kind of row, or everything."""

    kind = forms.ChoiceField(required=False, label="Kind of row")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "kind" in self.fields:
            self.fields["kind"].choices = [("", "The whole record"), *kind_choices(tables.holdable())]


@admin.register(LegalHold)
class LegalHoldAdmin(DeskAdmin):
    """What may not be erased from the record, for which matter, until two people lift it."""

    form = HoldForm
    create_service = holds.place_hold
    list_display = ("covers", "reason", "placed_by", "placed_at", "lifted")
    list_select_related = ("placed_by",)
    search_fields = ("object_id", "reason")
    fields = ("kind", "object_id", "reason")
    empty_state = {
        "title": "No legal hold",
        "text": "A hold keeps the values of a row, of a kind of row or of the whole record from being erased. It acts "
        "at once; lifting it takes a second person.",
        "url": "add/",
        "action": "Place a hold",
    }
    steps = (
        Step(name="lift", label="Ask to lift it", service=holds.request_lift, argument="hold", form=ReasonForm,
             permission="governance.add_legalhold", available=lambda hold, user: hold.lifted_at is None),
    )  # fmt: skip

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("covers", "reason", "placed_by", "placed_at", "lifted") if obj else self.fields

    @admin.display(description="Keeps")
    def covers(self, hold: LegalHold) -> str:
        if not hold.kind:
            return "the whole record"
        return f"{_word(hold.kind)} {hold.object_id}" if hold.object_id else f"every {_word(hold.kind)}"

    @admin.display(description="Lifted", ordering="lifted_at")
    def lifted(self, hold: LegalHold) -> Any:
        return hold.lifted_at or chip("stands", "attention")


@admin.register(ErasureRequest)
class ErasureRequestAdmin(DeskAdmin):
    """What was asked to be erased from the record, by whom and why, and what became of it."""

    list_display = ("what", "entries_count", "reason", "asked_by", "asked_at", "state_chip")
    list_select_related = ("asked_by",)
    search_fields = ("kind", "reason")
    fields = ("what", "ids", "found_by", "entries_count", "reason", "asked_by", "asked_at", "state_chip", "approval")
    empty_state = {
        "title": "Nothing was asked to be erased",
        "text": "When a person asks for their data to be erased, look first what the record holds of it.",
        "url": "../../compliance/erase/",
        "action": "Erase from the record",
        "permission": "governance.add_erasurerequest",
    }

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        asked = ApprovalRequest.objects.filter(gate=erasing.GATE, object_id=OuterRef("pk")).order_by("-requested_at")
        return super().get_queryset(request).annotate(
            asked_state=asked.values("state")[:1], asked_in=asked.values("pk")[:1]
        )

    @admin.display(description="Rows")
    def what(self, request: ErasureRequest) -> str:
        rows = len(request.object_ids)
        return f"{_word(request.kind)} {request.object_ids[0]}" if rows == 1 else f"{rows} rows, {_word(request.kind)}"

    @admin.display(description="Ids")
    def ids(self, request: ErasureRequest) -> str:
        return ", ".join(request.object_ids)

    @admin.display(description="State")
    def state_chip(self, request: ErasureRequest) -> Any:
        if request.erased_at is not None:
            return chip("erased", "permitted")
        state = request.asked_state or ""
        return chip(dict(ApprovalRequest.State.choices).get(state, "—"), STATUS_KINDS.get(state, "plain"))

    @admin.display(description="Approval")
    def approval(self, request: ErasureRequest) -> Any:
        if request.asked_in is None:
            return "—"
        url = reverse("admin:governance_approvalrequest_change", args=[request.asked_in])
        return format_html('<a href="{}">who asked, who signed</a>', url)


@admin.register(RecordArchive)
class RecordArchiveAdmin(DeskAdmin):
    """Sealed ranges of the record in files outside the database."""

    list_display = ("number", "range", "file", "size", "archived_at", "values_chip", "erased_count")
    fields = ("number", "range", "file", "size", "digest", "archived_at", "values_chip", "dropped_at", "erased_count")
    empty_state = {
        "title": "Nothing is archived",
        "text": "Start it on the compliance desk, or have it done by itself with WORKBENCH_RECORD_ARCHIVE_DAYS.",
    }

    @admin.display(description="Positions")
    def range(self, archive: RecordArchive) -> str:
        return f"{archive.first:,} to {archive.last:,}"

    @admin.display(description="Size", ordering="bytes")
    def size(self, archive: RecordArchive) -> str:
        return filesizeformat(archive.bytes)

    @admin.display(description="Values")
    def values_chip(self, archive: RecordArchive) -> Any:
        return chip("here only", "primary") if archive.dropped_at else chip("here and in the database", "plain")


def _why_empty(entry: Any) -> str:
    """Of an entry without its values, in a list."""
    if entry.why_erased:
        return "erased"
    return f"in archive {entry.archive_number}" if entry.archive_number else "gone"


def _where_they_went(entry: RecordEntry) -> Any:
    if entry.why_erased:
        return f"were {entry.why_erased}"
    archive = showing.archive_of(entry)
    if archive is None:
        return "are gone, and nothing on record says why"
    return format_html(
        'are kept in <a href="{}">{}</a>, {}, which holds positions {} to {}',
        row_url(archive), archive, archive.file, archive.first, archive.last,
    )  # fmt: skip


def _link_about(row: RecordEntry, label: str, page: str) -> dict[str, str]:
    url = f"{reverse(page)}?{urlencode({'row_kind': row.kind, 'row': row.object_id})}"
    return {"label": label, "url": url, "style": "plain", "method": "get", "confirm": ""}


def _to_the_second(moment: str) -> str:
    """A moment of the record, in the portal's time zone."""
    parsed = parse_datetime(moment)
    return date_format(localtime(parsed), "j M Y H:i:s") if parsed else moment


def _word(kind: str) -> str:
    try:
        return str(apps.get_model(kind)._meta.verbose_name)
    except LookupError:
        return kind


def _changed_columns(entry: RecordEntry) -> list[str]:
    return sorted(entry.said["new"] or {})


def _shown(kind: str, image: dict[str, Any], name: str) -> str:
    if name not in image:
        return "—"
    value = image[name]
    words = showing.in_words(kind, name, value)
    return "empty" if value in ("", None) else f"{value} ({words})" if words else str(value)
