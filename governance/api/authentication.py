"""Logins of the API; a token's person is put on record like a session's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from drf_spectacular.authentication import SessionScheme, TokenScheme
from rest_framework.authentication import SessionAuthentication, TokenAuthentication
from rest_framework.request import Request

from governance import context


class ActingSessionAuthentication(SessionAuthentication):
    """Django's session. Answers 401, not 403, to those who are not signed in."""

    def authenticate_header(self, request: Request) -> str:
        return "Session"


class ActingTokenAuthentication(TokenAuthentication):
    """`Authorization: Token …`; sets who acts for the rest of the request."""

    def authenticate_credentials(self, key: str) -> tuple[Any, Any]:
        user, token = super().authenticate_credentials(key)
        context._acting.set(replace(context.current(), user=user, door="api"))
        return user, token


class ActingSessionScheme(SessionScheme):  # type: ignore[no-untyped-call]
    """How the schema describes the session login."""

    target_class = "governance.api.authentication.ActingSessionAuthentication"
    priority = 1


class ActingTokenScheme(TokenScheme):  # type: ignore[no-untyped-call]
    """How the schema describes the token login."""

    target_class = "governance.api.authentication.ActingTokenAuthentication"
    priority = 1
