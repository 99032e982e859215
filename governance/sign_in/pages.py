"""Pages of signing in that are not allauth's as they are: proving it again, ending a session, tokens."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from allauth.account.internal.flows.logout import logout as end_this_session
from allauth.account.mixins import NextRedirectMixin
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST
from django.views.generic import TemplateView

from governance import desk
from governance.errors import ReauthenticationRequired, WorkbenchError
from governance.models import ApiToken
from governance.sign_in import kept, services
from governance.sign_in.adapters import SessionsAdapter
from governance.sign_in.forms import MakeTokenForm


@require_POST
def logout(request: HttpRequest) -> HttpResponse:
    """End this session; also turns back from a sign-in that waits for a code."""
    end_this_session(request, show_message=False)
    return HttpResponseRedirect(reverse("account_login"))


@method_decorator(login_required, name="dispatch")
class ConfirmByProvider(NextRedirectMixin, TemplateView):
    """Asks the identity provider to have the person prove themselves again."""

    template_name = "account/confirm_by_provider.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {"provider_name": settings.OIDC_NAME}


confirm_by_provider = ConfirmByProvider.as_view()


@login_required
@require_POST
def end_session(request: HttpRequest, pk: int) -> HttpResponse:
    """Log one's own account out in another browser."""
    session = get_object_or_404(UserSession, pk=pk, user=request.user)
    SessionsAdapter().end_sessions([session])
    if session.is_current():
        end_this_session(request, show_message=False)
        return HttpResponseRedirect(reverse("account_login"))
    messages.success(request, "That session has ended.")
    return HttpResponseRedirect(reverse("usersessions_list"))


@login_required
@never_cache
def tokens(request: HttpRequest) -> HttpResponse:
    """One's own tokens, and a form for one more, whose text is shown in this one answer."""
    user: Any = request.user
    form = _token_form(request, user)
    made = text = None
    if request.method == "POST" and form.is_valid():
        try:
            desk.require_proof(services.MINUTES_FOR_TOKENS, "Making a token", by=user)
            made, text = services.make_token(user=user, by=user, **form.cleaned_data)
            form = _token_form(request, user, fresh=True)
        except ReauthenticationRequired:
            return kept.prove_first(request)
        except WorkbenchError as error:
            form.add_error(error.field if error.field in form.fields else None, error.message)
    own = ApiToken.objects.filter(user=user).select_related("created_by")[:200]
    context = {"form": form, "made": made, "text": text, "tokens": [_shown(token) for token in own]}
    return render(request, "account/tokens.html", context)


def _token_form(request: HttpRequest, user: Any, *, fresh: bool = False) -> MakeTokenForm:
    if request.method == "POST" and not fresh:
        return MakeTokenForm(request.POST, may_approve=user.is_superuser)
    typed = None if fresh else kept.typed_before(request)
    return MakeTokenForm(typed, may_approve=user.is_superuser)


def _shown(token: ApiToken) -> dict[str, Any]:
    state, tone = services.state_of(token)
    return {"row": token, "state": state, "tone": tone, "lives": state == "in force"}


@login_required
@require_POST
def revoke_token(request: HttpRequest, pk: UUID) -> HttpResponse:
    """End a token of one's own."""
    token = get_object_or_404(ApiToken, pk=pk, user=request.user)
    services.revoke_token(token=token, by=request.user)  # type: ignore[arg-type]
    messages.success(request, f"{token} is revoked: programs that carry it are refused from now on.")
    return HttpResponseRedirect(reverse("account_tokens"))
