"""The gates of this app: whatever permits more than before needs a compliance officer's signature."""

from governance import constraints, desk
from governance.rules import declassifications, tag_rules

RELAX = desk.Gate(
    slug=constraints.RELAX_GATE,
    title="Relax a constraint",
    content=lambda row: constraints.Terms.of(row).as_json(),
    perform=constraints.perform_relaxation,
    default_approvals={"compliance-officer": 1},
    asking_needs_proof=True,
)

desk.register_gate(RELAX)

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

desk.register_gate(RELAX_RULE)
desk.register_gate(DECLASSIFY)
