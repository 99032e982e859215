"""The record for those who audit: every change of every governed row, and the checkpoints that seal it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.apps import apps
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.timezone import localtime

from governance.admin_base import DeskAdmin
from governance.models import Checkpoint, RecordEntry
from governance.portal.marks import chip
from governance.record import tables

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
    NONE = "none"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [*((door, door) for door in self.DOORS), (self.NONE, "past every door")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        return queryset.filter(door="" if self.value() == self.NONE else self.value())


@admin.register(RecordEntry)
class RecordEntryAdmin(DeskAdmin):
    """Every change: of what, what changed, who, when, through which door and why."""

    list_display = ("when", "what", "operation_chip", "changed", "who", "reason")
    list_filter = ("operation", DoorFilter, TableFilter)
    search_fields = ("object_id", "request_id")
    search_help_text = "By the id of a row or of a request."
    fields = (
        "what", "operation_chip", "when", "who", "reason", "images", "version", "request_id", "values_digest",
        "previous", "entry_hash", "sealing",
    )  # fmt: skip
    empty_state = {
        "title": "Nothing is on record yet",
        "text": "Every change of a governed row appears here, whichever way it was made.",
    }

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return RecordEntry.objects.visible_to(request.user).with_values()

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        context = super().page_context(request, row)
        if request.user.has_perm("governance.add_evidenceexport"):
            about = urlencode({"row_kind": row.kind, "row": row.object_id})
            url = f"{reverse('governance:compliance-evidence')}?{about}"
            link = {"label": "Evidence of this row", "url": url, "style": "plain", "method": "get", "confirm": ""}
            context["object_actions"] = [*context["object_actions"], link]
        return context

    @admin.display(description="When", ordering="id")
    def when(self, entry: RecordEntry) -> Any:
        return _to_the_second(entry.recorded_at)

    @admin.display(description="What")
    def what(self, entry: RecordEntry) -> str:
        return f"{_word(entry.kind)} {entry.object_id}"

    @admin.display(description="Change")
    def operation_chip(self, entry: RecordEntry) -> Any:
        return chip(entry.get_operation_display(), TONES[entry.operation])

    @admin.display(description="Columns")
    def changed(self, entry: RecordEntry) -> str:
        if not entry.said:
            return "erased"
        return ", ".join(_changed_columns(entry)) if entry.operation == "update" else "all"

    @admin.display(description="Who · door")
    def who(self, entry: RecordEntry) -> str:
        return f"{entry.said.get('actor') or 'nobody signed in'} · {entry.door or 'past every door'}"

    @admin.display(description="Why")
    def reason(self, entry: RecordEntry) -> str:
        return entry.said.get("reason") or "—"

    @admin.display(description="Before and after")
    def images(self, entry: RecordEntry) -> Any:
        if not entry.said:
            return "The values were erased; the hashes below still prove that there were some."
        old, new = entry.said["old"] or {}, entry.said["new"] or {}
        rows = ((name, _shown(old, name), _shown(new, name)) for name in sorted({*old, *new}))
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


def _shown(image: dict[str, Any], name: str) -> str:
    if name not in image:
        return "—"
    value = image[name]
    return "empty" if value in ("", None) else str(value)
