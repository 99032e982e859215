"""The gates of this app: permitting more, erasing from the record, and lifting what keeps it from being erased."""

from governance import constraints, desk
from governance.record import erasing, holds
from governance.rules import declassifications, tag_rules

RELAX = desk.Gate(
    slug=constraints.RELAX_GATE,
    title="Relax a constraint",
    content=lambda row: constraints.Terms.of(row).as_json(),
    perform=constraints.perform_relaxation,
    default_approvals={"compliance-officer": 1},
    asking_needs_proof=True,
)
RELAX_RULE = desk.Gate(
    slug=tag_rules.GATE,
    title="Relax a tag rule",
    content=lambda rule: tag_rules.Rule.of(rule).as_json(),
    perform=tag_rules.perform_relaxation,
    default_approvals={"compliance-officer": 1},
    asking_needs_proof=True,
)
DECLASSIFY = desk.Gate(
    slug=declassifications.GATE,
    title="Declassify",
    content=declassifications.shown,
    perform=declassifications.perform,
    authors=lambda one: [one.requested_by],
    default_approvals={"compliance-officer": 1},
    asking_needs_proof=True,
)
ERASE = desk.Gate(
    slug=erasing.GATE,
    title="Erase values from the record",
    content=erasing.content_of,
    check=erasing.check,
    perform=erasing.perform,
    default_approvals={"compliance-officer": 1},
    asking_needs_proof=True,
)
LIFT = desk.Gate(
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

for gate in (RELAX, RELAX_RULE, DECLASSIFY, ERASE, LIFT):
    desk.register_gate(gate)
