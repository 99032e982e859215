"""Tag rules: what a catalog tag means for everything made from what carries it. Reading them; `tag_rules` changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django.contrib.contenttypes.models import ContentType

from governance.uses import ALL_USES, BITS, Classification, Constraint, combine

if TYPE_CHECKING:
    from governance.models import TagRule

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


def constraint_for(tags: Iterable[str], rules: Mapping[str, TagRule] | None = None) -> tuple[Constraint, str]:
    """What `tags` together permit, and why in words. A tag without a rule changes nothing.

    `rules`: those of `rules_by_tag`, for many rows in one go.
    """
    known = rules_by_tag() if rules is None else rules
    found = [known[tag] for tag in sorted({tag.upper() for tag in tags}) if tag in known]
    constraint = combine(Constraint(rule.allowed_uses, rule.data_classification) for rule in found)
    floor = Constraint(classification=Classification.INTERNAL)
    return constraint.meet(floor), "; ".join(f"tag {rule.tag}: {rule.reason}" for rule in found)


def rules_by_tag() -> dict[str, TagRule]:
    from governance.models import TagRule

    return {rule.tag: rule for rule in TagRule.objects.all()}


def hold_rules() -> None:
    """Until this transaction ends no rule changes: who reads tags and who changes a rule take turns."""
    ContentType.objects.select_for_update(no_key=True).get(app_label="governance", model="tagrule")
