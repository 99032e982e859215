"""Logins of the API; a token's person is put on record like a session's, and its scopes are asked here."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.authentication import SessionScheme, TokenScheme
from rest_framework.authentication import BaseAuthentication, SessionAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from governance import context
from governance.errors import ScopeMissing
from governance.models import ApiToken
from governance.sign_in import services
from governance.sign_in.scopes import APPROVE, READ, WRITE

KEYWORDS = (b"token", b"bearer")


class ActingSessionAuthentication(SessionAuthentication):
    """Django's session. Answers 401, not 403, to those who are not signed in."""

    def authenticate_header(self, request: Request) -> str:
        return "Session"


class ActingTokenAuthentication(BaseAuthentication):
    """`Authorization: Token …`; sets who acts for the rest of the request, and refuses what the token is not for."""

    keyword = "Token"

    def authenticate(self, request: Request) -> tuple[Any, ApiToken] | None:
        words = get_authorization_header(request).split()
        if not words or words[0].lower() not in KEYWORDS:
            return None
        token = services.living_token(words[1].decode("latin-1")) if len(words) == 2 else None
        if token is None:
            raise AuthenticationFailed("The token is unknown, has expired or was revoked.")
        scopes = frozenset(token.scopes)
        if (needed := scope_of(request)) not in {"", *scopes}:
            raise ScopeMissing(
                f"This needs a token with the scope {needed}; this one may: {', '.join(token.scopes)}.",
                details={"scope": needed},
            )
        services.mark_used(token)
        context.acts_with_token(token.user, authenticated_at=_proved_at(token), scopes=scopes)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return self.keyword


def scope_of(request: Request) -> str:
    """What a token needs for this request: what the view says of its action, else read or write by the method."""
    view = request.parser_context.get("view") if request.parser_context else None
    handler = getattr(view, getattr(view, "action", None) or str(request.method).lower(), None)
    said = getattr(handler, "token_scope", None)
    if said is not None:
        return str(said)
    return READ if request.method in SAFE_METHODS else WRITE


def needs_scope(scope: str) -> Any:
    """Say of a view's method which scope a token needs for it; empty: any."""

    def mark(method: Any) -> Any:
        method.token_scope = scope
        return method

    return mark


def _proved_at(token: ApiToken) -> Any:
    """A token that may sign proves its person with each request, since an administrator gave it for that; another
    one proved it when it was made."""
    return timezone.now() if APPROVE in token.scopes else token.created_at


class ActingSessionScheme(SessionScheme):  # type: ignore[no-untyped-call]
    """How the schema describes the session login."""

    target_class = "governance.api.authentication.ActingSessionAuthentication"
    priority = 1


class ActingTokenScheme(TokenScheme):  # type: ignore[no-untyped-call]
    """How the schema describes the token login."""

    target_class = "governance.api.authentication.ActingTokenAuthentication"
    priority = 1
