"""Files of volumes as answers to a browser: shown when known to be harmless, else downloaded."""

from __future__ import annotations

from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from governance.api.views import whole_number
from workbench.catalogs.previews import content_type_of, page_as_png, page_count
from workbench.catalogs.selectors import split_path

DOWNLOAD = "application/octet-stream"


def file_response(request: HttpRequest, content: bytes, path: str) -> HttpResponse:
    """`content` inline if it is an image or a PDF, with `?page=N` that page as PNG; anything else as download."""
    if request.GET.get("page"):
        number = whole_number(request.GET["page"], field="page", default=1, at_most=100_000)
        return _inline(page_as_png(content, number), "image/png")
    kind = content_type_of(content)
    if kind and not request.GET.get("download"):
        return _inline(content, kind)
    answer = HttpResponse(content, content_type=DOWNLOAD)
    answer.headers["Content-Disposition"] = _attachment(path.rpartition("/")[2])
    return _guarded(answer)


def _inline(content: bytes, kind: str) -> HttpResponse:
    return _guarded(HttpResponse(content, content_type=kind))


def _guarded(answer: HttpResponse) -> HttpResponse:
    """The browser must not guess another type, and nobody else may keep a copy."""
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Cache-Control"] = "private, max-age=60"
    return answer


def _attachment(name: str) -> str:
    from django.utils.http import content_disposition_header

    return str(content_disposition_header(True, name))


def item_file_url(sheet_id: UUID | str, item_ref: str, path_value: str, page: int | None = None) -> str:
    """Address of one file of a Sheet's item; `path_value` is what its path column holds."""
    asked: dict[str, str | int] = {"item": item_ref, "path": path_value}
    if page is not None:
        asked["page"] = page
    return f"{reverse('workbench:volume-file', args=[sheet_id])}?{urlencode(asked)}"


def catalog_file_url(connection_id: UUID | str, path_value: str) -> str:
    """Address of one file of a volume, for those who may browse the connection."""
    volume, path = split_path(path_value)
    return f"{reverse('workbench:catalog-file', args=[connection_id, volume])}?{urlencode({'path': path})}"


def preview_pages(content: bytes, url: str, at_most: int = 5) -> list[str]:
    """Addresses of the pictures that show a file: its pages for a PDF, itself for an image, none for others."""
    kind = content_type_of(content)
    if kind == "application/pdf":
        return [f"{url}&page={number}" for number in range(1, min(page_count(content), at_most) + 1)]
    return [url] if kind else []
