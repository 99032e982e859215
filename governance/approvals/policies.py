"""Policies of gates. Nobody edits one: someone proposes new values, another person approves, then they act."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from django.db import transaction

from governance import access, context, desk
from governance.approvals.registry import GATES, fingerprint
from governance.approvals.signatures import signing_roles
from governance.errors import ContentChanged, InvalidInput, ReasonRequired
from governance.models import GatePolicy, PolicyProposal
from governance.roles import ROLES, holders_of

if TYPE_CHECKING:
    from governance.models import ApprovalRequest, User

GATE = "policy-change"
LONGEST_PROOF_MINUTES = 24 * 60
LONGEST_LIFE_DAYS = 366


@dataclass(frozen=True, kw_only=True)
class Values:
    """What the policy of one gate asks for."""

    approvals: dict[str, int]
    author_may_approve: bool
    lifetime_days: int
    reauthenticate_minutes: int
    comment_required: bool

    @classmethod
    def of(cls, row: GatePolicy | PolicyProposal) -> Values:
        return cls(**{name: getattr(row, name) for name in cls.__dataclass_fields__})

    def in_words(self) -> dict[str, str]:
        """As the approver reads them."""
        minutes = self.reauthenticate_minutes
        return {
            "Approvals needed": ", ".join(f"{count} {_role(slug)}" for slug, count in sorted(self.approvals.items())),
            "Its author may approve": "yes" if self.author_may_approve else "no",
            "A request lives": f"{self.lifetime_days} days",
            "Proof of the signer": f"not older than {minutes} minutes" if minutes else "at any time in the session",
            "An approval needs a comment": "yes" if self.comment_required else "no",
        }


def _role(slug: str) -> str:
    return ROLES[slug][0].lower() if slug in ROLES else slug


@transaction.atomic
def propose(*, policy: GatePolicy, by: User, reason: str, **changed: Any) -> ApprovalRequest:
    """Propose new values for one gate's policy; values not named stay as they are.

    The request is bound to the present values too: once another proposal has acted, this one is void.
    Open requests keep what they asked for.
    :raises ReasonRequired: the approver would not know why.
    :raises InvalidInput: no approval at all, an unknown role, a count that is no number from 1 to 9, a life or a
        proof out of range, values as they are, or a policy that would lock everybody out of policies.
    """
    access.require(by, "governance.add_policyproposal")
    if not reason.strip():
        raise ReasonRequired("Say why: the approver decides on it and it goes on record.", field="reason")
    policy = GatePolicy.objects.select_for_update().get(pk=policy.pk)
    now = Values.of(policy)
    asked = Values(**asdict(now) | changed)
    _check_values(policy.gate, asked)
    if asked == now:
        raise InvalidInput("These are the values of now; change at least one.", field="approvals")
    with context.because(reason.strip(), by=by):
        proposal = PolicyProposal.objects.create(policy=policy, proposed_by=by, **asdict(asked))
    shown = {"step": str(policy), "before": now.in_words(), "after": asked.in_words()}
    return desk.request_approval(gate=GATE, subject=proposal, by=by, reason=reason, payload=shown)


def propose_again(proposal: PolicyProposal, request: ApprovalRequest, by: User, reason: str) -> ApprovalRequest:
    """The same values once more, against what the policy says by now."""
    return propose(policy=proposal.policy, by=by, reason=reason, **asdict(Values.of(proposal)))


def _check_values(gate: str, asked: Values) -> None:
    if not isinstance(asked.approvals, dict) or not asked.approvals:
        raise InvalidInput('A gate needs at least one approval, such as {"approver": 1}.', field="approvals")
    able = signing_roles()
    for role, count in asked.approvals.items():
        if role not in able or isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= 9:
            raise InvalidInput(
                f"{role}: {count!r} cannot be used; expected a count from 1 to 9 for one of {', '.join(sorted(able))}.",
                field="approvals",
            )
    _check_range(asked.lifetime_days, 1, LONGEST_LIFE_DAYS, "lifetime_days", "days")
    _check_range(asked.reauthenticate_minutes, 0, LONGEST_PROOF_MINUTES, "reauthenticate_minutes", "minutes")
    if gate == GATE:
        _check_not_locked_out(asked)


def _check_range(value: int, least: int, most: int, field: str, unit: str) -> None:
    if not least <= value <= most:
        raise InvalidInput(f"{value} {unit} cannot be used; expected {least} to {most}.", field=field)


def _check_not_locked_out(asked: Values) -> None:
    """What changes this policy passes the policy itself, so a mistake in it could never be mended."""
    if asked.author_may_approve:
        raise InvalidInput("Who proposes a policy never approves it; this cannot be permitted.",
                           field="author_may_approve")  # fmt: skip
    for role, count in asked.approvals.items():
        people = holders_of([role]).values("person").distinct().count()
        if people < count:
            raise InvalidInput(
                f"{count} {_role(role)}: {people} of them {'is' if people == 1 else 'are'} here, so no policy could be "
                "changed any more.", field="approvals",
            )  # fmt: skip


def content_of(proposal: PolicyProposal) -> dict[str, Any]:
    """What the approval binds to besides what was asked: what the policy says now, and what it would say."""
    return {
        "gate": str(proposal.policy),
        "the policy now": Values.of(proposal.policy).in_words(),
        "proposed": Values.of(proposal).in_words(),
    }


def check(proposal: PolicyProposal) -> None:
    """:raises InvalidInput: the values cannot be used (any more)."""
    _check_values(proposal.policy.gate, Values.of(proposal))


def perform(proposal: PolicyProposal, request: ApprovalRequest, by: User) -> None:
    """The gate's step: the proposed values act from now on.

    :raises ContentChanged: another proposal acted between the approver's look and this moment.
    """
    policy = proposal.policy = GatePolicy.objects.select_for_update().get(pk=proposal.policy_id)
    if fingerprint(GATES[GATE], proposal, request.payload) != request.fingerprint:
        raise ContentChanged(
            f"The policy of “{policy}” was changed by another proposal, so this request is void. Propose it anew."
        )
    check(proposal)
    for name, value in asdict(Values.of(proposal)).items():
        setattr(policy, name, value)
    policy.save()
