"""Deciding findings from the panel beside a pair. Plain HTML forms that lead back to the pair."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from governance.errors import InvalidInput, WorkbenchError
from governance.portal.pages import portal_page
from labeling.generation.models import QAPair
from labeling.quality import services
from labeling.quality.models import Finding


@portal_page("labeling.view_finding")
@require_POST
def decide_finding(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Accept (`action=accept`) or dismiss (`action=dismiss`, with `reason`) one finding."""
    user: Any = request.user
    finding = get_object_or_404(Finding.objects.visible_to(user).select_related("pair"), pk=pk)
    action, reason = request.POST.get("action", ""), request.POST.get("reason", "")

    def decide() -> str:
        if action == services.ACCEPT:
            services.accept_finding(finding=finding, by=user, reason=reason)
            return "The constraint is accepted and acts now."
        if action == services.DISMISS:
            services.dismiss_finding(finding=finding, by=user, reason=reason)
            return "The finding is dismissed."
        raise InvalidInput(f"{action!r} is no decision about findings; expected one of: {', '.join(services.ACTIONS)}.",
                           field="action")  # fmt: skip

    return _made(request, finding.pair, decide)


@portal_page("labeling.view_finding")
@require_POST
def accept_findings(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Accept every open proposal on one pair."""
    user: Any = request.user
    pair = get_object_or_404(QAPair.objects.visible_to(user), pk=pk)

    def decide() -> str:
        services.accept_all(pair=pair, by=user)
        return "The stricter constraint is accepted and acts now."

    return _made(request, pair, decide)


def _made(request: HttpRequest, pair: QAPair, decide: Callable[[], str]) -> HttpResponse:
    try:
        messages.success(request, decide())
    except WorkbenchError as error:
        messages.error(request, error.message)
    back = request.POST.get("back", "")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts=None):
        back = f"{reverse('labeling:review-pair', args=[pair.training_sheet_id])}?pair={pair.pk}"
    return HttpResponseRedirect(back)
