"""The gate of this app: a constraint becomes looser only with a compliance officer's signature."""

from governance import constraints, desk

RELAX = desk.Gate(
    slug=constraints.RELAX_GATE,
    title="Relax a constraint",
    content=lambda row: constraints.Terms.of(row).as_json(),
    perform=constraints.perform_relaxation,
    default_approvals={"compliance-officer": 1},
    asking_needs_proof=True,
)

desk.register_gate(RELAX)
