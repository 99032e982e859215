"""What the labelling page asks for while someone works on an item: words of a page, where words stand, the draft."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from governance.api.views import whole_number
from governance.errors import InvalidInput, WorkbenchError
from governance.portal.pages import portal_page
from labeling.annotating import drafts
from labeling.labels.showing import places_of, words_on_page
from labeling.labels.views import VIEW, Desk, turned

MOST_PAGES = 100_000
PLACES = ("x", "y", "width", "height")


def _told(view: Callable[[HttpRequest], dict[str, Any]]) -> Callable[[HttpRequest], JsonResponse]:
    """The view's answer as JSON, and what is wrong as `error` with its status."""

    @wraps(view)
    def answered(request: HttpRequest) -> JsonResponse:
        try:
            return JsonResponse(view(request))
        except WorkbenchError as error:
            return JsonResponse({"error": error.message}, status=error.status)

    return answered


@portal_page(VIEW)
@require_GET
@_told
def label_words(request: HttpRequest) -> dict[str, Any]:
    """The text of a PDF's page, or of the box `x`, `y`, `width`, `height` in its picture."""
    desk = Desk(request)
    text = words_on_page(
        desk.version,
        desk.labelset,
        request.GET.get("item", ""),
        request.GET.get("column", ""),
        whole_number(request.GET.get("page"), field="page", default=1, at_most=MOST_PAGES),
        rotation=turned(request),
        box=_box(request) if "x" in request.GET else None,
    )
    return {"text": text}


def _box(request: HttpRequest) -> tuple[float, float, float, float]:
    values = []
    for name in PLACES:
        try:
            values.append(float(request.GET.get(name, "")))
        except ValueError as error:
            given = request.GET.get(name, "")[:40]
            raise InvalidInput(f"{name}={given!r} is no number; give x, y, width and height.", field=name) from error
        if not abs(values[-1]) < 1_000_000:
            raise InvalidInput(f"{name} is no place in a picture; give pixels.", field=name)
    x, y, width, height = values
    return x, y, width, height


@portal_page(VIEW)
@require_GET
@_told
def label_find(request: HttpRequest) -> dict[str, Any]:
    """Where the words `q` stand in a PDF: pages and boxes."""
    desk = Desk(request)
    return places_of(
        desk.version,
        desk.labelset,
        request.GET.get("item", ""),
        request.GET.get("column", ""),
        request.GET.get("q", ""),
        turned(request),
    )


@portal_page(VIEW)
@require_POST
@_told
def label_draft(request: HttpRequest) -> dict[str, Any]:
    """Keep what is entered; the page sends it a moment after each change."""
    desk = Desk(request)
    user: Any = request.user
    draft = drafts.save(
        sheet=desk.sheet,
        label_type=desk.label_type,
        item_ref=request.GET.get("item", ""),
        by=user,
        entered=dict(request.POST.lists()),
    )
    return {"saved_at": f"{timezone.localtime(draft.saved_at):%H:%M:%S}"}
