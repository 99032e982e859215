"""How someone proved who they are in a session, and when."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest

from governance.models import SignInEvent

PROVED_AT = "governance.proved_at"
"""Session key: seconds since 1970 at which the person last proved who they are."""
PROVIDER_PROVED_AT = "_provider_proved_at"
"""Attribute of the request in which an identity provider has answered: when it last saw the person prove it."""

WAYS = {
    "totp": SignInEvent.Way.TOTP,
    "recovery_codes": SignInEvent.Way.RECOVERY_CODE,
    "webauthn": SignInEvent.Way.PASSKEY,
}


def way_of(method: str, kind: str = "") -> str:
    """The way behind one of allauth's authentication records: its method, and the type of a second factor."""
    if method == "mfa":
        return WAYS.get(kind, "")
    return {"password": SignInEvent.Way.PASSWORD, "socialaccount": SignInEvent.Way.OIDC}.get(method, "")


def way_of_session(request: HttpRequest) -> str:
    """The last step of a sign-in says which way it was: a code comes after the password."""
    from allauth.account.authentication import get_authentication_records

    records = get_authentication_records(request, request.user)  # type: ignore[arg-type]
    return way_of(records[-1]["method"], records[-1].get("type", "")) if records else ""


def has_proved(request: HttpRequest) -> None:
    """The person has just proved who they are, or did so when the identity provider says."""
    request.session[PROVED_AT] = getattr(request, PROVIDER_PROVED_AT, None) or time.time()


def proved_at(request: Any) -> datetime | None:
    """When the person of this session last proved who they are; None for nobody."""
    session = getattr(request, "session", None)
    seconds = session.get(PROVED_AT) if session is not None and session.session_key else None
    return datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, int | float) else None


def address_of(request: HttpRequest | None) -> str | None:
    """The visitor's address, behind as many proxies as the settings trust."""
    if request is None or not request.META.get("REMOTE_ADDR"):
        return None
    from allauth.core.internal.httpkit import get_client_ip

    return get_client_ip(request)
