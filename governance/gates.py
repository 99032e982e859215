"""The gates of this app: permitting more, who signs what, erasing from the record, and lifting what forbids that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from governance import constraints, whatif
from governance.approvals import policies
from governance.approvals.registry import Gate, register_gate
from governance.record import erasing, holds
from governance.rules import declassifications, leave, tag_rules

if TYPE_CHECKING:
    from governance.models import ApprovalRequest, ConstrainedModel, User


def _relax_again(row: ConstrainedModel, request: ApprovalRequest, by: User, reason: str) -> ApprovalRequest:
    terms = constraints.Terms.parse(request.payload | {"usage_reason": reason})
    return constraints.request_relaxation(row=row, terms=terms, by=by)


RELAX = Gate(
    slug=constraints.RELAX_GATE,
    title="Relax a constraint",
    content=lambda row: constraints.Terms.of(row).as_json(),
    perform=constraints.perform_relaxation,
    still=constraints.check_relaxation,
    default_approvals={"compliance-officer": 1},
    asking_needs_proof=True,
    ask_again=_relax_again,
    instead="Tighten the constraint instead: that acts at once.",
    would_change=lambda row, payload, user: whatif.what_if(row=row, terms=constraints.Terms.parse(payload), by=user),
)

POLICY = Gate(
    slug=policies.GATE,
    title="Change a gate policy",
    content=policies.content_of,
    perform=policies.perform,
    check=policies.check,
    authors=lambda proposal: [proposal.proposed_by],
    default_approvals={"compliance-officer": 1},
    asking_needs_proof=True,
    author_never_approves=True,
    ask_again=policies.propose_again,
    instead="Propose the former values instead.",
)
RELAX_RULE = Gate(
    slug=tag_rules.GATE,
    title="Relax a tag rule",
    content=lambda rule: tag_rules.Rule.of(rule).as_json(),
    perform=tag_rules.perform_relaxation,
    default_approvals={"compliance-officer": 1},
    asking_needs_proof=True,
    ask_again=tag_rules.ask_again,
    instead="Tighten the rule instead: that acts at once.",
)
DECLASSIFY = Gate(
    slug=declassifications.GATE,
    title="Declassify",
    content=declassifications.shown,
    beside=lambda one, user: {"lifted sources": leave.sources_in_words([one], user)},
    check=declassifications.check,
    perform=declassifications.perform,
    authors=lambda one: [one.requested_by],
    default_approvals={"compliance-officer": 1},
    asking_needs_proof=True,
    ask_again=declassifications.ask_again,
    instead="End the declassification instead: that acts at once.",
)
ERASE = Gate(
    slug=erasing.GATE,
    title="Erase values from the record",
    content=erasing.content_of,
    check=erasing.check,
    perform=erasing.perform,
    default_approvals={"compliance-officer": 1},
    asking_needs_proof=True,
)
LIFT = Gate(
    slug=holds.GATE,
    title="Lift a legal hold",
    content=lambda hold: {
        "kind": hold.kind, "object_id": hold.object_id, "reason": hold.reason, "placed_at": hold.placed_at.isoformat()
    },
    check=holds.check,
    perform=holds.perform,
    default_approvals={"compliance-officer": 1},
    asking_needs_proof=True,
)  # fmt: skip

for gate in (RELAX, RELAX_RULE, DECLASSIFY, POLICY, ERASE, LIFT):
    register_gate(gate)
