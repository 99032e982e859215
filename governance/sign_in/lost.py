"""The page on which an administrator takes lost second factors away."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse

from governance.errors import ReauthenticationRequired, WorkbenchError
from governance.models import User
from governance.portal.pages import portal_page, render_page
from governance.portal.steps import ReasonForm
from governance.sign_in import kept, services


class LossForm(ReasonForm):
    """Asks what a stranger on the telephone could not say."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].help_text = "How you know that it is them who lost it. On record, and they read it."


@portal_page("governance.change_user")
def second_factors(request: HttpRequest, pk: int) -> HttpResponse:
    """What protects an account, and a form to take it away after a loss."""
    if not request.user.is_superuser:
        raise PermissionDenied
    account = get_object_or_404(User, pk=pk)
    back = reverse("admin:governance_user_change", args=[pk])
    factors = services.factors_of(account)
    if not factors:
        messages.info(request, f"{account} has no second factor to remove.")
        return HttpResponseRedirect(back)
    form = LossForm(request.POST or kept.typed_before(request))
    if request.method == "POST" and form.is_valid():
        try:
            services.take_factors(user=account, by=request.user, reason=form.cleaned_data["reason"])  # type: ignore[arg-type]
            messages.success(request, f"The second factors of {account} are removed, and their sessions have ended.")
            return HttpResponseRedirect(back)
        except ReauthenticationRequired:
            return kept.prove_first(request)
        except WorkbenchError as error:
            form.add_error(error.field if error.field in form.fields else None, error.message)
    named = ", ".join(dict.fromkeys(factor.get_type_display() for factor in factors))
    context = {
        "title": "Remove second factors",
        "lead": f"{account} has: {named}. All of it is removed, their sessions end, and they are told.",
        "form": form,
        "action_label": "Remove second factors",
        "cancel_url": back,
        "danger": True,
        "breadcrumbs": [{"label": str(account), "url": back}],
    }
    return render_page(request, "governance/reason_form.html", context)
