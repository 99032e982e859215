"""How far declassifications lift what the sources of something prohibit. Reading them; `declassifications` changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from governance.models import ConstrainedModel, Declassification
from governance.uses import Constraint, combine

KIND = "governance.declassification"
TOOLS = ("template_version", "labelset_version")
JOINED = "joined"  # in a scope: made from what several tools made, so leave for one of them is not leave for it


def tools_of(scope: Mapping[str, Any]) -> dict[str, Any]:
    """What made the rows of this scope: a template version or a labelset version."""
    return {name: scope[name] for name in TOOLS if name in scope}


def is_made_by_one_tool(scope: Mapping[str, Any]) -> bool:
    """Whether leave can be given for this scope."""
    return len(tools_of(scope)) == 1 and not scope.get(JOINED)


def in_force() -> list[Declassification]:
    """Those approved, not ended and not run out."""
    return list(Declassification.objects.in_force().order_by("pk"))


def reaching(scope: Mapping[str, Any], found: Iterable[Declassification]) -> list[Declassification]:
    """Those of `found` that are leave for what this scope names, and for one tool alone."""
    if scope.get(JOINED):
        return []
    return [
        one for one in found
        if tools_of(one.scope) == tools_of(scope) and one.scope.items() <= _flat(scope).items()
    ]  # fmt: skip


def permits(parents: Sequence[ConstrainedModel], lifting: Sequence[Declassification]) -> Constraint:
    """What rows made from `parents` permit together, with the leave of those that reach them."""
    together = combine(_lifted(parent, lifting) for parent in parents)
    return combine([together, *(one.own_constraint for one in lifting)])


def _lifted(parent: ConstrainedModel, lifting: Sequence[Declassification]) -> Constraint:
    own = parent.own_constraint
    for one in lifting:
        shown = _shown(one, parent)
        if shown is not None and not shown.is_looser_than(Constraint(own.uses, own.classification)):
            own = Constraint(
                own.uses | one.grants_uses, min(own.classification, one.grants_classification), own.until
            )
    return own


def _shown(one: Declassification, parent: ConstrainedModel) -> Constraint | None:
    """The constraint of `parent` that the approver saw; None if it is not lifted."""
    for source in one.lifted:
        if (source["kind"], source["id"]) == (parent._meta.label_lower, str(parent.pk)):
            return Constraint(source["uses"], source["classification"])
    return None


def _flat(scope: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in scope.items() if isinstance(value, str)}
