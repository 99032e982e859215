"""Tag rules: what a catalog tag means for everything made from what carries it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from governance.uses import ALL_USES, BITS, Classification, Constraint, combine

# The defaults of the requirements; afterwards the rows in the database decide.
DEFAULT_RULES = {
    "PII": (
        ALL_USES & ~BITS["training"] & ~BITS["validation"],
        Classification.RESTRICTED,
        "Identifiable personal data must not be kept in model weights.",
    ),
    "PHI": (
        ALL_USES & ~BITS["training"] & ~BITS["validation"],
        Classification.RESTRICTED,
        "Identifiable patient data (PHI) must not be kept in model weights.",
    ),
    "CONFIDENTIAL": (
        BITS["training"] | BITS["validation"],
        Classification.CONFIDENTIAL,
        "Confidential data may shape weights but must not be shown in prompts, traces or benchmarks.",
    ),
}


def seed_rules(**_: Any) -> None:
    """Create the default rules once; rules changed or removed later stay so."""
    from governance.models import TagRule

    if TagRule.objects.exists() or TagRule.history.exists():
        return
    for tag, (allowed, classification, reason) in DEFAULT_RULES.items():
        TagRule.objects.create(
            tag=tag, allowed_uses=allowed, data_classification=classification, reason=reason
        )


def constraint_for(tags: Iterable[str]) -> tuple[Constraint, str]:
    """What `tags` together permit, and why in words. A tag without a rule changes nothing."""
    from governance.models import TagRule

    rules = list(TagRule.objects.filter(tag__in=[tag.upper() for tag in tags]).order_by("tag"))
    constraint = combine(Constraint(rule.allowed_uses, rule.data_classification) for rule in rules)
    floor = Constraint(classification=Classification.INTERNAL)
    return constraint.meet(floor), "; ".join(f"tag {rule.tag}: {rule.reason}" for rule in rules)
