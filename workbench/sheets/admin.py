"""The desk of Sheets: what they point at, how far they are labelled, and the steps of their versions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from governance import access
from governance.admin_base import DeskAdmin, ReadOnlyInline
from governance.approvals.selectors import open_request
from governance.errors import WorkbenchError
from governance.portal.marks import chip
from governance.portal.rows import row_url, status_of, waiting_words
from governance.portal.steps import ReasonForm, Step
from governance.portal.strip import strip_for
from workbench.catalogs.models import CatalogObject
from workbench.catalogs.selectors import objects_of
from workbench.sharing import SHARE
from workbench.sheets import coverage, selectors, services
from workbench.sheets.models import Sheet, SheetVersion
from workbench.sheets.views import shown_preview

Status = SheetVersion.Status


def _newest(sheet: Sheet, status: str = "") -> SheetVersion | None:
    """The newest version, or the newest in that state; of the versions that were loaded along."""
    found = [version for version in sheet.versions.all() if not status or version.status == status]
    return max(found, key=lambda version: version.number, default=None)


def _on(status: str, service: Callable[..., Any]) -> Callable[..., Any]:
    """A service of versions as a step of their Sheet."""

    def step(*, sheet: Sheet, by: Any, **values: Any) -> Any:
        return service(version=_newest(sheet, status), by=by, **values)

    return step


def _has(status: str) -> Callable[[Sheet, Any], bool]:
    return lambda sheet, user: _newest(sheet, status) is not None and access.can_see(user, sheet, "change")


def _may_request(sheet: Sheet, user: Any) -> bool:
    draft = _newest(sheet, Status.DRAFT)
    return draft is not None and open_request(draft, services.GATE) is None and _has(Status.DRAFT)(sheet, user)


def _may_start(sheet: Sheet, user: Any) -> bool:
    return _has(Status.PUBLISHED)(sheet, user) and _newest(sheet, Status.DRAFT) is None


def _builder_url(version: SheetVersion) -> str:
    return reverse("workbench:sheet-builder", args=[version.pk])


class VersionInline(ReadOnlyInline):
    """All versions of a Sheet, newest first."""

    model = SheetVersion
    fields = ("number", "status", "primary_ref", "filter_sql", "item_count", "created_by", "published_at")
    readonly_fields = fields
    ordering = ("-number",)
    show_change_link = True


@admin.register(Sheet)
class SheetAdmin(DeskAdmin):
    """Named pointers to data."""

    list_display = ("name", "status_chip", "version", "items", "uses", "connection", "owner")
    list_filter = ("versions__status", "connection")
    list_select_related = ("connection", "owner")
    search_fields = ("name", "description")
    fields = ("description", "connection", "owner", "usage_reason", "permitted_until")
    inlines = (VersionInline,)
    change_form_template = "workbench/sheet_page.html"
    empty_state = {
        "title": "No Sheets yet",
        "text": "A Sheet points at tables and files and copies nothing. Everything else starts from one.",
    }

    def approval_subjects(self, row: Any) -> list[Any]:
        """Requests are about the Sheet's constraint, or about one of its versions."""
        return [row, *row.versions.all()]

    steps = (
        Step(
            name="publish",
            label="Request publication",
            service=_on(Status.DRAFT, services.request_publish),
            argument="sheet",
            form=ReasonForm,
            permission="workbench.change_sheet",
            available=_may_request,
            style="primary",
            lead="Tags and data are read again now; someone else approves.",
        ),
        Step(
            name="new-version",
            label="New version",
            service=services.start_new_version,
            argument="sheet",
            permission="workbench.change_sheet",
            available=_may_start,
            then=_builder_url,
            success="A draft was made from the published version.",
        ),
        Step(
            name="archive",
            label="Archive",
            service=_on(Status.PUBLISHED, services.archive),
            argument="sheet",
            form=ReasonForm,
            permission="workbench.change_sheet",
            available=_has(Status.PUBLISHED),
            style="danger",
            lead="What was made from it stays; nothing new starts from it.",
        ),
        Step(
            name="delete-draft",
            label="Delete draft",
            service=_on(Status.DRAFT, services.delete_draft),
            argument="sheet",
            permission="workbench.delete_sheet",
            available=_has(Status.DRAFT),
            style="danger",
            confirm="Delete this draft? A Sheet without another version goes with it.",
            then=lambda result: reverse("admin:workbench_sheet_changelist"),
            success="The draft was deleted.",
        ),
        SHARE,
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).prefetch_related(Prefetch("versions"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("workbench.add_sheet")

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        return HttpResponseRedirect(reverse("workbench:sheet-new"))

    def page_context(self, request: HttpRequest, row: Sheet) -> dict[str, Any]:
        context = super().page_context(request, row)
        version = _newest(row, Status.DRAFT) or _newest(row, Status.PUBLISHED) or _newest(row)
        if version is None:
            return context
        version.sheet = row
        if version.status == Status.DRAFT and _has(Status.DRAFT)(row, request.user):
            edit = {"label": "Change draft", "url": _builder_url(version), "style": "plain", "method": "get"}
            context["object_actions"].insert(0, edit)
        return context | {
            "object_status": status_of(version),
            "version": version,
            "version_status": status_of(version),
            "columns": _columns(version, request.user),
            "coverage": coverage.coverage_of(row),
            "waiting": _waiting(version),
            **_previewed(version),
        }

    @admin.display(description="Status")
    def status_chip(self, sheet: Sheet) -> Any:
        shown = _newest(sheet, Status.PUBLISHED) or _newest(sheet)
        found = status_of(shown) if shown else None
        return chip(found["text"], found["kind"]) if found else "—"

    @admin.display(description="Version")
    def version(self, sheet: Sheet) -> str:
        newest = _newest(sheet)
        return f"v{newest.number}" if newest else "—"

    @admin.display(description="Items")
    def items(self, sheet: Sheet) -> str:
        published = _newest(sheet, Status.PUBLISHED)
        return f"{published.item_count:,}" if published and published.item_count is not None else "—"


@admin.register(SheetVersion)
class SheetVersionAdmin(DeskAdmin):
    """Versions are looked at on the page of their Sheet."""

    list_display = ("__str__", "status_chip", "primary_ref", "item_count", "created_by", "published_at")
    list_filter = ("status",)
    list_select_related = ("sheet", "created_by")
    search_fields = ("sheet__name", "primary_ref")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return False

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        return HttpResponseRedirect(row_url(self.get_object_or_404(request, object_id).sheet))


def _columns(version: SheetVersion, user: Any) -> list[dict[str, Any]]:
    """Columns with their role and what their tags permit; a column of a volume carries the volume's tags.

    Why that is so stands on a page of the catalog, which not everybody who sees the Sheet may open.
    """
    found = objects_of(version.sheet.connection, [column["origin"] for column in version.columns])
    wanted = [row.pk for row in found.values()]
    opens = set(CatalogObject.objects.visible_to(user).filter(pk__in=wanted).values_list("pk", flat=True))
    strips = {
        ref: strip_for(row) if row.pk in opens else replace(strip_for(row), why_url="")
        for (_, ref), row in found.items()
    }
    return [
        {
            **column,
            "role": version.column_roles.get(column["name"], ""),
            "strip": strips.get(column["origin"]),
        }
        for column in version.columns
    ]


def _previewed(version: SheetVersion) -> dict[str, Any]:
    try:
        return {"preview": shown_preview(selectors.preview(version, 10))}
    except WorkbenchError as error:
        return {"preview": None, "preview_problem": error.message}


def _waiting(version: SheetVersion) -> str:
    asked = open_request(version, services.GATE)
    return waiting_words(asked) if asked else ""
