"""Pages of the catalog browser."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from governance.errors import WorkbenchError
from governance.portal.pages import portal_page, render_page
from governance.portal.strip import strip_for
from workbench.catalogs import services, serving
from workbench.catalogs.models import CatalogObject, Connection
from workbench.catalogs.port import Catalog
from workbench.catalogs.selectors import catalog_of, columns_known, known

BROWSE = "workbench.view_catalogobject"
FILES_ON_A_PAGE = 50


def _connection(request: HttpRequest, pk: UUID) -> Connection:
    return get_object_or_404(Connection.objects.visible_to(request.user), pk=pk)


@require_safe
@portal_page(BROWSE)
def catalog(request: HttpRequest) -> HttpResponse:
    """Every connection that the person may see: schemas, and in them tables and volumes."""
    connections = list(Connection.objects.visible_to(request.user))
    context = {
        "title": "Catalog",
        "lead": "Tables and files, as they are; tags bind everything made from them.",
        "connections": [_opened(connection) for connection in connections],
        "may_sync": request.user.has_perm("workbench.change_catalogobject"),
        "new_url": _url_if(request, "workbench.add_connection", "admin:workbench_connection_add"),
    }
    return render_page(request, "workbench/catalog.html", context)


def _url_if(request: HttpRequest, permission: str, name: str) -> str:
    return reverse(name) if request.user.has_perm(permission) else ""


def _opened(connection: Connection) -> dict[str, Any]:
    """A connection with what it holds, or with why it cannot be read."""
    shown: dict[str, Any] = {"row": connection, "schemas": [], "problem": ""}
    try:
        reading = catalog_of(connection)
        shown["schemas"] = [_schema(connection, reading, schema) for schema in reading.list_schemas()]
    except WorkbenchError as error:
        shown["problem"] = error.message
    return shown


def _schema(connection: Connection, reading: Catalog, schema: str) -> dict[str, Any]:
    kinds = {
        "table": reading.list_tables(schema),
        "volume": reading.list_volumes(schema),
    }
    refs = [ref for found in kinds.values() for ref in found]
    rows = {
        (row.kind, row.ref): row
        for row in CatalogObject.objects.filter(connection=connection, ref__in=refs).exclude(kind="column")
    }
    sources = [
        {"kind": kind, "ref": ref, **_bound(rows.get((kind, ref)))} for kind, found in kinds.items() for ref in found
    ]
    return {"name": schema, "sources": sources}


def _bound(row: CatalogObject | None) -> dict[str, Any]:
    """What is known of a source since it was last read."""
    if row is None:
        return {"description": "", "tags": [], "strip": None}
    return {"description": row.description, "tags": row.tags, "strip": strip_for(row)}


@require_POST
@portal_page("workbench.change_catalogobject")
def sync(request: HttpRequest, connection: UUID) -> HttpResponse:
    """Read the catalog's tags now."""
    try:
        result = services.sync_catalog(connection=_connection(request, connection), by=request.user)
        messages.success(request, f"{result}.")
    except WorkbenchError as error:
        messages.error(request, error.message)
    return HttpResponseRedirect(reverse("workbench:catalog"))


@require_safe
@portal_page(BROWSE)
def table(request: HttpRequest, connection: UUID, ref: str) -> HttpResponse:
    """One table: columns with types and tags, what it may be used for, its first rows."""
    owner = _connection(request, connection)
    try:
        found = catalog_of(owner).get_table(ref)
        rows = catalog_of(owner).sample_rows(ref)
    except WorkbenchError as error:
        return unreadable(request, ref, error)
    bound = columns_known(owner, ref)
    names = [column.name for column in found.columns]
    context = {
        **_head(request, owner, "table", ref, found.description),
        "table": found,
        "tags": found.tags,
        "columns": [{"column": column, **_bound(bound.get(column.name))} for column in found.columns],
        "names": names,
        "rows": [[row[name] for name in names] for row in rows],
    }
    return render_page(request, "workbench/table.html", context)


@require_safe
@portal_page(BROWSE)
def volume(request: HttpRequest, connection: UUID, ref: str) -> HttpResponse:
    """One volume: its files page by page, and one of them shown."""
    owner = _connection(request, connection)
    prefix, after = request.GET.get("prefix", ""), request.GET.get("after") or None
    try:
        reading = catalog_of(owner)
        found = reading.get_volume(ref)
        files = reading.list_files(ref, prefix, FILES_ON_A_PAGE + 1, after)
        shown = _shown_file(owner, reading, ref, request.GET.get("file", ""))
    except WorkbenchError as error:
        return unreadable(request, ref, error)
    page = files[:FILES_ON_A_PAGE]
    context = {
        **_head(request, owner, "volume", ref, found.description),
        "volume": found,
        "tags": found.tags,
        "files": page,
        "prefix": prefix,
        "after": after or "",
        "next": page[-1].path if len(files) > FILES_ON_A_PAGE else "",
        "shown": shown,
    }
    return render_page(request, "workbench/volume.html", context)


def _shown_file(owner: Connection, reading: Catalog, ref: str, path: str) -> dict[str, Any] | None:
    if not path:
        return None
    url = serving.catalog_file_url(owner.pk, f"{ref}/{path}")
    pages = serving.preview_pages(reading.read_file(ref, path), url)
    return {"path": path, "url": url, "pages": pages}


def _head(request: HttpRequest, owner: Connection, kind: str, ref: str, description: str) -> dict[str, Any]:
    row = known(owner, kind, ref)
    actions = []
    if request.user.has_perm("workbench.add_sheet"):
        url = f"{reverse('workbench:sheet-new')}?connection={owner.pk}&primary={kind}:{ref}"
        actions.append({"label": "Make a Sheet from it", "url": url, "style": "primary", "method": "get"})
    return {
        "title": ref,
        "lead": description,
        "breadcrumbs": [{"label": "Catalog", "url": reverse("workbench:catalog")}, {"label": str(owner), "url": ""}],
        "constraint": strip_for(row) if row else None,
        "connection": owner,
        "row": row,
        "page_actions": actions,
    }


def unreadable(request: HttpRequest, ref: str, error: WorkbenchError) -> HttpResponse:
    """The page of what cannot be read: 404 for what is not there, else the problem in words."""
    if error.status == 404:
        raise Http404(error.message) from error
    context = {
        "title": ref,
        "problem": error.message,
        "breadcrumbs": [{"label": "Catalog", "url": reverse("workbench:catalog")}],
    }
    return render_page(request, "workbench/unreadable.html", context, status=error.status)


@require_safe
@portal_page(BROWSE)
def volume_file(request: HttpRequest, connection: UUID, ref: str) -> HttpResponse:
    """The content of one file of a volume."""
    owner, path = _connection(request, connection), request.GET.get("path", "")
    try:
        return serving.file_response(request, catalog_of(owner).read_file(ref, path), path)
    except WorkbenchError as error:
        return unreadable(request, ref, error)
