"""The approval desk: a step that passes a gate is asked for by one person and decided by others.

An approval binds to a fingerprint of what was approved: content that changes afterwards voids it.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError, models, transaction
from django.db.models import Q
from django.utils import timezone

from governance import access, context
from governance.errors import (
    AlreadyDecided,
    ApprovalPending,
    ContentChanged,
    InvalidInput,
    NotPermitted,
    ReasonRequired,
    ReauthenticationRequired,
    SameApprover,
    ScopeMissing,
)
from governance.models import Approval, ApprovalRequest, GatePolicy, Person
from governance.models.approvals import TITLES
from governance.roles import ROLES, roles_of
from governance.sign_in.scopes import APPROVE

if TYPE_CHECKING:
    from governance.models import User


@dataclass(frozen=True, kw_only=True)
class Gate:
    """One kind of step that needs approval. Apps register theirs in `AppConfig.ready`.

    `content` returns JSON-safe data of everything an approver is shown; `perform` makes the step, inside
    the deciding transaction; `check` raises when the step could not be made now; `authors` are the accounts
    that made the content and so may not approve it; `also_needs` adds approvals by role for one subject.
    `asking_needs_proof`: who asks must have proved who they are as recently as who signs.
    """

    slug: str
    title: str
    content: Callable[[Any], object]
    perform: Callable[[Any, ApprovalRequest, User], None]
    check: Callable[[Any], None] = lambda subject: None
    authors: Callable[[Any], Iterable[User]] = lambda subject: ()
    also_needs: Callable[[Any], dict[str, int]] = lambda subject: {}
    default_approvals: dict[str, int] = field(default_factory=lambda: {"approver": 1})
    asking_needs_proof: bool = False


GATES: dict[str, Gate] = {}
LONGEST_PROOF_MINUTES = 24 * 60
WITHOUT_SESSION = frozenset({"", "command"})
"""Doors that lead in past every session: commands on the server, and none at all."""


def register_gate(gate: Gate) -> None:
    GATES[gate.slug] = gate
    TITLES[gate.slug] = gate.title


def sync_policies(**_: Any) -> None:
    """Every registered gate has a policy row; rows that people changed stay as they are."""
    for gate in GATES.values():
        GatePolicy.objects.get_or_create(gate=gate.slug, defaults={"approvals": gate.default_approvals})


def fingerprint(gate: Gate, subject: models.Model, payload: dict[str, Any]) -> str:
    """SHA-256 of the canonical JSON of what the approvers are shown."""
    shown = {"gate": gate.slug, "content": gate.content(subject), "payload": payload}
    text = json.dumps(shown, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


@transaction.atomic
def request_approval(
    *, gate: str, subject: models.Model, by: User, reason: str, payload: dict[str, Any] | None = None
) -> ApprovalRequest:
    """Ask for a step. The caller has checked that `by` may ask for it.

    :raises ReasonRequired: the approvers would not know why.
    :raises ApprovalPending: the same step is already asked for.
    :raises ReauthenticationRequired: the gate wants to know who asks, and `by` last proved that too long ago.
    """
    if not reason.strip():
        raise ReasonRequired("Say why: the approver decides on it and it goes on record.", field="reason")
    known, policy = GATES[gate], GatePolicy.objects.get(gate=gate)
    known.check(subject)
    if known.asking_needs_proof:
        require_proof(policy.reauthenticate_minutes, "Asking for this", by=by)
    expire_old_requests()
    request = ApprovalRequest(
        gate=gate,
        content_type=ContentType.objects.get_for_model(subject),
        object_id=subject.pk,
        subject_label=f"{subject._meta.verbose_name} {subject}"[:300],
        fingerprint=fingerprint(known, subject, payload or {}),
        payload=payload or {},
        needed=dict(Counter(policy.approvals) + Counter(known.also_needs(subject))),
        reason=reason.strip(),
        requested_by=by,
        expires_at=timezone.now() + timedelta(days=policy.lifetime_days),
    )
    with context.because(reason, by=by):
        try:
            with transaction.atomic():
                request.save()
        except IntegrityError as error:
            raise ApprovalPending(
                f"“{known.title}” is already asked for on {request.subject_label}; withdraw that first."
            ) from error
    return request


def decide(*, request: ApprovalRequest, by: User, approve: bool, comment: str) -> ApprovalRequest:
    """Sign one answer; the last one needed makes the step, in the same transaction.

    :raises AlreadyDecided: someone was faster, or the request has expired.
    :raises ContentChanged: the subject changed since it was asked for; the request is then void.
    :raises SameApprover: `by` is the person who asked or who made the content, through any account.
    :raises NotPermitted: no role of `by` is needed here.
    :raises ScopeMissing: it comes with a token that was not made for signing.
    :raises ReauthenticationRequired: `by` last proved who they are longer ago than the gate's policy allows.
    """
    expire_old_requests()
    try:
        return _decide(request=request, by=by, approve=approve, comment=comment)
    except ContentChanged:
        _close_if_open(request, ApprovalRequest.State.VOID, by)
        raise


@transaction.atomic
def _decide(*, request: ApprovalRequest, by: User, approve: bool, comment: str) -> ApprovalRequest:
    request = ApprovalRequest.objects.select_for_update().get(pk=request.pk)
    if request.state != ApprovalRequest.State.PENDING:
        raise AlreadyDecided(f"This request is {request.get_state_display()}; nothing is left to decide.")
    if request.expires_at <= timezone.now():
        raise AlreadyDecided("This request was not decided in time; nothing is left to decide.")
    subject = _locked_subject(request)
    if subject is None:
        raise AlreadyDecided(f"{request.subject_label} is gone, so nothing is left to decide.")
    if not comment.strip():
        raise ReasonRequired("Sign with a comment; it goes on record.", field="comment")
    access.require(by, "governance.decide_approvalrequest", subject)
    role = _role_for(request, by, subject)
    authenticated_at = _proof_of_signer(request, by)
    if approve and request.fingerprint != fingerprint(GATES[request.gate], subject, request.payload):
        raise ContentChanged(
            f"{request.subject_label} changed after it was asked for, so this request is void. "
            "Look at it again and have it asked for anew."
        )
    verdict = Approval.Verdict.APPROVE if approve else Approval.Verdict.REJECT
    Approval.objects.create(
        request=request,
        approver=by,
        person=Person.objects.get(accounts=by),
        role=role,
        verdict=verdict,
        comment=comment.strip(),
        fingerprint=request.fingerprint,
        authenticated_at=authenticated_at,
    )
    if not approve:
        return _close(request, ApprovalRequest.State.REJECTED, by)
    if missing_roles(request):
        return request
    _close(request, ApprovalRequest.State.APPROVED, by)
    with context.because(f"approved: {comment.strip()}", by=by):
        GATES[request.gate].perform(subject, request, by)
    return request


def _proof_of_signer(request: ApprovalRequest, by: User) -> datetime | None:
    """When the signer last proved who they are; a token must have been made for signing."""
    scopes = context.current().scopes
    if scopes is not None and APPROVE not in scopes:
        raise ScopeMissing(
            "This token may not sign: it lacks the scope approve, which an administrator gives. You can decide in the "
            "portal.",
            details={"scope": APPROVE},
        )
    minutes = GatePolicy.objects.get(gate=request.gate).reauthenticate_minutes
    return require_proof(minutes, "Signing this", by=by)


def require_proof(minutes: int, what: str, *, by: User) -> datetime | None:
    """`by` proved who they are within `minutes` (0: at any time). Returns when.

    A command on the server, and code that no door leads to, has no session to prove anything in: None. Whoever runs
    it holds the database, and is on record as an account of the operating system.
    :raises ReauthenticationRequired: too long ago, never, or someone else did.
    """
    now = context.current()
    if now.door in WITHOUT_SESSION:
        return None
    proved = now.authenticated_at if now.user_id == by.pk else None
    if proved is None or (minutes and proved < timezone.now() - timedelta(minutes=minutes)):
        raise ReauthenticationRequired(
            f"{what} needs proof of who you are, not older than {minutes or 'this session'}"
            f"{' minutes' if minutes else ''}. Enter your password or use your key again, then repeat it.",
            details={"minutes": minutes},
        )
    return proved


def _locked_subject(request: ApprovalRequest) -> models.Model | None:
    """What is decided on, held as it is until the step is made; None if it is gone."""
    model: Any = request.content_type.model_class()
    found: models.Model | None = model._base_manager.select_for_update().filter(pk=request.object_id).first()
    return found


def _role_for(request: ApprovalRequest, by: User, subject: models.Model) -> str:
    """The needed role in which `by` signs; refuses the author, a second signature and service accounts."""
    if by.person_id is None:
        raise NotPermitted("A service account may not approve; a person must.")
    if by.person_id in _barred_people(request, subject):
        raise SameApprover(
            f"{by.display_name} asked for this or made it; someone else must decide.", field="approver"
        )
    if request.approvals.filter(person=by.person_id).exists():
        raise AlreadyDecided("You have signed this request already, with this or another account.")
    open_roles = sorted(roles_of(by) & set(missing_roles(request)))
    if not open_roles:
        needed = ", ".join(ROLES[slug][0].lower() if slug in ROLES else slug for slug in missing_roles(request))
        raise NotPermitted(f"This step needs: {needed}. You hold no such role, superuser or not.")
    return open_roles[0]


def _barred_people(request: ApprovalRequest, subject: models.Model) -> set[Any]:
    if GatePolicy.objects.filter(gate=request.gate, author_may_approve=True).exists():
        return set()
    people = {request.requested_by.person_id}
    people |= {author.person_id for author in GATES[request.gate].authors(subject)}
    return people - {None}


def missing_roles(request: ApprovalRequest) -> dict[str, int]:
    """Approvals still needed, by role."""
    given = Counter(one.role for one in request.approvals.all() if one.verdict == Approval.Verdict.APPROVE)
    return {role: count - given[role] for role, count in request.needed.items() if count > given[role]}


@transaction.atomic
def withdraw(*, request: ApprovalRequest, by: User, reason: str = "") -> ApprovalRequest:
    """Take a request back; only the person who asked may."""
    request = ApprovalRequest.objects.select_for_update().get(pk=request.pk)
    if request.requested_by_id != by.pk:
        raise NotPermitted(f"Only {request.requested_by} may withdraw this request.")
    if request.state != ApprovalRequest.State.PENDING:
        raise AlreadyDecided(f"This request is {request.get_state_display()}.")
    return _close(request, ApprovalRequest.State.WITHDRAWN, by, reason)


def _close(request: ApprovalRequest, state: str, by: User | None, reason: str = "") -> ApprovalRequest:
    with transaction.atomic(), context.because(reason, by=by):
        request.state = state
        request.decided_at = timezone.now()
        request.save(update_fields=["state", "decided_at"])
    return request


@transaction.atomic
def _close_if_open(request: ApprovalRequest, state: str, by: User | None, reason: str = "") -> None:
    """Close it, unless somebody decided meanwhile: what was decided stays."""
    pending = ApprovalRequest.objects.select_for_update().filter(pk=request.pk, state=ApprovalRequest.State.PENDING)
    if (found := pending.first()) is not None:
        _close(found, state, by, reason)


def expire_old_requests() -> None:
    """Close what nobody decided in time."""
    overdue = ApprovalRequest.objects.filter(
        state=ApprovalRequest.State.PENDING, expires_at__lte=timezone.now()
    )
    for request in overdue:
        _close_if_open(request, ApprovalRequest.State.EXPIRED, None, "not decided in time")


def requests_visible_to(user: User) -> models.QuerySet[ApprovalRequest]:
    """Requests about rows that `user` may see."""
    visible = Q(pk__in=[])
    kinds = ApprovalRequest.objects.order_by().values_list("content_type", flat=True).distinct()
    for content_type in ContentType.objects.filter(pk__in=kinds):
        model = content_type.model_class()
        if model is not None:
            rows = model._default_manager.visible_to(user).values("pk")  # type: ignore[attr-defined]
            visible |= Q(content_type=content_type, object_id__in=rows)
    return ApprovalRequest.objects.filter(visible)


def waiting_for(user: User) -> models.QuerySet[ApprovalRequest]:
    """Open requests that `user` could sign now, by role; asked for by other people."""
    if user.person_id is None or not user.has_perm("governance.decide_approvalrequest"):
        return ApprovalRequest.objects.none()
    pending = requests_visible_to(user).filter(
        state=ApprovalRequest.State.PENDING, expires_at__gt=timezone.now()
    )
    for_my_roles = Q(pk__in=[])
    for slug in roles_of(user):
        for_my_roles |= Q(**{f"needed__{slug}__gte": 1})
    return (
        pending.filter(for_my_roles)
        .exclude(requested_by__person=user.person_id)
        .exclude(approvals__person=user.person_id)
    )


def open_request(subject: models.Model, gate: str) -> ApprovalRequest | None:
    """The request now waiting on `subject`, if any."""
    return ApprovalRequest.objects.filter(
        gate=gate, object_id=subject.pk, state=ApprovalRequest.State.PENDING
    ).first()


@transaction.atomic
def change_policy(
    *,
    policy: GatePolicy,
    by: User,
    approvals: dict[str, int],
    author_may_approve: bool,
    lifetime_days: int,
    reauthenticate_minutes: int | None = None,
) -> GatePolicy:
    """Change who must approve one kind of step. Open requests keep what they asked for.

    `reauthenticate_minutes` None leaves it as it is.
    :raises InvalidInput: no approval at all, an unknown role, a count that is no number from 1 to 9, or a proof that
        may be older than a day.
    """
    access.require(by, "governance.change_gatepolicy")
    if not isinstance(approvals, dict) or not approvals:
        raise InvalidInput('A gate needs at least one approval, such as {"approver": 1}.', field="approvals")
    for role, count in approvals.items():
        if role not in ROLES or not isinstance(count, int) or not 1 <= count <= 9:
            raise InvalidInput(
                f"{role}: {count!r} cannot be used; expected a count from 1 to 9 for one of {', '.join(ROLES)}.",
                field="approvals",
            )
    if reauthenticate_minutes is not None and not 0 <= reauthenticate_minutes <= LONGEST_PROOF_MINUTES:
        raise InvalidInput(
            f"{reauthenticate_minutes} minutes cannot be used; expected 0 to {LONGEST_PROOF_MINUTES}.",
            field="reauthenticate_minutes",
        )
    policy = GatePolicy.objects.select_for_update().get(pk=policy.pk)
    policy.approvals = approvals
    policy.author_may_approve = author_may_approve
    policy.lifetime_days = lifetime_days
    if reauthenticate_minutes is not None:
        policy.reauthenticate_minutes = reauthenticate_minutes
    with context.because("gate policy changed", by=by):
        policy.save()
    return policy


def possible_signers(request: ApprovalRequest) -> list[User]:
    """People whose role is still needed, who may see the subject and are not barred from deciding on it."""
    from governance.models import User as Account

    subject = request.subject
    if subject is None:
        return []
    holders = Account.objects.filter(
        is_active=True, person__isnull=False, groups__role__slug__in=list(missing_roles(request))
    ).distinct()
    others = holders.exclude(person__in=_barred_people(request, subject))
    return [holder for holder in others if access.can_see(holder, subject)]
