"""What signing in writes: events, tokens, and the roles that an identity provider says someone holds."""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from governance import context, desk
from governance.errors import InvalidInput, NotPermitted, ReasonRequired
from governance.models import ApiToken, SignInEvent
from governance.roles import group_for
from governance.sign_in.scopes import APPROVE, OF_A_LOGIN, SCOPES

if TYPE_CHECKING:
    from governance.models import User

log = logging.getLogger(__name__)

PREFIX = "wb_"
SHOWN = 9
"""So many characters of a token are kept readable, to tell tokens apart."""
DAYS = 90
AT_MOST_DAYS = 366
LOGIN_HOURS = 12
MINUTES_FOR_TOKENS = 15
"""Who makes a token must have proved who they are within so many minutes."""
USED_EVERY = timedelta(minutes=1)


def record_event(
    *, outcome: str, user: User | None = None, way: str = "", address: str | None = None, note: str = "",
    reason: str = "",
) -> SignInEvent:
    """Keep that someone signed in or out, or failed to; `note` where somebody else did it to them."""
    by = None if note else user
    with transaction.atomic(), context.because(reason or outcome.replace("_", " "), by=by):
        return SignInEvent.objects.create(
            outcome=outcome, user=user, name=user.display_name if user else "", way=way, address=address, note=note
        )


# -- second factors -------------------------------------------------------------------------------------------


def take_factors(*, user: User, by: User | None, reason: str) -> int:
    """Remove somebody's second factors after they lost them, and end their sessions; how many there were.

    They are told when they log in next, and by e-mail where there is a mail server. `by` None: a command.

    :raises NotPermitted: `by` is no administrator, or would remove their own.
    :raises ReasonRequired: no reason.
    :raises ReauthenticationRequired: `by` last proved who they are too long ago.
    :raises InvalidInput: there is none to remove.
    """
    if by is not None:
        _require_other_administrator(user, by)
    if not reason.strip():
        raise ReasonRequired("Say how you know that it is them who lost it; it goes on record.", field="reason")
    if by is not None:
        desk.require_proof(MINUTES_FOR_TOKENS, "Removing second factors", by=by)
    with transaction.atomic(), context.because(reason, by=by):
        count = _remove_factors(user)
        who = by.display_name if by else "a command on the server"
        event = record_event(
            outcome=SignInEvent.Outcome.FACTORS_TAKEN, user=user, note=f"{who}: {reason.strip()}", reason=reason
        )
    _mail_about(event)
    return count


def _require_other_administrator(user: User, by: User) -> None:
    if not (by.is_active and by.is_superuser):
        raise NotPermitted("Only an administrator removes second factors. Ask one.")
    if by.pk == user.pk or (by.person_id is not None and by.person_id == user.person_id):
        raise NotPermitted("These are your own second factors. Another administrator must remove them.")


def _remove_factors(user: User) -> int:
    """Recovery codes too: who took the app may have taken them."""
    from allauth.usersessions.models import UserSession

    factors = factors_of(user)
    if not factors:
        raise InvalidInput(f"{user.display_name} has no second factor to remove.", field="user")
    for factor in factors:
        factor.delete()
    for session in UserSession.objects.filter(user=user):
        session.end()
    return len(factors)


def factors_of(user: User) -> list[Any]:
    """What proves who `user` is besides a password; recovery codes among them."""
    from allauth.mfa.models import Authenticator

    return list(Authenticator.objects.filter(user=user).order_by("type", "pk"))


def _mail_about(event: SignInEvent) -> None:
    """A mail server that is down holds nothing up: the person is told at the next login."""
    address = event.user.email if event.user else ""
    if not (settings.EMAIL_HOST and address):
        return
    try:
        send_mail("Your second factors were removed", told_about(event), None, [address])
    except OSError:
        log.warning("no mail server took the notice about second factors of %s", event.name, exc_info=True)


def told_about(event: SignInEvent) -> str:
    """What the person whose second factors were removed is told."""
    return (
        f"Your second factors were removed on {event.happened_at:%d %b %Y %H:%M} UTC by {event.note}. If you did not "
        "ask for this, tell your administrators now and change your password. Set up new ones under Signing in."
    )


def untold(user: User) -> SignInEvent | None:
    """That an administrator removed the second factors of `user` since they last logged in, if so."""
    Outcome = SignInEvent.Outcome
    own = SignInEvent.objects.filter(user=user, outcome__in=(Outcome.FACTORS_TAKEN, Outcome.SIGNED_IN))
    last = own.order_by("-happened_at", "-id").first()
    return last if last is not None and last.outcome == Outcome.FACTORS_TAKEN else None


# -- tokens ---------------------------------------------------------------------------------------------------


