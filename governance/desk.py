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
from functools import reduce
from operator import or_
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError, models, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from governance import access, context
from governance.approvals.signatures import (
    DECIDE,
    counting,
    given_by,
    is_withdrawn,
    lent_to,
    missing_roles,
    people_of,
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
)
from governance.models import Approval, ApprovalRequest, ApprovalWithdrawal, Delegation, GatePolicy, Person, User
from governance.models.approvals import TITLES
from governance.roles import holders_of, roles_of
from governance.sign_in.scopes import APPROVE


@dataclass(frozen=True, kw_only=True)
class Gate:
    """One kind of step that needs approval. Apps register theirs in `AppConfig.ready`.

    `content` returns JSON-safe data of everything an approver is shown; `perform` makes the step, inside
    the deciding transaction; `check` raises when the step could not be made now; `authors` are the accounts
    that made the content and so may not approve it; `also_needs` adds approvals by role for one subject.
    `asking_needs_proof`: who asks must have proved who they are as recently as who signs.
    `author_never_approves`: whatever the policy says.
    `ask_again(subject, request, by, reason)` asks once more for what came to nothing; None: not from the request.
    `on_lost(subject, reason)` undoes what can be undone when a signature is taken back after the step; where there is
    none, that is refused, and `instead` says what to do.
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
    author_never_approves: bool = False
    ask_again: Callable[[Any, ApprovalRequest, User, str], ApprovalRequest] | None = None
    on_lost: Callable[[Any, str], None] | None = None
    instead: str = ""


GATES: dict[str, Gate] = {}
CLOSES: dict[str, ApprovalRequest.State] = {
    Approval.Verdict.REJECT: ApprovalRequest.State.REJECTED,
    Approval.Verdict.CHANGES: ApprovalRequest.State.CHANGES,
}
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
    except ContentChanged:
        _close_if_open(request, ApprovalRequest.State.VOID, by)
        raise


@transaction.atomic
def _decide(*, request: ApprovalRequest, by: User, verdict: str, comment: str) -> ApprovalRequest:
    by, request = _lock(request, by)
    if request.state != ApprovalRequest.State.PENDING:
        raise AlreadyDecided(f"This request is {request.get_state_display()}; nothing is left to decide.")
    if request.expires_at <= timezone.now():
        raise AlreadyDecided("This request was not decided in time; nothing is left to decide.")
    subject = _locked_subject(request)
    if subject is None:
        raise AlreadyDecided(f"{request.subject_label} is gone, so nothing is left to decide.")
    policy = GatePolicy.objects.get(gate=request.gate)
    approves = verdict == Approval.Verdict.APPROVE
    if not comment.strip() and (policy.comment_required or not approves):
        raise ReasonRequired("Sign with a comment; it goes on record.", field="comment")
    right = right_to_sign(request, by, subject, _barred_people(request, subject))
    if right.delegation is not None:
        _check_lent(right.delegation, _authors(request, subject))
    authenticated_at = _proof_of_signer(request, by)
    if approves and request.fingerprint != fingerprint(GATES[request.gate], subject, request.payload):
        raise ContentChanged(
            f"{request.subject_label} changed after it was asked for, so this request is void. "
            "Look at it again and have it asked for anew."
        )
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


def _barred_people(request: ApprovalRequest, subject: models.Model | None) -> set[Any]:
    may = GatePolicy.objects.filter(gate=request.gate, author_may_approve=True).exists()
    if may and not GATES[request.gate].author_never_approves:
        return set()
    return _authors(request, subject)


def _check_lent(delegation: Delegation, authors: set[Any]) -> None:
    """A policy that lets authors sign lets them sign with their own right, not with a lent one.

    :raises SameApprover: who lent it or who borrowed it is an author.
    """
    if authors & {delegation.delegate.person_id, delegation.delegator.person_id}:
        raise SameApprover(
            "A lent right signs nothing that who lent or who borrowed it asked for or made; someone else must decide.",
            field="approver",
        )


def _authors(request: ApprovalRequest, subject: models.Model | None) -> set[Any]:
    """The people who asked for it or made what it is about."""
    people = {request.requested_by.person_id}
    if subject is not None:
        people |= {author.person_id for author in GATES[request.gate].authors(subject)}
    return people - {None}


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
        raise AlreadyDecided(f"This request is {request.get_state_display()}; its signatures stand. Ask for it anew.")
    gate, subject = GATES[request.gate], _locked_subject(request)
    if gate.on_lost is None or subject is None:
        raise ApprovalInUse(f"“{gate.title}” was done on {request.subject_label} and stands. {gate.instead}".strip())
    later = _about_the_same(request).filter(
        state=ApprovalRequest.State.APPROVED, decided_at__gt=request.decided_at
    )
    if later.exists():
        raise AlreadyDecided(f"{request.subject_label} was approved anew since; take that approval back.")
    gate.on_lost(subject, f"{by.display_name} took the approval back: {reason}")
    _close(request, ApprovalRequest.State.REVOKED, by, reason)


def _about_the_same(request: ApprovalRequest) -> models.QuerySet[ApprovalRequest]:
    return ApprovalRequest.objects.filter(
        gate=request.gate, content_type=request.content_type_id, object_id=request.object_id
    )


AGAIN_FROM = frozenset(ApprovalRequest.State) - {ApprovalRequest.State.PENDING, ApprovalRequest.State.APPROVED}


def may_ask_again(request: ApprovalRequest, by: User) -> bool:
    """Whether `by` asked for this, it came to nothing, and nobody asked for it since."""
    return (
        request.state in AGAIN_FROM
        and request.requested_by_id == by.pk
        and GATES[request.gate].ask_again is not None
        and not _about_the_same(request).filter(requested_at__gt=request.requested_at).exists()
    )


def ask_again(*, request: ApprovalRequest, by: User, reason: str = "") -> ApprovalRequest:
    """Ask once more for what came to nothing, as it is now; without a reason, with the former one.

    Raises what asking raises.
    :raises NotPermitted: someone else asked.
    :raises AlreadyDecided: it was not refused, or was asked for since.
    """
    if request.requested_by_id != by.pk:
        raise NotPermitted(f"Only {request.requested_by} may ask for this again.")
    again, subject = GATES[request.gate].ask_again, request.subject
    if again is None or subject is None or not may_ask_again(request, by):
        raise AlreadyDecided(
            f"“{request.title}” on {request.subject_label} cannot be asked for again from here: it is "
            f"{request.get_state_display()}, or was asked for since."
        )
    return again(subject, request, by, reason.strip() or request.reason)


def _changes_open() -> models.QuerySet[ApprovalRequest]:
    """Requests that were closed with changes asked for, and not asked for since; the newest first."""
    since = ApprovalRequest.objects.filter(
        gate=OuterRef("gate"), content_type=OuterRef("content_type"), object_id=OuterRef("object_id"),
        requested_at__gt=OuterRef("requested_at"),
    )  # fmt: skip
    closed = ApprovalRequest.objects.filter(~Exists(since), state=ApprovalRequest.State.CHANGES)
    return closed.order_by("-decided_at", "-pk").prefetch_related("approvals__approver")


def changes_wanted(user: User) -> models.QuerySet[ApprovalRequest]:
    """What `user` asked for and was told to change."""
    return _changes_open().filter(requested_by=user)


def sent_back(keys: Iterable[Any]) -> ApprovalRequest | None:
    """The newest request about one of these rows that waits for changes."""
    return _changes_open().filter(object_id__in=list(keys)).first()


def last_words(request: ApprovalRequest) -> str:
    """Who answered last, and what they said."""
    signed = list(request.approvals.all())
    return f"{signed[-1].approver.display_name}: {signed[-1].comment}" if signed else ""


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
        barred = _barred_people(request, _locked_subject(request))
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
    """Open requests that `user` could sign now, in a role of their own or one lent to them; asked for by others."""
    if user.person_id is None:
        return ApprovalRequest.objects.none()
    own = roles_of(user) if user.has_perm(DECIDE) else set()
    rights = [Q(**{f"needed__{slug}__gte": 1}) for slug in sorted(own)] + [_lent(one) for one in lent_to(user)]
    if not rights:
        return ApprovalRequest.objects.none()
    signed = Approval.objects.filter(given_by(user.person_id))
    pending = requests_visible_to(user).filter(
        state=ApprovalRequest.State.PENDING, expires_at__gt=timezone.now()
    )
    mine = pending.filter(reduce(or_, rights)).exclude(pk__in=signed.values("request"))
    return mine.exclude(requested_by__person=user.person_id)


def _lent(delegation: Delegation) -> Q:
    needed = Q(**{f"needed__{delegation.role}__gte": 1}) & ~Q(requested_by__person=delegation.delegator.person_id)
    return needed & Q(gate=delegation.gate) if delegation.gate else needed


def may_sign(request: ApprovalRequest, user: User) -> bool:
    """Whether an answer of `user` would be taken now, short of proving who they are."""
    subject = request.subject if request.state == ApprovalRequest.State.PENDING else None
    if subject is None or request.expires_at <= timezone.now():
        return False
    try:
        with transaction.atomic():
            right_to_sign(request, user, subject, _barred_people(request, subject))
    except (NotPermitted, SameApprover, AlreadyDecided):
        return False
    return True


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


def open_request(subject: models.Model, gate: str) -> ApprovalRequest | None:
    """The request now waiting on `subject`, if any."""
    return ApprovalRequest.objects.filter(
        gate=gate, object_id=subject.pk, state=ApprovalRequest.State.PENDING
    ).first()


def possible_signers(request: ApprovalRequest) -> list[User]:
    """People whose role is still needed, or was lent to them, who may see the subject and may decide on it."""
    subject, missing = request.subject, list(missing_roles(request))
    if subject is None:
        return []
    barred = _barred_people(request, subject)
    used = people_of(counting(request))
    holders = holders_of(missing).exclude(person__in=barred | used)
    lent = Delegation.objects.in_force().filter(gate__in=["", request.gate], role__in=missing)
    lent = lent.filter(delegator__in=holders, delegate__is_active=True).select_related("delegate")
    delegates = [one.delegate for one in lent if one.delegate.person_id not in barred | used]
    able = {account.pk: account for account in [*holders, *delegates]}
    return [account for account in able.values() if access.can_see(account, subject)]
