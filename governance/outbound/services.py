"""Allowing an address that is not public, and ending that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.utils import timezone

from governance import context
from governance.errors import InvalidInput, NotPermitted, ReasonRequired
from governance.models import AllowedAddress
from governance.outbound.addresses import allowance_of, text_of

if TYPE_CHECKING:
    from governance.models import User


@transaction.atomic
def allow_address(*, by: User, address: str, reason: str) -> AllowedAddress:
    """Models may be called at `address` (a host, `host:port`, an address or a network) from now on.

    :raises NotPermitted: `by` is no administrator.
    :raises ReasonRequired: whoever looks at it later would not know why.
    :raises InvalidInput: it is none of these, or is allowed already.
    """
    _require_administrator(by)
    if not reason.strip():
        raise ReasonRequired("Say what stands there and why it is called; it goes on record.", field="reason")
    written = text_of(allowance_of(address))
    row = AllowedAddress(address=written, reason=reason.strip(), allowed_by=by)
    with context.because(reason, by=by):
        try:
            with transaction.atomic():
                row.save()
        except IntegrityError as error:
            raise InvalidInput(f"{written} is allowed already.", field="address") from error
    return row


@transaction.atomic
def revoke_address(*, allowed: AllowedAddress, by: User, reason: str) -> AllowedAddress:
    """Nothing is called there any more, from the next call on.

    :raises NotPermitted: `by` is no administrator.
    :raises ReasonRequired: no reason.
    """
    _require_administrator(by)
    if not reason.strip():
        raise ReasonRequired("Say why it is no longer called; it goes on record.", field="reason")
    allowed = AllowedAddress.objects.select_for_update().get(pk=allowed.pk)
    if allowed.revoked_at is None:
        allowed.revoked_at = timezone.now()
        with context.because(reason, by=by):
            allowed.save(update_fields=["revoked_at"])
    return allowed


def _require_administrator(by: User) -> None:
    if not (by.is_active and by.is_superuser):
        raise NotPermitted("Only an administrator decides which addresses may be called. Ask one.")
