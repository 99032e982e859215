"""What would change if a constraint became another: tried for real in a transaction that is rolled back.

So the answer comes of the very code that makes the change, and of no second copy of its rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Q, QuerySet

from governance import access, constraints, derivations
from governance.constraints import Terms
from governance.errors import NotPermitted
from governance.models import ConstrainedModel, DerivationParent, GovernedRow
from governance.uses import Use

if TYPE_CHECKING:
    from governance.models import User

LISTED_AT_MOST = 50
Probe = Callable[["User"], Mapping[Any, str]]


@dataclass(frozen=True)
class Effect:
    """How many rows of one kind would lose or gain one use."""

    what: str
    use: str
    lost: int
    gained: int


@dataclass(frozen=True)
class Consequence:
    """Assets that would enter a state, such as "datasets suspended", by name; `count` is of all of them."""

    title: str
    count: int
    names: list[str]


@dataclass(frozen=True)
class WhatIf:
    """The answer, as far as the person who asks may see the rows."""

    effects: list[Effect] = field(default_factory=list)
    consequences: list[Consequence] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {
            "effects": [vars(effect) for effect in self.effects],
            "consequences": [vars(one) for one in self.consequences],
        }


_probes: dict[str, tuple[Probe, bool]] = {}


def register_probe(title: str, probe: Probe, *, lost: bool) -> None:
    """Apps say which assets are in a state: `probe(user)` gives their names by key.

    :param title: what is said of those that leave the state (`lost`) or enter it.
    """
    _probes[title] = (probe, lost)


def what_if(*, row: ConstrainedModel, terms: Terms, by: User) -> WhatIf:
    """What `terms` on `row` would change for everything made from it. Nothing is changed.

    :raises NotPermitted: `by` may neither tighten nor ask for a relaxation, or does not see the row.
    """
    manager: Any = type(row)._default_manager
    if not (by.has_perm("governance.tighten_constraint") or by.has_perm("governance.request_relaxation")):
        raise NotPermitted("Your roles do not change constraints, so there is nothing to try.")
    if not access.can_see(by, row):
        raise NotPermitted(f"You may not use this {row._meta.verbose_name}.")
    with transaction.atomic():
        locked = manager.select_for_update().get(pk=row.pk)
        change = partial(constraints.apply_terms, row=locked, terms=terms, by=by)
        return tried(change, below=lambda model: _inherits(model, locked), by=by)


def tried(change: Callable[[], object], *, below: Callable[[type[GovernedRow]], Q], by: User) -> WhatIf:
    """What `change` does to the rows of each model that `below` names, as far as `by` may see them. It is undone."""
    with transaction.atomic():
        before = _State.now(below, by)
        change()
        after = _State.now(below, by)
        transaction.set_rollback(True)
    return WhatIf(effects=_effects(before, after), consequences=_consequences(before, after))


@dataclass(frozen=True)
class _State:
    """Which rows below permit which use, and which assets are in which state."""

    permitted: Mapping[tuple[str, str], int]
    assets: Mapping[str, Mapping[Any, str]]

    @classmethod
    def now(cls, below: Callable[[type[GovernedRow]], Q], by: User) -> _State:
        permitted = {
            (str(model._meta.verbose_name_plural), use.label): _visible(model, by, below).permitting(use).count()
            for model in derivations.governed_models()
            for use in Use
        }
        return cls(permitted, {title: dict(probe(by)) for title, (probe, _) in _probes.items()})


def _visible(model: type[GovernedRow], by: User, below: Callable[[type[GovernedRow]], Q]) -> Any:
    manager: Any = model._default_manager
    return manager.visible_to(by).filter(below(model))


def _inherits(model: type[GovernedRow], row: ConstrainedModel) -> Q:
    """Rows of `model` that inherit from `row`, itself included."""
    inherits = Q(derivation__in=derived_from(row._meta.label_lower, [row.pk]))
    if isinstance(row, model):
        inherits |= Q(pk=row.pk)
    if model.row_parent and isinstance(row, model._meta.get_field(model.row_parent).related_model):  # type: ignore[arg-type]
        inherits |= Q(**{model.row_parent: row.pk})
    return inherits


def derived_from(kind: str, pks: Iterable[Any]) -> QuerySet[Any, Any]:
    """The ids of the derivations that have one of these rows among their parents."""
    return DerivationParent.objects.filter(kind=kind, object_id__in=list(pks)).values("derivation")


def _effects(before: _State, after: _State) -> list[Effect]:
    changes = (
        Effect(what, use, max(was - after.permitted[what, use], 0), max(after.permitted[what, use] - was, 0))
        for (what, use), was in before.permitted.items()
    )
    return [effect for effect in changes if effect.lost or effect.gained]


def _consequences(before: _State, after: _State) -> list[Consequence]:
    found = []
    for title, (_, lost) in _probes.items():
        left, right = (before, after) if lost else (after, before)
        names = sorted(name for key, name in left.assets[title].items() if key not in right.assets[title])
        if names:
            found.append(Consequence(title, len(names), names[:LISTED_AT_MOST]))
    return found
