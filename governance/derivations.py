"""What rows are made from: one shared Derivation per set of parents, recomputed when a parent changes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import transaction
from django.db.models import Case, F, Value, When
from django.db.models.functions import Greatest

from governance import lifting
from governance.models import ConstrainedModel, Declassification, Derivation, DerivationParent, GovernedRow
from governance.uses import Constraint, uses_in

Key = tuple[str, UUID]  # kind and id of a parent


@dataclass(frozen=True)
class Origin:
    """What some rows are made from; `scope` says in words and ids what was used."""

    keys: frozenset[Key]
    scope: dict[str, object]

    @property
    def fingerprint(self) -> str:
        named = [[kind, str(pk)] for kind, pk in sorted(self.keys)]
        text = json.dumps([*named, self.scope], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()


def key_of(parent: ConstrainedModel) -> Key:
    return parent._meta.label_lower, parent.pk


def derivation_of(parents: Iterable[ConstrainedModel], *, scope: dict[str, object]) -> Derivation:
    """The Derivation of rows made from `parents`."""
    return derivations_of([Origin(frozenset(map(key_of, parents)), scope)])[0]


@transaction.atomic
def derivations_of(origins: Sequence[Origin]) -> list[Derivation]:
    """The Derivation of each, in order; as many queries for hundreds as for one.

    Parents are read under a lock, so that a change that commits meanwhile is either seen or comes after
    and recomputes these rows.
    """
    wanted = {origin.fingerprint: origin for origin in origins}
    parents = _load(sorted({key for origin in origins for key in origin.keys}), lock=True)
    found = Derivation.objects.filter(fingerprint__in=wanted)
    known = set(found.values_list("fingerprint", flat=True))
    leave = lifting.in_force() if set(wanted) - known else []
    missing = [_fresh(print_, wanted[print_], parents, leave) for print_ in sorted(set(wanted) - known)]
    if missing:
        Derivation.objects.bulk_create(missing, ignore_conflicts=True)
    kept = {one.fingerprint: one for one in found.all()}
    # Where another writer was faster the row is theirs, and so are its parents.
    made = [one for one in missing if kept[one.fingerprint].pk == one.pk]
    DerivationParent.objects.bulk_create(
        DerivationParent(derivation=one, kind=kind, object_id=pk)
        for one in made
        for kind, pk in [*sorted(wanted[one.fingerprint].keys), *map(key_of, lifting.reaching(one.scope, leave))]
    )
    return [kept[origin.fingerprint] for origin in origins]


def _fresh(
    fingerprint: str, origin: Origin, parents: dict[Key, ConstrainedModel], leave: Sequence[Declassification]
) -> Derivation:
    permits = lifting.permits([parents[key] for key in origin.keys], lifting.reaching(origin.scope, leave))
    return Derivation(
        fingerprint=fingerprint,
        scope=origin.scope,
        uses=permits.uses,
        classification=permits.classification,
        until=permits.until,
    )


def keys_of(derivations: Iterable[Derivation]) -> dict[UUID, frozenset[Key]]:
    """What each was made from, by its id, in one query."""
    keys: dict[UUID, set[Key]] = {derivation.pk: set() for derivation in derivations}
    made_from = DerivationParent.objects.filter(derivation__in=keys).exclude(kind=lifting.KIND)
    rows = made_from.values_list("derivation", "kind", "object_id")
    for derivation, kind, pk in rows:
        keys[derivation].add((kind, pk))
    return {pk: frozenset(found) for pk, found in keys.items()}


def rows_of(keys: Iterable[Key], *, lock: bool = False) -> dict[Key, ConstrainedModel]:
    """The rows behind `keys` that are there, one query per kind."""
    by_kind: dict[str, list[UUID]] = {}
    for kind, pk in keys:
        by_kind.setdefault(kind, []).append(pk)
    rows: dict[Key, ConstrainedModel] = {}
    for kind, pks in by_kind.items():
        found = apps.get_model(kind)._default_manager.filter(pk__in=pks)
        rows |= {(kind, row.pk): row for row in (found.select_for_update() if lock else found)}
    return rows


def _load(keys: Iterable[Key], *, lock: bool = False) -> dict[Key, ConstrainedModel]:
    """All the parent rows behind `keys`. A parent that is gone permits nothing: LookupError."""
    wanted = list(keys)
    rows = rows_of(wanted, lock=lock)
    if missing := set(wanted) - set(rows):
        raise LookupError(f"derivation parents are gone: {missing}")
    return rows


def parents_of(derivation: Derivation) -> list[ConstrainedModel]:
    """The constrained rows that bind `derivation`: what it was made from, and the declassifications that reach it."""
    return list(_load(derivation.parents.values_list("kind", "object_id")).values())


def origins_of(derivation: Derivation) -> list[ConstrainedModel]:
    """What `derivation` was made from."""
    made_from = derivation.parents.exclude(kind=lifting.KIND)
    return list(_load(made_from.values_list("kind", "object_id")).values())


def joined(old: Derivation, new: Derivation) -> Derivation:
    """The derivation of what was made from both, or the one of them that holds the other.

    What one tool made is never held by what another made: leave given to one would else be leave for both.
    """
    origins = {one.pk: {key_of(parent): parent for parent in origins_of(one)} for one in (old, new)}
    for wider, narrower in ((new, old), (old, new)):
        same_tool = wider.scope.get(lifting.JOINED) or lifting.tools_of(wider.scope) == lifting.tools_of(narrower.scope)
        if same_tool and set(origins[narrower.pk]) <= set(origins[wider.pk]):
            return wider
    together = {**origins[old.pk], **origins[new.pk]}
    return derivation_of(together.values(), scope={**old.scope, **new.scope, lifting.JOINED: True})


def recompute_below(parent: ConstrainedModel) -> dict[str, int]:
    """Bring everything that inherits from `parent` up to date, in the caller's transaction.

    Returns how many rows of each kind inherit the change.
    """
    reached: dict[str, int] = {}
    derivations = Derivation.objects.filter(
        parents__kind=parent._meta.label_lower, parents__object_id=parent.pk
    ).order_by("pk")
    leave = lifting.in_force()
    changed = [derivation for derivation in derivations.select_for_update() if _recompute(derivation, leave)]
    for model in governed_models():
        if changed and (count := model._default_manager.filter(derivation__in=changed).count()):
            reached[str(model._meta.verbose_name_plural)] = count
    for model in governed_models():
        if count := _push_to_children(model, parent):
            name = str(model._meta.verbose_name_plural)
            reached[name] = reached.get(name, 0) + count
    return reached


def _recompute(derivation: Derivation, leave: Sequence[Declassification]) -> bool:
    permits = lifting.permits(origins_of(derivation), lifting.reaching(derivation.scope, leave))
    if permits == derivation.constraint:
        return False
    derivation.uses = permits.uses
    derivation.classification = permits.classification
    derivation.until = permits.until
    derivation.save(update_fields=["uses", "classification", "until", "computed_at"])
    return True


def governed_models() -> list[type[GovernedRow]]:
    """Every concrete model that inherits constraints."""
    return [model for model in apps.get_models() if issubclass(model, GovernedRow)]


def _push_to_children(model: type[GovernedRow], parent: ConstrainedModel) -> int:
    """Set-based: the effective columns of the rows of `model` whose parent row is `parent`."""
    if not model.row_parent or not isinstance(parent, GovernedRow):
        return 0
    if model._meta.get_field(model.row_parent).related_model is not type(parent):
        return 0
    own: Any = F("allowed_uses") - F("allowed_uses").bitand(F("prohibited_uses"))  # type: ignore[arg-type]
    children = model._default_manager.filter(**{model.row_parent: parent})
    return children.update(
        effective_uses=own.bitand(parent.effective_uses),
        effective_classification=Greatest(
            F("data_classification"), Value(parent.effective_classification)
        ),
        effective_until=_earlier("permitted_until", parent.effective_until),
    )


def _earlier(field: str, end: datetime | None) -> Any:
    """The earlier of a column and a moment, where either may be missing."""
    if end is None:
        return F(field)
    return Case(When(**{f"{field}__lt": end}, then=F(field)), default=Value(end))


def set_effective(row: GovernedRow, parent: GovernedRow | None = None) -> None:
    """Fill the effective columns of an unsaved row from its own constraint and its parent row."""
    effective = row.own_constraint
    if parent is not None:
        above = Constraint(parent.effective_uses, parent.effective_classification, parent.effective_until)
        effective = effective.meet(above)
    row.effective_uses = effective.uses
    row.effective_classification = effective.classification
    row.effective_until = effective.until


@dataclass(frozen=True)
class Ancestor:
    """One thing that binds a row: what it prohibits and why."""

    label: str
    constraint: Constraint
    reason: str
    kind: str
    pk: UUID

    @property
    def prohibits(self) -> list[str]:
        return uses_in(~self.constraint.uses & 31)


def ancestors_of(row: GovernedRow) -> list[Ancestor]:
    """Everything that binds `row`, nearest first: its parent row, then what it derives from."""
    found: list[Ancestor] = []
    if row.row_parent and (parent := getattr(row, row.row_parent)) is not None:
        found.append(_ancestor(parent))
    found += [_ancestor(parent) for parent in parents_of(row.derivation)]
    return found


def _ancestor(parent: ConstrainedModel) -> Ancestor:
    gives = f": {parent.in_words}" if isinstance(parent, Declassification) else ""
    return Ancestor(
        label=f"{parent.kind_word} {parent}{gives}",
        constraint=parent.own_constraint,
        reason=parent.usage_reason,
        kind=parent._meta.label_lower,
        pk=parent.pk,
    )
