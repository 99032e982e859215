"""How allauth signs people in here: who may enter, what is kept, and what an identity provider may say."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.usersessions.adapter import DefaultUserSessionsAdapter
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from governance import context, secrets
from governance.models import SignInEvent, User
from governance.outbound.addresses import allowances, of_a_setting
from governance.sign_in import kept, services, words
from governance.sign_in.ways import PROVIDER_PROVED_AT, address_of

PROVIDER_SECONDS = 5
"""In which an identity provider must answer; someone waits for it."""
OUTCOME, WAY = SignInEvent.Outcome, SignInEvent.Way


class AccountAdapter(DefaultAccountAdapter):
    """No sign-up, our words, failures on record."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "account_inactive": words.REFUSED,
        "username_password_mismatch": words.REFUSED,
        "invalid_login": words.REFUSED,
        "too_many_login_attempts": words.LOCKED_OUT,
        "rate_limited": words.LOCKED_OUT,
        "incorrect_password": words.WRONG_PASSWORD,
        "incorrect_code": words.WRONG_CODE,
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def is_safe_url(self, url: Any) -> bool:
        """Where to go after signing in: this site only, and no other that it trusts forms from."""
        return bool(url) and url_has_allowed_host_and_scheme(url, allowed_hosts={context_host()})

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Failed tries are counted by name alone: with the host in it, each port in the header would have its own."""
        return str(credentials.get("username", "")).casefold()

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError:
            record_refusal(request, credentials.get("username"), OUTCOME.LOCKED_OUT)
            raise

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        record_refusal(request, credentials.get("username"), OUTCOME.FAILED)

    def respond_user_inactive(self, request: HttpRequest, user: Any) -> HttpResponse:
        services.record_event(outcome=OUTCOME.FAILED, user=user, address=address_of(request))
        return refused_page(request, words.REFUSED)

    def logout(self, request: HttpRequest) -> None:
        """allauth ends the session of someone who logs in anew; what they typed waits for them in the next one."""
        comes_back = request.resolver_match and request.resolver_match.url_name == "openid_connect_callback"
        waiting = request.session.get(kept.KEY) if comes_back else None
        super().logout(request)
        if waiting:
            request.session[kept.KEY] = waiting

    def pre_login(self, request: HttpRequest, user: Any, **more: Any) -> HttpResponse | None:
        """However they proved who they are, only those who may enter the portal get a session."""
        if not user.is_staff:
            return self.respond_user_inactive(request, user)
        return super().pre_login(request, user, **more)

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """Whoever came through the identity provider can prove themselves there again."""
        methods = list(super().get_reauthentication_methods(user))
        if user.is_authenticated and settings.OIDC_SERVER_URL and user.socialaccount_set.exists():
            methods.append({
                "id": "provider", "description": f"Log in again with {settings.OIDC_NAME}",
                "url": reverse("account_confirm_by_provider"),
            })  # fmt: skip
        return methods


def record_refusal(request: HttpRequest, username: Any, outcome: str, way: str = WAY.PASSWORD) -> None:
    """A refused try, with the account's name if there is such an account."""
    user = User.objects.filter(username=str(username or "")).first()
    services.record_event(outcome=outcome, user=user, way=way, address=address_of(request))


def refused_page(request: HttpRequest, reason: str) -> HttpResponse:
    """Nobody is signed in, and this is why."""
    return render(request, "account/refused.html", {"reason": reason}, status=403)


class FactorAdapter(DefaultMFAAdapter):
    """Secrets of second factors are encrypted with the site's sealing key."""

    error_messages = {**DefaultMFAAdapter.error_messages, "incorrect_code": words.WRONG_CODE}

    def encrypt(self, text: str) -> str:
        return secrets.seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        return secrets.reveal(encrypted_text, field="code")

    def get_totp_issuer(self) -> str:
        return f"Workbench {context_host()}"

    def _get_user_identifier(self, user: Any) -> str:
        return str(user.get_username())


def context_host() -> str:
    """The host name under which the visitor sees the site."""
    from allauth.core import context as allauth_context

    return str(allauth_context.request.get_host())


class SessionsAdapter(DefaultUserSessionsAdapter):
    """Ending a session elsewhere is a sign-out, on record."""

    def end_sessions(self, sessions: Any) -> None:
        for session in sessions:
            if not session.is_current():  # that one is signed out as usual
                services.record_event(outcome=OUTCOME.SIGNED_OUT, user=session.user, address=session.ip)
        super().end_sessions(sessions)


