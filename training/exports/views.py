"""Handing out the file of an export."""

from __future__ import annotations

from uuid import UUID

from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from governance.errors import ReauthenticationRequired, WorkbenchError
from governance.portal.pages import portal_page, render_page
from governance.portal.rows import row_url
from governance.sign_in import kept
from training.exports import services
from training.exports.models import Export


@require_safe
@portal_page("training.view_export")
def export_download(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """The finished file, streamed; what may not leave any more says why."""
    rows = Export.objects.visible_to(request.user).select_related("version__dataset")  # type: ignore[arg-type]
    row = get_object_or_404(rows, pk=pk)
    try:
        file = services.open_export(export=row, by=request.user)  # type: ignore[arg-type]
    except ReauthenticationRequired:
        return kept.prove_first(request, back=row_url(row))
    except WorkbenchError as error:
        return _refused(request, row, error)
    response = FileResponse(file, as_attachment=True, filename=row.file_name, content_type="application/octet-stream")
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "no-store"
    return response


def _refused(request: HttpRequest, row: Export, error: WorkbenchError) -> HttpResponse:
    context = {
        "title": "The file cannot be handed out",
        "problem": error.message,
        "breadcrumbs": [{"label": str(row), "url": row_url(row)}],
    }
    return render_page(request, "training/refused.html", context, status=error.status)
