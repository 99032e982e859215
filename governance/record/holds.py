"""Legal holds: what must be kept for a court or an authority is erased by nobody until two people say so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from governance import access, context, desk
from governance.errors import AlreadyDecided, InvalidInput, ReasonRequired
from governance.models import ApprovalRequest, LegalHold
from governance.record.tables import holdable

if TYPE_CHECKING:
    from governance.models import User

GATE = "lift-legal-hold"


@transaction.atomic
def place_hold(*, kind: str, object_id: str, reason: str, by: User) -> LegalHold:
    """Keep the values of one row, of one kind of row (no `object_id`), or of the whole record (neither). At once.

    :raises NotPermitted: `by` may not place holds.
    :raises ReasonRequired: nobody could tell when it may be lifted.
    :raises InvalidInput: no such kind of row is on record.
    """
    access.require(by, "governance.add_legalhold")
    if not reason.strip():
        raise ReasonRequired("Say for which matter it is kept; who lifts the hold goes by that.", field="reason")
    if kind and kind not in holdable():
        raise InvalidInput(
            f"{kind!r} is not on record; expected one of: {', '.join(holdable())}.", field="kind"
        )
    if object_id and not kind:
        raise InvalidInput("Say of which kind the row is.", field="kind")
    with context.because(reason, by=by):
        return LegalHold.objects.create(
            kind=kind, object_id=object_id.strip(), reason=reason.strip(), placed_by=by
        )


@transaction.atomic
def request_lift(*, hold: LegalHold, reason: str, by: User) -> ApprovalRequest:
    """Ask for a hold to be lifted; another compliance officer decides.

    :raises AlreadyDecided: it was lifted.
    """
    access.require(by, "governance.add_legalhold", hold)
    return desk.request_approval(gate=GATE, subject=hold, by=by, reason=reason)


def check(hold: LegalHold) -> None:
    if hold.lifted_at is not None:
        raise AlreadyDecided("This hold was lifted already.")


def perform(hold: LegalHold, asked: ApprovalRequest, by: User) -> None:
    """Lift it, in the transaction of the last signature."""
    hold.lifted_at = timezone.now()
    hold.save(update_fields=["lifted_at"])