class ProviderAdapter(DefaultSocialAccountAdapter):
    """One identity provider, from the environment. Its groups decide over the roles that are mapped."""

    def list_apps(self, request: Any, provider: Any = None, client_id: Any = None) -> list[Any]:
        """Settings only: a provider that a database row could add would be a way in past the settings."""
        from allauth.socialaccount.adapter import _build_apps_from_settings

        found = _build_apps_from_settings(provider=provider, client_id=client_id)
        return [app for apps in found.values() for app in apps]

    def get_provider(self, request: Any, provider: Any, client_id: Any = None) -> Any:
        """The one that checks what it is told."""
        from governance.sign_in.openid import CheckedProvider

        return CheckedProvider(request, app=super().get_provider(request, provider, client_id).app)

    def get_requests_session(self) -> Any:
        """The provider's address comes from the server's settings, and is trusted; whatever it names must be public."""
        from governance.outbound.clients import CheckedSession

        return CheckedSession([of_a_setting(settings.OIDC_SERVER_URL), *allowances()], timeout=PROVIDER_SECONDS)

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        return bool(settings.OIDC_UNKNOWN == "create")

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """Refuse who is unknown or may not enter; else set what the provider says."""
        claims = _claims(sociallogin)
        self._refuse_unproven(request, sociallogin)
        proved = claims.get("auth_time")
        setattr(request, PROVIDER_PROVED_AT, proved if isinstance(proved, int | float) else None)
        if sociallogin.is_existing:
            self._admit(request, sociallogin.user, claims)
        elif sociallogin.state.get("process") != "connect" and not self.is_open_for_signup(request, sociallogin):
            services.record_event(outcome=OUTCOME.FAILED, way=WAY.OIDC, address=address_of(request))
            raise ImmediateHttpResponse(refused_page(
                request,
                "You are not known here. Ask an administrator for an account, log in to it with its password, and "
                f"connect {settings.OIDC_NAME} on the page Signing in.",
            ))  # fmt: skip

    def _refuse_unproven(self, request: HttpRequest, sociallogin: Any) -> None:
        """What the user-information address says counts only for the person of the ID token (OpenID Connect 5.3.2)."""
        data = sociallogin.account.extra_data
        subject = (data.get("id_token") or {}).get("sub")
        if subject is None or (data.get("userinfo") or {}).get("sub", subject) != subject:
            services.record_event(outcome=OUTCOME.FAILED, way=WAY.OIDC, address=address_of(request))
            raise ImmediateHttpResponse(refused_page(
                request, f"The answer of {settings.OIDC_NAME} does not say beyond doubt who you are."
            ))  # fmt: skip

    def _admit(self, request: HttpRequest, user: Any, claims: dict[str, Any]) -> None:
        if not (user.is_active and user.is_staff):
            services.record_event(outcome=OUTCOME.FAILED, user=user, way=WAY.OIDC, address=address_of(request))
            raise ImmediateHttpResponse(refused_page(request, words.REFUSED))
        set_claimed_roles(user, claims)

    def save_user(self, request: HttpRequest, sociallogin: Any, form: Any = None) -> Any:
        """A new account: it may enter, is nobody's yet, and holds the roles that the provider says."""
        sociallogin.user.is_staff = True
        reason = f"first signed in through {settings.OIDC_NAME}"
        with context.because(reason):
            user = super().save_user(request, sociallogin, form)
        set_claimed_roles(user, _claims(sociallogin))
        return user

    def on_authentication_error(self, request: Any, provider: Any, **_: Any) -> None:
        """The provider refused, the person turned back, or its answer cannot be believed."""
        services.record_event(outcome=OUTCOME.FAILED, way=WAY.OIDC, address=address_of(request))


def _claims(sociallogin: Any) -> dict[str, Any]:
    """What the ID token says, and what the user-information address adds to it."""
    data = sociallogin.account.extra_data
    return {**(data.get("userinfo") or {}), **(data.get("id_token") or {})}


def set_claimed_roles(user: User, claims: dict[str, Any]) -> None:
    """A missing claim is no group at all; without a mapping, roles are given here alone."""
    if not settings.OIDC_ROLES:
        return
    claimed = claims.get(settings.OIDC_GROUPS_CLAIM) or []
    names = [claimed] if isinstance(claimed, str) else [str(one) for one in claimed]
    services.set_roles(user=user, claimed=names, mapping=settings.OIDC_ROLES)
