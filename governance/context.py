"""Who acts now, through which door and why. Set by middleware, tasks and commands; read by the record."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from governance.models import User


@dataclass(frozen=True)
class Acting:
    """One person (or none) at one door; `door` is admin, api, task, command or mcp.

    `account` names who ran a command: an account of the operating system, not of the portal.
    `authenticated_at` is when the person last proved who they are: in a session, the last password, code or key; with
    a token, when it was made, or now if it may approve. `scopes` are those of the token; None where there is none.
    """

    user: User | None = None
    door: str = ""
    reason: str = ""
    request_id: str = ""
    account: str = ""
    authenticated_at: datetime | None = None
    scopes: frozenset[str] | None = None

    @property
    def user_id(self) -> int | None:
        return self.user.pk if self.user is not None and self.user.is_authenticated else None

    @property
    def name(self) -> str:
        if self.user is not None and self.user.is_authenticated:
            return self.user.display_name
        return f"{self.account} (system account)" if self.account else ""


NOBODY = Acting()
_acting: ContextVar[Acting] = ContextVar("acting", default=NOBODY)


def current() -> Acting:
    return _acting.get()


@contextmanager
def acting(
    *,
    user: User | None,
    door: str,
    reason: str = "",
    request_id: str = "",
    account: str = "",
    authenticated_at: datetime | None = None,
) -> Iterator[Acting]:
    """Everything recorded inside is recorded as done by `user` through `door`."""
    token = _acting.set(Acting(user, door, reason, request_id or uuid.uuid4().hex, account, authenticated_at))
    try:
        yield _acting.get()
    finally:
        _acting.reset(token)


@contextmanager
def because(reason: str, *, by: User | None = None) -> Iterator[None]:
    """Everything recorded inside carries `reason`, and `by` where no person is known yet."""
    now = _acting.get()
    token = _acting.set(replace(now, reason=reason or now.reason, user=by or now.user))
    try:
        yield
    finally:
        _acting.reset(token)


def acts_with_token(user: User, *, authenticated_at: datetime, scopes: frozenset[str]) -> None:
    """For the rest of the request, what happens is done by `user` through a token with these scopes."""
    _acting.set(replace(_acting.get(), user=user, door="api", authenticated_at=authenticated_at, scopes=scopes))
