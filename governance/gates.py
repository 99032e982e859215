"""The gates of this app: a looser constraint, and a policy of who signs what, pass a compliance officer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from governance import constraints, desk
from governance.approvals import policies

if TYPE_CHECKING:
    from governance.models import ApprovalRequest, ConstrainedModel, User


def _relax_again(row: ConstrainedModel, request: ApprovalRequest, by: User, reason: str) -> ApprovalRequest:
    terms = constraints.Terms.parse(request.payload | {"usage_reason": reason})
    return constraints.request_relaxation(row=row, terms=terms, by=by)


RELAX = desk.Gate(
    slug=constraints.RELAX_GATE,
    title="Relax a constraint",
    content=lambda row: constraints.Terms.of(row).as_json(),
    perform=constraints.perform_relaxation,
    default_approvals={"compliance-officer": 1},
    asking_needs_proof=True,
    ask_again=_relax_again,
    instead="Tighten the constraint instead: that acts at once.",
)

POLICY = desk.Gate(
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

desk.register_gate(RELAX)
desk.register_gate(POLICY)
