"""Lending one's right to sign to someone else until a date, on record. What was lent cannot be lent on."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from governance import access, context, desk
from governance.approvals.registry import GATES
from governance.errors import AlreadyDecided, InvalidInput, NotPermitted, ReasonRequired
from governance.models import Delegation
from governance.roles import ROLES, roles_of

if TYPE_CHECKING:
    from governance.models import User

LONGEST_DAYS = 366
PROOF_MINUTES = 15


@transaction.atomic
def delegate(*, by: User, to: User, role: str, until: datetime, reason: str, gate: str = "") -> Delegation:
    """Let `to` sign in a role of `by` until `until`: at one gate, or at every gate (empty).

    Whoever signs with it must see the row, must not have asked for it or made it, and counts once with `by`.
    :raises NotPermitted: `by` does not sign anything, or does not hold the role themselves.
    :raises InvalidInput: an unknown gate or role, an end that has passed or lies too far off, or a receiver who is no
        other person: `by` with another account, a service account, an inactive one.
    :raises ReasonRequired: no reason was given.
    :raises ScopeMissing: it comes with a token that was not made for signing.
    :raises ReauthenticationRequired: `by` last proved who they are too long ago.
    """
    access.require(by, "governance.add_delegation")
    desk.require_signing_scope()
    desk.require_proof(PROOF_MINUTES, "Lending your right to sign", by=by)
    if not reason.strip():
        raise ReasonRequired("Say why you lend your right; it goes on record.", field="reason")
    if role not in roles_of(by):
        named = ROLES[role][0].lower() if role in ROLES else repr(role)
        raise NotPermitted(f"You do not hold the role {named} yourself, and what was lent to you cannot be lent on.")
    if gate and gate not in GATES:
        raise InvalidInput(f"{gate!r} is no gate; expected one of {', '.join(sorted(GATES))}.", field="gate")
    _check_end(until)
    _check_receiver(by, to)
    with context.because(reason.strip(), by=by):
        return Delegation.objects.create(
            delegator=by, delegate=to, role=role, gate=gate, until=until, reason=reason.strip()
        )


def _check_end(until: datetime) -> None:
    now = timezone.now()
    if not now < until <= now + timedelta(days=LONGEST_DAYS):
        raise InvalidInput(
            f"The right cannot be lent until {until:%Y-%m-%d %H:%M}; expected a moment within the next {LONGEST_DAYS} "
            "days.", field="until",
        )  # fmt: skip


def _check_receiver(by: User, to: User) -> None:
    if not to.is_active or to.person_id is None:
        what = "a service account" if to.is_active else "not active"
        raise InvalidInput(f"{to.username} is {what}; only a person can sign for you.", field="to")
    if to.person_id == by.person_id:
        raise InvalidInput(f"{to.username} is an account of yours; name another person.", field="to")


@transaction.atomic
def revoke(*, delegation: Delegation, by: User, reason: str = "") -> Delegation:
    """End it now. What was signed with it stays.

    :raises NotPermitted: `by` neither lent nor received it and is no administrator.
    :raises AlreadyDecided: it was revoked before.
    """
    delegation = Delegation.objects.select_for_update().get(pk=delegation.pk)
    if not (by.is_superuser or by.pk in {delegation.delegator_id, delegation.delegate_id}):
        raise NotPermitted("Only who lent the right, who received it or an administrator may end this.")
    if delegation.revoked_at is not None:
        raise AlreadyDecided("This was ended already.")
    delegation.revoked_at, delegation.revoked_by = timezone.now(), by
    with context.because(reason.strip() or "the right to sign is no longer lent", by=by):
        delegation.save(update_fields=["revoked_at", "revoked_by"])
    return delegation


def state_of(delegation: Delegation) -> tuple[str, str]:
    """In a word, and the tone of its chip."""
    if delegation.revoked_at is not None:
        return "ended", "plain"
    return ("in force", "permitted") if delegation.until > timezone.now() else ("run out", "plain")
