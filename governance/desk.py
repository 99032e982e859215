"""The approval desk: a step that passes a gate is asked for by one person and decided by others.

An approval binds to a fingerprint of what was approved: content that changes afterwards voids it.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError, models, transaction
from django.db.models import Q
from django.utils import timezone

from governance import context
from governance.approvals.registry import GATES, fingerprint
from governance.approvals.selectors import about_the_same, authors_of, barred_people, may_ask_again
from governance.approvals.signatures import (
    given_by,
    is_withdrawn,
    missing_roles,
    right_to_sign,
)
from governance.errors import (
    AlreadyDecided,
    ApprovalInUse,
    ApprovalPending,
    ContentChanged,
    NotPermitted,
    ReasonRequired,
    ReauthenticationRequired,
    SameApprover,
    ScopeMissing,
    WorkbenchError,
)
from governance.models import Approval, ApprovalRequest, ApprovalWithdrawal, Delegation, GatePolicy, Person, User
from governance.sign_in.scopes import APPROVE

CLOSES: dict[str, ApprovalRequest.State] = {
    Approval.Verdict.REJECT: ApprovalRequest.State.REJECTED,
    Approval.Verdict.CHANGES: ApprovalRequest.State.CHANGES,
}
WITHOUT_SESSION = frozenset({"", "command"})
"""Doors that lead in past every session: commands on the server, and none at all."""


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
    """Sign for or against; the last signature needed makes the step, in the same transaction.

    :raises AlreadyDecided: someone was faster, the request has expired, or `by` signed it already.
    :raises ContentChanged: the subject changed since it was asked for; the request is then void.
    :raises SameApprover: `by` is the person who asked or who made the content, through any account.
    :raises NotPermitted: no role of `by`, and none lent to them, is needed here.
    :raises ScopeMissing: it comes with a token that was not made for signing.
    :raises ReauthenticationRequired: `by` last proved who they are longer ago than the gate's policy allows.
    """
    verdict = Approval.Verdict.APPROVE if approve else Approval.Verdict.REJECT
    return _sign(request=request, by=by, verdict=verdict, comment=comment)


def ask_for_changes(*, request: ApprovalRequest, by: User, comment: str) -> ApprovalRequest:
    """Sign that it cannot be approved as it is; whoever asked is told what to change, and may ask again.

    Raises what `decide` raises.
    """
    return _sign(request=request, by=by, verdict=Approval.Verdict.CHANGES, comment=comment)


def _sign(*, request: ApprovalRequest, by: User, verdict: str, comment: str) -> ApprovalRequest:
    expire_old_requests()
    try:
        return _decide(request=request, by=by, verdict=verdict, comment=comment)
    except ContentChanged as error:
        _close_if_open(request, ApprovalRequest.State.VOID, by, error.message)
        raise


@transaction.atomic
def _decide(*, request: ApprovalRequest, by: User, verdict: str, comment: str) -> ApprovalRequest:
    by, request = _lock(request, by)
    if request.state != ApprovalRequest.State.PENDING:
        raise AlreadyDecided(f"This request is {request.standing}; nothing is left to decide.")
    if request.expires_at <= timezone.now():
        raise AlreadyDecided("This request was not decided in time; nothing is left to decide.")
    subject = _locked_subject(request)
    if subject is None:
        raise AlreadyDecided(f"{request.subject_label} is gone, so nothing is left to decide.")
    policy = GatePolicy.objects.get(gate=request.gate)
    approves = verdict == Approval.Verdict.APPROVE
    if not comment.strip() and (policy.comment_required or not approves):
        raise ReasonRequired("Sign with a comment; it goes on record.", field="comment")
    right = right_to_sign(request, by, subject, barred_people(request, subject))
    if right.delegation is not None:
        _check_lent(right.delegation, authors_of(request, subject))
    authenticated_at = _proof_of_signer(request, by)
    if approves and request.fingerprint != fingerprint(GATES[request.gate], subject, request.payload):
        raise ContentChanged(_changed(request))
    Approval.objects.create(
        request=request,
        approver=by,
        person=Person.objects.get(accounts=by),
        role=right.role,
        verdict=verdict,
        comment=comment.strip(),
        fingerprint=request.fingerprint,
        authenticated_at=authenticated_at,
        delegation=right.delegation,
        for_account=right.delegation.delegator if right.delegation else None,
        round=1 + request.approvals.filter(person=by.person_id).count(),
    )
    if not approves:
        return _close(request, CLOSES[verdict], by, comment)
    if missing_roles(request):
        return request
    _close(request, ApprovalRequest.State.APPROVED, by)
    with context.because(f"approved: {comment.strip()}" if comment.strip() else "approved", by=by):
        GATES[request.gate].perform(subject, request, by)
    return request


def _lock(request: ApprovalRequest, by: User) -> tuple[User, ApprovalRequest]:
    """The account that signs and the request, as they are now and held so.

    Accounts come first, with those that lent their right, by number: linking accounts takes them in the same order.
    """
    lenders = Delegation.objects.in_force().filter(delegate=by).values("delegator")
    accounts = User.objects.filter(Q(pk=by.pk) | Q(pk__in=lenders)).order_by("pk")
    held = {account.pk: account for account in accounts.select_for_update(no_key=True)}
    return held[by.pk], ApprovalRequest.objects.select_for_update().get(pk=request.pk)


def _proof_of_signer(request: ApprovalRequest, by: User) -> datetime | None:
    """When the signer last proved who they are; a token must have been made for signing."""
    require_signing_scope()
    minutes = GatePolicy.objects.get(gate=request.gate).reauthenticate_minutes
    return require_proof(minutes, "Signing this", by=by)


def require_signing_scope() -> None:
    """:raises ScopeMissing: what happens comes with a token that was not made for signing."""
    scopes = context.current().scopes
    if scopes is not None and APPROVE not in scopes:
        raise ScopeMissing(
            "This token may not sign: it lacks the scope approve, which an administrator gives. You can decide in the "
            "portal.",
            details={"scope": APPROVE},
        )


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


def _check_lent(delegation: Delegation, authors: set[Any]) -> None:
    """A policy that lets authors sign lets them sign with their own right, not with a lent one.

    :raises SameApprover: who lent it or who borrowed it is an author.
    """
    if authors & {delegation.delegate.person_id, delegation.delegator.person_id}:
        raise SameApprover(
            "A lent right signs nothing that who lent or who borrowed it asked for or made; someone else must decide.",
            field="approver",
        )


@transaction.atomic
def take_back(*, approval: Approval, by: User, reason: str) -> ApprovalRequest:
    """Withdraw one's own signature: it stays where it is and no longer counts; one may sign again.

    Once the step was made, only where the gate says what then becomes of its subject.
    :raises ReasonRequired: no reason was given.
    :raises NotPermitted: someone else signed.
    :raises AlreadyDecided: it was taken back before, or the request closed without the step.
    :raises ApprovalInUse: the step was made and stands; the message says what to do instead.
    """
    if not reason.strip():
        raise ReasonRequired("Say why the signature is taken back; it goes on record.", field="reason")
    by, request = _lock(approval.request, by)
    approval = request.approvals.select_related("approver", "withdrawal").get(pk=approval.pk)
    if approval.approver_id != by.pk and (by.person_id is None or approval.approver.person_id != by.person_id):
        raise NotPermitted(f"Only {approval.approver} may take this signature back.")
    if is_withdrawn(approval):
        raise AlreadyDecided("This signature was taken back already.")
    proof = _proof_of_signer(request, by)
    with context.because(reason.strip(), by=by):
        if request.state != ApprovalRequest.State.PENDING:
            _lose_approval(request, approval, by, reason.strip())
        ApprovalWithdrawal.objects.create(
            approval=approval, withdrawn_by=by, reason=reason.strip(), authenticated_at=proof
        )
    return request


def _lose_approval(request: ApprovalRequest, approval: Approval, by: User, reason: str) -> None:
    """Take back the step of an approved request, as its gate says."""
    if request.state != ApprovalRequest.State.APPROVED:
        raise AlreadyDecided(
            f"This request is {request.standing}; its signatures stay as they are. Have it asked for anew."
        )
    gate, subject = GATES[request.gate], _locked_subject(request)
    if gate.on_lost is None or subject is None:
        raise ApprovalInUse(f"“{gate.title}” was done on {request.subject_label} and stands. {gate.instead}".strip())
    later = about_the_same(request).filter(state=ApprovalRequest.State.APPROVED, decided_at__gt=request.decided_at)
    if later.exists():
        raise AlreadyDecided(f"{request.subject_label} was approved anew since; take that approval back.")
    gate.on_lost(subject, f"{by.display_name} took the approval back: {reason}")
    _close(request, ApprovalRequest.State.REVOKED, by, reason)


def ask_again(*, request: ApprovalRequest, by: User, reason: str = "") -> ApprovalRequest:
    """Ask once more for what came to nothing, as it is now; without a reason, with the former one.

    Raises what asking raises.
    :raises NotPermitted: someone else asked.
    :raises AlreadyDecided: it was not refused, or was asked for since.
    """
    if request.requested_by_id != by.pk:
        raise NotPermitted(f"Only {request.requested_by} may ask for this again.")
    again, subject = GATES[request.gate].ask_again, request.subject
    if subject is None:
        raise AlreadyDecided(f"{request.subject_label} is gone, so nothing is left to ask for.")
    if again is None or not may_ask_again(request, by):
        raise AlreadyDecided(
            f"“{request.title}” on {request.subject_label} cannot be asked for again from here: this request is "
            f"{request.standing}, or it was asked for since."
        )
    return again(subject, request, by, reason.strip() or request.reason)


@transaction.atomic
def drop_signatures_of_one(person: Person, reason: str) -> int:
    """On open requests, one person's signatures count once, and not at all where they asked or made it.

    For accounts that turn out to be one person's; the caller holds those accounts. Returns how many no longer count.
    """
    theirs = Approval.objects.filter(given_by(person.pk), request__state=ApprovalRequest.State.PENDING)
    asked = Q(pk__in=theirs.values("request"))
    dropped = 0
    for request in ApprovalRequest.objects.select_for_update().filter(asked).order_by("pk"):
        mine = list(request.approvals.filter(given_by(person.pk)))
        barred = barred_people(request, _locked_subject(request))
        for approval in mine if person.pk in barred else mine[1:]:
            ApprovalWithdrawal.objects.create(approval=approval, withdrawn_by=None, reason=reason)
            dropped += 1
    return dropped


@transaction.atomic
def withdraw(*, request: ApprovalRequest, by: User, reason: str = "") -> ApprovalRequest:
    """Take a request back; only the person who asked may."""
    request = ApprovalRequest.objects.select_for_update().get(pk=request.pk)
    if request.requested_by_id != by.pk:
        raise NotPermitted(f"Only {request.requested_by} may withdraw this request.")
    if request.state != ApprovalRequest.State.PENDING:
        raise AlreadyDecided(f"This request is {request.standing}; only one that waits can be withdrawn.")
    return _close(request, ApprovalRequest.State.WITHDRAWN, by, reason)


def _close(request: ApprovalRequest, state: str, by: User | None, reason: str = "") -> ApprovalRequest:
    with transaction.atomic(), context.because(reason, by=by):
        request.state = state
        request.decided_at = timezone.now()
        request.save(update_fields=["state", "decided_at"])
    return request


@transaction.atomic
def _close_if_open(request: ApprovalRequest, state: str, by: User | None, reason: str = "") -> bool:
    """Close it, unless somebody decided meanwhile: what was decided stays. Returns whether it was open."""
    found = _held_if_open(request.pk)
    if found is not None:
        _close(found, state, by, reason)
    return found is not None


def _held_if_open(pk: Any) -> ApprovalRequest | None:
    pending = ApprovalRequest.objects.select_for_update().filter(pk=pk, state=ApprovalRequest.State.PENDING)
    return pending.first()


def close_what_cannot_come_true() -> int:
    """Close what waits in vain: see `why_in_vain`. Each in a transaction of its own; returns how many."""
    expired = expire_old_requests()
    waiting = ApprovalRequest.objects.filter(state=ApprovalRequest.State.PENDING).order_by("pk")
    return expired + sum(_close_if_in_vain(pk) for pk in list(waiting.values_list("pk", flat=True)))


@transaction.atomic
def _close_if_in_vain(pk: Any) -> bool:
    request = _held_if_open(pk)
    why = why_in_vain(request) if request is not None else ""
    if request is None or not why:
        return False
    _close(request, ApprovalRequest.State.VOID, None, why)
    return True


def why_in_vain(request: ApprovalRequest) -> str:
    """Why an open request can no longer come true, with what to do; empty where it can. Changes nothing."""
    if request.expires_at <= timezone.now():
        return "It was not decided in time. Have it asked for anew."
    subject = request.subject
    if subject is None:
        return f"{request.subject_label} is gone, so nothing is left to decide."
    gate = GATES[request.gate]
    try:
        gate.check_still(subject, request.payload)
    except WorkbenchError as error:
        # What a server or a key of ours does not say now may be said in a minute.
        if error.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return error.message
    return "" if request.fingerprint == fingerprint(gate, subject, request.payload) else _changed(request)


def _changed(request: ApprovalRequest) -> str:
    return (
        f"{request.subject_label} changed after it was asked for, so this request is void. "
        "Look at it again and have it asked for anew."
    )


def expire_old_requests() -> int:
    """Close what nobody decided in time. Returns how many."""
    overdue = ApprovalRequest.objects.filter(state=ApprovalRequest.State.PENDING, expires_at__lte=timezone.now())
    return sum(
        _close_if_open(request, ApprovalRequest.State.EXPIRED, None, "not decided in time") for request in overdue
    )
