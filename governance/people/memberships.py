"""Memberships of groups that end: counted nowhere from that moment, and taken away by the next look, on record."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import Group
from django.db import transaction
from django.utils import timezone

from governance import context, jobs
from governance.errors import InvalidInput, NotPermitted, ReasonRequired
from governance.models import MembershipEnd, User

if TYPE_CHECKING:
    from collections.abc import Iterator


@transaction.atomic
def end_membership(*, user: User, group: Group, until: datetime, by: User, reason: str) -> MembershipEnd:
    """Let a membership end at a moment; said again, the newer moment counts.

    :raises NotPermitted: `by` is no administrator.
    :raises InvalidInput: the account is not in the group, or the moment has passed.
    :raises ReasonRequired: no reason was given.
    """
    _require_administrator(by)
    if not reason.strip():
        raise ReasonRequired("Say why the membership ends; it goes on record.", field="reason")
    if not User.groups.through.objects.filter(user=user, group=group).exists():
        raise InvalidInput(f"{user.username} is not in “{group}”.", field="group")
    if until <= timezone.now():
        raise InvalidInput(f"{until:%Y-%m-%d %H:%M} has passed; take them out of the group instead.", field="until")
    with context.because(reason.strip(), by=by):
        end, _ = MembershipEnd.objects.update_or_create(
            user=user, group=group, defaults={"until": until, "reason": reason.strip(), "set_by": by}
        )
    return end


@transaction.atomic
def keep_membership(*, end: MembershipEnd, by: User, reason: str) -> None:
    """Let a membership go on for good.

    :raises NotPermitted: `by` is no administrator.
    """
    _require_administrator(by)
    with context.because(reason.strip() or "the membership does not end", by=by):
        MembershipEnd.objects.get(pk=end.pk).delete()


def _require_administrator(by: User) -> None:
    if not by.is_superuser:
        raise NotPermitted("Only an administrator says until when someone is in a group.")


@jobs.register("end-memberships", label="End memberships", every="EXPIRY_EVERY")
def end_memberships(running: jobs.Running) -> dict[str, Any]:
    """Take away what counts nowhere any more, so that lists of groups say what is."""
    return {"ended": sum(1 for _ in _end_due())}


def _end_due() -> Iterator[MembershipEnd]:
    for key in MembershipEnd.objects.filter(until__lte=timezone.now()).values_list("pk", flat=True):
        with transaction.atomic():
            end = MembershipEnd.objects.select_for_update(of=("self",)).select_related("user", "group", "set_by")
            if (due := end.filter(pk=key, until__lte=timezone.now()).first()) is None:
                continue  # somebody gave it a later end meanwhile
            with context.because(f"the membership ended on {due.until:%Y-%m-%d %H:%M}: {due.reason}"):
                due.user.groups.remove(due.group)
                due.delete()
            yield due
