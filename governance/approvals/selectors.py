"""Reading requests: who sees and who may sign which, what waits for whom, and what may be asked for again."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any

from django.contrib.contenttypes.models import ContentType
from django.db import models, transaction
from django.db.models import Exists, OuterRef, Q, Subquery
from django.utils import timezone

from governance import access
from governance.approvals.registry import GATES
from governance.approvals.signatures import (
    DECIDE,
    counting,
    given_by,
    lent_to,
    missing_roles,
    people_of,
    right_to_sign,
)
from governance.errors import AlreadyDecided, NotPermitted, SameApprover
from governance.models import Approval, ApprovalRequest, Delegation, GatePolicy
from governance.roles import holders_of, roles_of

if TYPE_CHECKING:
    from governance.models import User

CLOSED_SHOWN_FOR = timedelta(days=14)


def requests_visible_to(user: User) -> models.QuerySet[ApprovalRequest]:
    """Requests about rows that `user` may see, and their own about rows that are gone."""
    visible = Q(pk__in=[])
    kinds = ApprovalRequest.objects.order_by().values_list("content_type", flat=True).distinct()
    for content_type in ContentType.objects.filter(pk__in=kinds):
        model = content_type.model_class()
        if model is not None:
            rows = model._default_manager.visible_to(user).values("pk")  # type: ignore[attr-defined]
            gone = Q(~Exists(model._base_manager.filter(pk=OuterRef("object_id"))), requested_by=user)
            visible |= Q(content_type=content_type) & (Q(object_id__in=rows) | gone)
    return ApprovalRequest.objects.filter(visible)


def waiting_for(user: User) -> models.QuerySet[ApprovalRequest]:
    """Open requests that `user` could sign now, in a role of their own or one lent to them; asked for by others."""
    if user.person_id is None:
        return ApprovalRequest.objects.none()
    own = roles_of(user) if user.has_perm(DECIDE) else set()
    rights = [Q(**{f"needed__{slug}__gte": 1}) for slug in sorted(own)] + [_lent(one) for one in lent_to(user)]
    if not rights:
        return ApprovalRequest.objects.none()
    signed = Approval.objects.filter(given_by(user.person_id))
    pending = requests_visible_to(user).filter(state=ApprovalRequest.State.PENDING, expires_at__gt=timezone.now())
    mine = pending.filter(reduce(or_, rights)).exclude(pk__in=signed.values("request"))
    return mine.exclude(requested_by__person=user.person_id)


def _lent(delegation: Delegation) -> Q:
    needed = Q(**{f"needed__{delegation.role}__gte": 1}) & ~Q(requested_by__person=delegation.delegator.person_id)
    return needed & Q(gate=delegation.gate) if delegation.gate else needed


def open_request(subject: models.Model, gate: str) -> ApprovalRequest | None:
    """The request now waiting on `subject`, if any."""
    return ApprovalRequest.objects.filter(gate=gate, object_id=subject.pk, state=ApprovalRequest.State.PENDING).first()


WHOSE: dict[str, str] = {
    "waiting": "waiting for me",
    "decided": "decided by me",
    "asked": "asked by me",
    "delegated": "signed for another",
}


def of_mine(user: User, whose: str) -> Q:
    """Requests that are someone's own affair, by one of `WHOSE`."""
    if whose == "waiting":
        return Q(pk__in=waiting_for(user).values("pk"))
    if whose == "asked":
        return Q(requested_by=user)
    signed = Approval.objects.filter(approver=user)
    if whose == "delegated":
        signed = Approval.objects.filter(Q(approver=user, delegation__isnull=False) | Q(for_account=user))
    return Q(pk__in=signed.values("request"))


def may_sign(request: ApprovalRequest, user: User) -> bool:
    """Whether an answer of `user` would be taken now, short of proving who they are."""
    subject = request.subject if request.state == ApprovalRequest.State.PENDING else None
    if subject is None or request.expires_at <= timezone.now():
        return False
    try:
        with transaction.atomic():
            right_to_sign(request, user, subject, barred_people(request, subject))
    except (NotPermitted, SameApprover, AlreadyDecided):
        return False
    return True


