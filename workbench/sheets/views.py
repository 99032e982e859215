"""The Sheet builder, and the files of a Sheet's items."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_safe

from governance.errors import WorkbenchError
from governance.portal.pages import portal_page, render_page
from governance.portal.rows import row_url
from workbench.catalogs import serving
from workbench.catalogs.models import Connection
from workbench.catalogs.selectors import catalog_of
from workbench.catalogs.views import unreadable
from workbench.sheets import forms, selectors, services
from workbench.sheets.definition import ROLES, Definition, Preview, preview_of
from workbench.sheets.models import Sheet, SheetVersion

VALUE_LENGTH = 200


@portal_page("workbench.add_sheet")
def sheet_new(request: HttpRequest) -> HttpResponse:
    """Point at data: build a Sheet, with a preview."""
    connections = forms.visible_connections(request.user)
    asked = request.POST.get("connection") or request.GET.get("connection")
    connection = _asked_for(connections, asked) if asked else connections.order_by("created_at").first()
    if connection is None:
        return render_page(request, "workbench/no_connection.html", {"title": "New Sheet"})
    return _built(request, connection, connections)


def _asked_for(connections: QuerySet[Connection], asked: str) -> Connection:
    try:
        return get_object_or_404(connections, pk=UUID(asked))
    except ValueError as error:
        raise Http404(f"There is no connection {asked!r}.") from error


@portal_page("workbench.change_sheet")
def sheet_builder(request: HttpRequest, version: UUID) -> HttpResponse:
    """Change a draft, with a preview."""
    changeable = Sheet.objects.visible_to(request.user, "change")
    rows = SheetVersion.objects.filter(sheet__in=changeable).select_related("sheet__connection")
    draft = get_object_or_404(rows, pk=version)
    if draft.status != SheetVersion.Status.DRAFT:
        messages.error(request, f"“{draft}” is {draft.status}; start a new version to change it.")
        return HttpResponseRedirect(row_url(draft.sheet))
    return _built(request, draft.sheet.connection, None, draft)


def _built(
    request: HttpRequest, connection: Connection, connections: Any, draft: SheetVersion | None = None
) -> HttpResponse:
    try:
        return Builder(request, connection, connections, draft).response()
    except WorkbenchError as error:
        return unreadable(request, str(connection), error)


class Builder:
    """One request of the builder: shows the form, previews what was typed, or saves it."""

    def __init__(
        self, request: HttpRequest, connection: Connection, connections: Any, draft: SheetVersion | None = None
    ) -> None:
        self.request, self.connection, self.connections, self.draft = request, connection, connections, draft
        self.catalog = catalog_of(connection)
        self.do = request.POST.get("do", "") if request.method == "POST" else ""
        self.roles = forms.roles_in(request.POST) if self.do else dict(draft.column_roles if draft else {})
        self.form, self.sources = self._forms()
        self.preview: Preview | None = None

    def _forms(self) -> tuple[forms.SheetForm, forms.SourcesFormSet]:
        choices = forms.source_choices(self.catalog)
        if self.do:
            data = self.request.POST.copy()
            if self.do == "add":
                data["sources-TOTAL_FORMS"] = str(int(data.get("sources-TOTAL_FORMS") or 0) + 1)
            bound = forms.sources_formset(0)(data, choices=choices)
            return forms.SheetForm(data, catalog=self.catalog), bound
        initial = forms.initial_of(self.draft) if self.draft else {"primary": self.request.GET.get("primary", "")}
        known = forms.initial_sources(self.draft) if self.draft else []
        rows = forms.sources_formset(0 if known else 1)(initial=known, choices=choices)
        return forms.SheetForm(initial=initial, catalog=self.catalog), rows

    def response(self) -> HttpResponse:
        if self.do == "add" or not (self.do or self.draft):
            return self._page()
        if self.do and not (self.form.is_valid() & self.sources.is_valid()):
            return self._page()
        try:
            if self.do == "save":
                return self._saved()
            self.preview = preview_of(self.catalog, self._definition())
        except WorkbenchError as error:
            self._place(error)
        return self._page()

    def _definition(self) -> Definition:
        if not self.do and self.draft:
            return replace(Definition.of(self.draft), column_roles={})
        values = self.form.values()
        known = {name: values[name] for name in Definition.__dataclass_fields__ if name in values}
        return Definition(**known, sources=self.sources.values())

    def _place(self, error: WorkbenchError) -> None:
        """An error about a stored draft stands above its form, which nobody has sent yet."""
        if self.do:
            forms.place_error(error, self.form, self.sources)
        else:
            messages.error(self.request, error.message)

    def _saved(self) -> HttpResponse:
        values = self.form.values() | {"sources": self.sources.values()}
        shown = {column.name for column in preview_of(self.catalog, self._definition(), 1).columns}
        values["column_roles"] = {name: role for name, role in self.roles.items() if name in shown}
        if self.draft:
            version = services.update_draft(version=self.draft, by=self.request.user, **values)
        else:
            version = services.create_sheet(by=self.request.user, connection=self.connection, **values)
        messages.success(self.request, f"Saved “{version}” as a draft. Have it published when it is right.")
        return HttpResponseRedirect(row_url(version.sheet))

    def _page(self) -> HttpResponse:
        title = f"Change {self.draft}" if self.draft else "New Sheet"
        context = {
            "title": title,
            "lead": "Choose what one item is, join what belongs to it, and look at the result before saving.",
            "breadcrumbs": [{"label": "Sheets", "url": reverse("admin:workbench_sheet_changelist")}],
            "form": self.form,
            "sources": self.sources,
            "connection": self.connection,
            "connections": self.connections,
            "draft": self.draft,
            "preview": shown_preview(self.preview, self.roles) if self.preview else None,
            "column_names": self._column_names(),
            "roles": ROLES,
        }
        return render_page(self.request, "workbench/sheet_builder.html", context)

    def _column_names(self) -> list[str]:
        """To choose from while typing: the columns shown, else those of the primary source."""
        if self.preview:
            return [column.name for column in self.preview.columns]
        kind, _, ref = str(self.form["primary"].value() or "").partition(":")
        try:
            return [column.name for column in self.catalog.get_table(ref).columns] if kind == "table" else []
        except WorkbenchError:
            return []


def shown_preview(preview: Preview, chosen: dict[str, str] | None = None) -> dict[str, Any]:
    """A preview as its template draws it; long values are cut."""
    roles = preview.roles | {name: role for name, role in (chosen or {}).items() if name in preview.roles}
    names = [column.name for column in preview.columns]
    return {
        "columns": [{"column": column, "role": roles[column.name]} for column in preview.columns],
        "rows": [[_short(row.get(name, row["item_ref"])) for name in names] for row in preview.rows],
        "item_count": preview.item_count,
        "problem": preview.problem,
    }


def _short(value: object) -> object:
    return f"{value[:VALUE_LENGTH]}…" if isinstance(value, str) and len(value) > VALUE_LENGTH else value


@require_safe
@portal_page("workbench.view_sheet")
def item_file(request: HttpRequest, sheet: UUID) -> HttpResponse:
    """One file of one item, for everyone who may see the Sheet: `?item=` its key, `?path=` its path value."""
    row = get_object_or_404(Sheet.objects.visible_to(request.user).select_related("connection"), pk=sheet)
    item, path = request.GET.get("item", ""), request.GET.get("path", "")
    version = _version_with(row, item, path)
    if version is None:
        raise Http404("This Sheet has no such item, or the item no such file.")
    try:
        return serving.file_response(request, selectors.read_file(version, path), path)
    except WorkbenchError as error:
        return unreadable(request, path, error)


def _version_with(sheet: Sheet, item: str, path: str) -> SheetVersion | None:
    """The newest version of the Sheet that gives `item` a file column with this value."""
    for version in sheet.versions.select_related("sheet__connection").order_by("-number"):
        try:
            row = selectors.items_by_ref(version, [item]).get(item, {})
        except WorkbenchError:
            continue
        if path and path in {row.get(name) for name in selectors.path_columns(version)}:
            return version
    return None
