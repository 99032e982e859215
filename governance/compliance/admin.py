"""Lists of the compliance desk: constraint changes with every filter, and the evidence that was handed out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.apps import apps
from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html

from governance import access, records
from governance.admin_base import DeskAdmin
from governance.compliance import filters, questions, tables
from governance.errors import InvalidInput
from governance.models import Checkpoint, ConstraintChange, EvidenceExport, HandOut
from governance.portal import content, related
from governance.portal.marks import chip, use_strip
from governance.portal.rows import row_url
from governance.portal.strip import strip_of

Writer = Callable[[QuerySet[ConstraintChange]], Iterator[bytes]]
TONES = {"tightened": "prohibited", "relaxed": "permitted", "both": "attention"}


def _list_filter(one: filters.Filter) -> type[admin.SimpleListFilter]:
    """A filter of changes as the list shows it; one without choices appears once an address asks for it."""

    class ChangeFilter(admin.SimpleListFilter):
        title = one.title
        parameter_name = one.name

        def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
            offered = one.choices(request.user, model_admin.get_queryset(request))
            value = self.value() or ""
            return offered if not value or value in dict(offered) else [*offered, (value, value)]

        def queryset(self, request: Any, queryset: QuerySet[Any]) -> QuerySet[Any]:
            return filters.matching(queryset, {one.name: self.value()}) if self.value() else queryset

    return ChangeFilter


@admin.register(ConstraintChange)
class ConstraintChangeAdmin(DeskAdmin):
    """Who allowed what, when, why, and what it reached."""

    change_list_template = "governance/constraint_changes.html"
    list_display = ("changed_at", "what", "before", "after", "direction_chip", "reason", "who", "reach")
    search_fields = ("subject_label", "reason", "actor_name")
    fields = ("what", "before", "after", "ends", "direction_chip", "reason", "who", "changed_at", "reach", "request_id")
    empty_state = {
        "title": "No constraint has changed yet",
        "text": "Every change of what a row may be used for is kept here: before, after, who, when and why.",
    }

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return records.changes_visible_to(request.user)

    def get_list_filter(self, request: HttpRequest) -> Any:
        return [_list_filter(one) for one in filters.FILTERS.values() if one.name != filters.SEARCH]

    def get_urls(self) -> list[Any]:
        site = self.admin_site
        return [
            path("csv/", site.admin_view(self.csv_view), name="governance_constraintchange_csv"),
            path("json/", site.admin_view(self.json_view), name="governance_constraintchange_json"),
            *super().get_urls(),
        ]

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        context = super().page_context(request, row)
        links = related.links_of(row._meta.label_lower, row.pk, request.user)
        return context | {"object_actions": [*context["object_actions"], *links]}

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """A filter that cannot be asked so is named; a list that ignored it would be a wrong answer."""
        asked = filters.asked_in(request.GET)
        try:
            filters.matching(ConstraintChange.objects.none(), asked)
        except InvalidInput as error:
            messages.error(request, f"{error.message} All changes are shown.")
            return HttpResponseRedirect(request.path)
        context = {
            "query": request.GET.urlencode(),
            "asked": asked,
            "may_save": request.user.has_perm("governance.add_savedquestion"),
            "may_hand_out": request.user.has_perm("governance.add_evidenceexport"),
        }
        return super().changelist_view(request, context | (extra_context or {}))

    def csv_view(self, request: HttpRequest) -> HttpResponse:
        """The filtered list as a file for a spreadsheet."""
        return self._file(request, tables.as_csv, "text/csv; charset=utf-8", "csv")

    def json_view(self, request: HttpRequest) -> HttpResponse:
        """The filtered list as a file for programs."""
        return self._file(request, tables.as_json, "application/json", "json")

    def _file(self, request: HttpRequest, write: Writer, kind: str, ending: str) -> HttpResponse:
        back = reverse("admin:governance_constraintchange_changelist")
        if not self.has_view_permission(request):
            return HttpResponseRedirect(back)
        try:
            rows = self.get_changelist_instance(request).get_queryset(request)
        except (InvalidInput, IncorrectLookupParameters) as error:
            messages.error(request, getattr(error, "message", "The list cannot be filtered so."))
            return HttpResponseRedirect(back)
        name = f"constraint-changes-{date.today():%Y-%m-%d}.{ending}"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return StreamingHttpResponse(write(rows), content_type=kind, headers=headers)  # type: ignore[return-value]

    @admin.display(description="What")
    def what(self, change: ConstraintChange) -> Any:
        return format_html('<a href="{}">{}</a>', records.subject_url(change), change.subject_label)

    @admin.display(description="Before")
    def before(self, change: ConstraintChange) -> Any:
        return use_strip(strip_of(change.old_allowed & ~change.old_prohibited, 31, change.old_classification))

    @admin.display(description="After")
    def after(self, change: ConstraintChange) -> Any:
        return use_strip(strip_of(change.new_allowed & ~change.new_prohibited, 31, change.new_classification))

    @admin.display(description="Permitted until")
    def ends(self, change: ConstraintChange) -> str:
        before, after = (_day(moment) for moment in (change.old_until, change.new_until))
        return before if before == after else f"{before} → {after}"

    @admin.display(description="Direction", ordering="direction")
    def direction_chip(self, change: ConstraintChange) -> Any:
        return chip(change.get_direction_display(), TONES[change.direction])

    @admin.display(description="Who · door")
    def who(self, change: ConstraintChange) -> str:
        return f"{change.actor_name or 'nobody signed in'} · {change.door or 'past every door'}"

    @admin.display(description="Reached")
    def reach(self, change: ConstraintChange) -> str:
        return ", ".join(f"{count} {name}" for name, count in change.reached_shown.items()) or "—"


def _day(moment: Any) -> str:
    return f"{timezone.localtime(moment):%d %b %Y %H:%M}" if moment else "no end"


@admin.register(HandOut)
class HandOutAdmin(DeskAdmin):
    """Files of content that were taken: what, how many rows, by whom, and how to know them again."""

    list_display = ("taken_at", "what", "kind", "rows", "taken_by_name", "door")
    list_filter = ("kind", "door", "taken_at")
    search_fields = ("what", "taken_by_name", "digest")
    fields = ("what", "kind", "rows", "digest", "taken_by_name", "taken_at", "door", "taken_from")
    empty_state = {
        "title": "Nothing was taken yet",
        "text": "Every download of an export or of labels is kept here, with its rows and its SHA-256.",
    }

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """With the ways on: to what it was taken from, where one may see that, and to the record."""
        context = super().page_context(request, row)
        subject = apps.get_model(row.subject_kind)._default_manager.filter(pk=row.subject_id).first()
        links = []
        if subject is not None and access.can_see(request.user, subject):
            links.append(_link("Where it came from", row_url(subject)))
        return context | {"object_actions": [*context["object_actions"], *links, *_entries_of(row, request)]}

    @admin.display(description="Taken from")
    def taken_from(self, taken: HandOut) -> str:
        return str(apps.get_model(taken.subject_kind)._meta.verbose_name)


@admin.register(EvidenceExport)
class EvidenceExportAdmin(DeskAdmin):
    """Evidence bundles that were handed out: to whom, why, and how to know them again."""

    list_display = ("made_at", "question", "reason", "made_by_name", "objects_count", "entries_count", "checkpoint")
    search_fields = ("question", "reason", "made_by_name", "digest")
    fields = (
        "question", "asked", "reason", "made_by_name", "made_at", "objects_count", "entries_count", "checkpoint",
        "digest",
    )  # fmt: skip
    empty_state = {
        "title": "No evidence was handed out yet",
        "text": "Filter the constraint changes and hand out what you see as an archive that a stranger can check.",
        "url": "../constraintchange/",
        "action": "Look at constraint changes",
    }

    @admin.display(description="Filters")
    def asked(self, export: EvidenceExport) -> Any:
        return content.shown(export.filters) if export.filters else "none"

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """With the ways on: to what answers the question now, to the last checkpoint in it, and to the record."""
        context = super().page_context(request, row)
        links = [self._answers(row)]
        sealed = Checkpoint.objects.visible_to(request.user).filter(pk=row.checkpoint).first()
        if sealed is not None:
            links.append(_link("Its checkpoint", row_url(sealed)))
        return context | {"object_actions": [*context["object_actions"], *links, *_entries_of(row, request)]}

    def _answers(self, export: EvidenceExport) -> dict[str, str]:
        """The same question asked again: of changes, or of the record of one row."""
        if export.filters.keys() == {"kind", "object_id"}:
            return _link("What is on record now", _record_url(**export.filters))
        return _link("What answers it now", questions.changes_url(export.filters))


def _link(label: str, url: str) -> dict[str, str]:
    return {"label": label, "url": url, "style": "plain", "method": "get", "confirm": ""}


def _entries_of(row: Any, request: HttpRequest) -> list[dict[str, str]]:
    if not request.user.has_perm("governance.view_recordentry"):
        return []
    return [_link("On record", _record_url(kind=row._meta.label_lower, object_id=str(row.pk)))]


def _record_url(*, kind: str, object_id: str) -> str:
    asked = urlencode({"kind": kind, "q": object_id})
    return f"{reverse('admin:governance_recordentry_changelist')}?{asked}"
