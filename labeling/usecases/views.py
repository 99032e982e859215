"""Sharing a Use Case with everything of it that one owns."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404

from governance.errors import WorkbenchError
from governance.portal.pages import portal_page, render_page
from governance.portal.rows import row_url
from labeling.usecases import services
from labeling.usecases.forms import ShareForm
from labeling.usecases.models import UseCase


@portal_page("labeling.view_usecase")
def usecase_share(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Asks to whom, shares, and says what could not be shared."""
    use_case = get_object_or_404(UseCase.objects.visible_to(request.user), pk=pk)
    if not services.shareable(use_case, request.user):
        messages.error(request, f"Nothing of “{use_case}” is yours to share. Ask {use_case.owner} to.")
        return HttpResponseRedirect(row_url(use_case))
    form = ShareForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            report = services.share_assets(use_case=use_case, by=request.user, **form.cleaned_data)
        except WorkbenchError as error:
            form.add_error(error.field if error.field in form.fields else None, error.message)
        else:
            (messages.warning if report.refused else messages.success)(request, str(report))
            return HttpResponseRedirect(row_url(use_case))
    context = {
        "title": f"Share {use_case}",
        "lead": "Shares the use case and each of its assets that you own; others stay as they are.",
        "breadcrumbs": [{"label": str(use_case), "url": row_url(use_case)}],
        "form": form,
        "action_label": "Share",
        "cancel_url": row_url(use_case),
    }
    return render_page(request, "governance/reason_form.html", context)