def possible_signers(request: ApprovalRequest) -> list[User]:
    """People whose role is still needed, or was lent to them, who may see the subject and may decide on it."""
    subject, missing = request.subject, list(missing_roles(request))
    if subject is None:
        return []
    barred = barred_people(request, subject)
    used = people_of(counting(request))
    holders = holders_of(missing).exclude(person__in=barred | used)
    lent = Delegation.objects.in_force().filter(gate__in=["", request.gate], role__in=missing)
    lent = lent.filter(delegator__in=holders, delegate__is_active=True).select_related("delegate")
    delegates = [one.delegate for one in lent if one.delegate.person_id not in barred | used]
    able = {account.pk: account for account in [*holders, *delegates]}
    return [account for account in able.values() if access.can_see(account, subject)]


def barred_people(request: ApprovalRequest, subject: models.Model | None) -> set[Any]:
    may = GatePolicy.objects.filter(gate=request.gate, author_may_approve=True).exists()
    if may and not GATES[request.gate].author_never_approves:
        return set()
    return authors_of(request, subject)


def authors_of(request: ApprovalRequest, subject: models.Model | None) -> set[Any]:
    """The people who asked for it or made what it is about."""
    people = {request.requested_by.person_id}
    if subject is not None:
        people |= {author.person_id for author in GATES[request.gate].authors(subject)}
    return people - {None}


AGAIN_FROM = frozenset(ApprovalRequest.State) - {ApprovalRequest.State.PENDING, ApprovalRequest.State.APPROVED}


def may_ask_again(request: ApprovalRequest, by: User) -> bool:
    """Whether `by` asked for this, it came to nothing, and nobody asked for it since."""
    return (
        request.state in AGAIN_FROM
        and request.requested_by_id == by.pk
        and GATES[request.gate].ask_again is not None
        and not about_the_same(request).filter(requested_at__gt=request.requested_at).exists()
    )


def about_the_same(request: ApprovalRequest) -> models.QuerySet[ApprovalRequest]:
    return ApprovalRequest.objects.filter(
        gate=request.gate, content_type=request.content_type_id, object_id=request.object_id
    )


def _not_asked_since(*states: str) -> models.QuerySet[ApprovalRequest]:
    """Requests that were closed so, and not asked for since; the newest first."""
    since = ApprovalRequest.objects.filter(
        gate=OuterRef("gate"), content_type=OuterRef("content_type"), object_id=OuterRef("object_id"),
        requested_at__gt=OuterRef("requested_at"),
    )  # fmt: skip
    return ApprovalRequest.objects.filter(~Exists(since), state__in=states).order_by("-decided_at", "-pk")


def _changes_open() -> models.QuerySet[ApprovalRequest]:
    """Requests that were closed with changes asked for, and not asked for since; the newest first."""
    return _not_asked_since(ApprovalRequest.State.CHANGES).prefetch_related("approvals__approver")


def changes_wanted(user: User) -> models.QuerySet[ApprovalRequest]:
    """What `user` asked for and was told to change."""
    return _changes_open().filter(requested_by=user)


def closed_unsigned(user: User) -> models.QuerySet[ApprovalRequest]:
    """What `user` asked for and what closed of late without an answer, with the reason on record as `.closed_because`.

    Only what they may see still: who asked may have lost the row since.
    """
    closed = _not_asked_since(ApprovalRequest.State.VOID, ApprovalRequest.State.EXPIRED)
    late = closed.filter(requested_by=user, decided_at__gt=timezone.now() - CLOSED_SHOWN_FOR)
    # Found first: a planner may else begin with everything that they may see.
    keys = list(late.values_list("pk", flat=True))
    if not keys:
        return late.none()
    seen = requests_visible_to(user).filter(pk__in=keys).order_by("-decided_at", "-pk")
    return seen.annotate(closed_because=Subquery(_versions(OuterRef("pk")).values("history_change_reason")[:1]))


def closed_because(request: ApprovalRequest) -> str:
    """The reason on record of how the request closed; empty while it waits."""
    if request.state == ApprovalRequest.State.PENDING:
        return ""
    return str(_versions(request.pk).values_list("history_change_reason", flat=True).first() or "")


def _versions(pk: Any) -> models.QuerySet[Any]:
    versions: Any = ApprovalRequest.history  # type: ignore[attr-defined]
    found: models.QuerySet[Any] = versions.filter(id=pk).order_by("-history_date", "-history_id")
    return found


def sent_back(keys: Iterable[Any]) -> ApprovalRequest | None:
    """The newest request about one of these rows that waits for changes."""
    return _changes_open().filter(object_id__in=list(keys)).first()


def last_words(request: ApprovalRequest) -> str:
    """Who answered last, and what they said."""
    signed = list(request.approvals.all())
    return f"{signed[-1].approver.display_name}: {signed[-1].comment}" if signed else ""
