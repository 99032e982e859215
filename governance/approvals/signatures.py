"""Which signatures of a request count, what is still missing, and by what right someone could give it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import Q

from governance import access
from governance.errors import AlreadyDecided, NotPermitted, SameApprover
from governance.models import Approval, ApprovalRequest, Delegation, RoleDescription
from governance.roles import ROLES, roles_of

if TYPE_CHECKING:
    from governance.models import User

DECIDE = "governance.decide_approvalrequest"


@dataclass(frozen=True)
class Right:
    """The role in which someone signs, and the delegation that lends it where it is not their own."""

    role: str
    delegation: Delegation | None = None


def signing_roles() -> dict[str, str]:
    """Name of each role whose holders may sign at all, by its slug."""
    app, codename = DECIDE.split(".")
    able = RoleDescription.objects.filter(
        group__permissions__codename=codename, group__permissions__content_type__app_label=app
    )
    return {slug: ROLES[slug][0] for slug in able.values_list("slug", flat=True) if slug in ROLES}


def is_withdrawn(approval: Approval) -> bool:
    return hasattr(approval, "withdrawal")


def counting(request: ApprovalRequest) -> list[Approval]:
    """The answers that nobody took back."""
    return [one for one in request.approvals.all() if not is_withdrawn(one)]


def missing_roles(request: ApprovalRequest) -> dict[str, int]:
    """Approvals still needed, by role."""
    given = Counter(one.role for one in counting(request) if one.verdict == Approval.Verdict.APPROVE)
    return {role: count - given[role] for role, count in request.needed.items() if count > given[role]}


def people_of(approvals: Iterable[Approval]) -> set[Any]:
    """Everyone whom these answers use up: who signed, and for whom. Accounts linked since are one person."""
    found: set[Any] = set()
    for one in approvals:
        found |= {one.person_id, one.approver.person_id}
        if one.for_account is not None:
            found.add(one.for_account.person_id)
    return found - {None}


def given_by(person: Any) -> Q:
    """Answers, on a queryset of `Approval`, that use up this person."""
    return Q(withdrawal=None) & (Q(person=person) | Q(approver__person=person) | Q(for_account__person=person))


def right_to_sign(request: ApprovalRequest, by: User, subject: models.Model, barred: set[Any]) -> Right:
    """By which right `by` may answer now: a role of their own, else one that was lent to them.

    The delegations asked are held as they are until the caller's transaction ends.
    :raises NotPermitted: a service account, a row that they may not see, no role that is needed.
    :raises SameApprover: they, or whoever lent them the right, asked for this or made it.
    :raises AlreadyDecided: they, or whoever lent them the right, have signed.
    """
    lent = lent_to(by, request)
    if lent:
        access.require_row(by, subject)
    else:
        access.require(by, DECIDE, subject)
    if by.person_id is None:
        raise NotPermitted("A service account may not approve; a person must.")
    if by.person_id in barred:
        raise SameApprover(
            f"{by.display_name} asked for this or made it; someone else must decide.", field="approver"
        )
    signed = people_of(counting(request))
    if by.person_id in signed:
        raise AlreadyDecided("You have signed this request already, with this or another account.")
    missing = missing_roles(request)
    own = sorted(roles_of(by) & set(missing)) if by.has_perm(DECIDE) else []
    return Right(own[0]) if own else _lent_right(lent, missing, barred, signed)


def _lent_right(lent: list[Delegation], missing: dict[str, int], barred: set[Any], signed: set[Any]) -> Right:
    useful = [one for one in lent if one.role in missing]
    if not useful:
        needed = ", ".join(ROLES[slug][0].lower() if slug in ROLES else slug for slug in missing)
        raise NotPermitted(f"This step needs: {needed}. You hold no such role, superuser or not.")
    others = [one for one in useful if one.delegator.person_id not in barred]
    if not others:
        raise SameApprover(
            f"{useful[0].delegator.display_name}, who lent you the right to sign, asked for this or made it; someone "
            "else must decide.", field="approver",
        )  # fmt: skip
    unused = [one for one in others if one.delegator.person_id not in signed]
    if not unused:
        raise AlreadyDecided(
            f"{others[0].delegator.display_name}, who lent you the right to sign, has signed; you two count once."
        )
    return Right(unused[0].role, unused[0])


def lent_to(user: User, request: ApprovalRequest | None = None) -> list[Delegation]:
    """Delegations that `user` could sign by now; with a request, those for its gate, locked.

    What the delegator no longer holds they can no longer lend.
    """
    found = Delegation.objects.in_force().filter(delegate=user, delegator__is_active=True)
    found = found.select_related("delegator").order_by("created_at")
    if request is not None:
        found = found.filter(gate__in=["", request.gate]).select_for_update(of=("self",), no_key=True)
    return [one for one in found if one.role in roles_of(one.delegator)]