@transaction.atomic
def make_token(
    *, user: User, by: User | None, name: str, scopes: Iterable[str], days: int = DAYS
) -> tuple[ApiToken, str]:
    """A token that acts for `user`, and its text, which is nowhere else. `by` None: a command on the server.

    :raises NotPermitted: `by` is someone else and no administrator; or asks for `approve` and is none.
    :raises InvalidInput: no name, no scope or an unknown one, or a life that is not 1 to 366 days.
    """
    chosen = _checked_scopes(scopes)
    if by is not None and not by.is_superuser:
        if by.pk != user.pk:
            raise NotPermitted("Only an administrator makes tokens for other people's accounts.")
        if APPROVE in chosen:
            raise NotPermitted("Only an administrator can give a token the scope approve; ask one.")
    if not user.is_active:
        raise InvalidInput(f"The account {user.username} is not active.", field="user")
    if not 1 <= days <= AT_MOST_DAYS:
        raise InvalidInput(f"{days} days cannot be used; expected 1 to {AT_MOST_DAYS}.", field="days")
    return _write_token(user=user, by=by, name=name, scopes=chosen, life=timedelta(days=days))


def make_login_token(*, user: User) -> tuple[ApiToken, str]:
    """The short-lived token that a user name and password are exchanged for."""
    return _write_token(user=user, by=user, name="login", scopes=OF_A_LOGIN, life=timedelta(hours=LOGIN_HOURS))


def _checked_scopes(scopes: Iterable[str]) -> tuple[str, ...]:
    asked = set(scopes)
    for scope in sorted(asked - SCOPES.keys()):
        raise InvalidInput(f"{scope!r} is no scope; expected some of {', '.join(SCOPES)}.", field="scopes")
    if not asked:
        raise InvalidInput(f"Choose at least one scope of {', '.join(SCOPES)}.", field="scopes")
    return tuple(scope for scope in SCOPES if scope in asked)


def _write_token(
    *, user: User, by: User | None, name: str, scopes: Iterable[str], life: timedelta
) -> tuple[ApiToken, str]:
    if not name.strip():
        raise InvalidInput("Name the token after the program that will carry it.", field="name")
    text = PREFIX + secrets.token_urlsafe(32)
    with transaction.atomic(), context.because(f"token made: {', '.join(scopes)}", by=by):
        token = ApiToken.objects.create(
            user=user,
            name=name.strip()[:120],
            start=text[:SHOWN],
            digest=digest_of(text),
            scopes=list(scopes),
            created_by=by,
            expires_at=timezone.now() + life,
        )
    return token, text


def digest_of(text: str) -> str:
    """A token has 256 random bits, so a plain SHA-256 cannot be searched."""
    return hashlib.sha256(text.encode()).hexdigest()


@transaction.atomic
def revoke_token(*, token: ApiToken, by: User) -> ApiToken:
    """End a token now, wherever it is in use.

    :raises NotPermitted: it acts for someone else and `by` is no administrator.
    """
    token = ApiToken.objects.select_for_update().get(pk=token.pk)
    if token.user_id != by.pk and not by.is_superuser:
        raise NotPermitted("Only its owner or an administrator may revoke a token.")
    if token.revoked_at is None:
        with context.because("token revoked", by=by):
            token.revoked_at = timezone.now()
            token.save(update_fields=["revoked_at"])
    return token


def living_token(text: str) -> ApiToken | None:
    """The token of this text with its account, unless it is unknown, expired or revoked, or the account inactive."""
    found = ApiToken.objects.select_related("user").filter(
        digest=digest_of(text), revoked_at=None, expires_at__gt=timezone.now(), user__is_active=True
    )
    return found.first()


def state_of(token: ApiToken) -> tuple[str, str]:
    """In a word, and the tone of its chip."""
    if token.revoked_at is not None:
        return "revoked", "prohibited"
    if token.expires_at <= timezone.now():
        return "expired", "plain"
    return "in force", "permitted"


def mark_used(token: ApiToken) -> None:
    """Keep when a token was last used, at most once a minute."""
    now = timezone.now()
    if token.last_used_at is None or token.last_used_at <= now - USED_EVERY:
        stale = Q(last_used_at=None) | Q(last_used_at__lte=now - USED_EVERY)
        ApiToken.objects.filter(stale, pk=token.pk).update(last_used_at=now)


# -- roles of an identity provider ----------------------------------------------------------------------------


@transaction.atomic
def set_roles(*, user: User, claimed: Iterable[str], mapping: dict[str, str]) -> None:
    """Of the roles that `mapping` (claim → role) names, `user` holds exactly those that were claimed.

    Other groups, such as teams, stay as they are. What changes is on record as done at this sign-in.
    """
    managed = {group_for(role) for role in mapping.values()}
    claims = set(claimed)
    wanted = {group_for(role) for claim, role in mapping.items() if claim in claims}
    held = set(user.groups.all())
    with context.because("roles as the identity provider says", by=user):
        if lost := (managed - wanted) & held:
            user.groups.remove(*lost)
        if gained := wanted - held:
            user.groups.add(*gained)
