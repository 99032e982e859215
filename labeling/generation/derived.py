"""States that no column holds, because they follow from datasets and runs. Upper apps register who is in which."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from labeling.generation.models import TrainingSheet

Finder = Callable[[], dict[str, QuerySet[Any]]]

_finders: list[Finder] = []


def register(finder: Finder) -> Finder:
    """`finder()` returns, by the name of the state, a one-column query of the ids of its Training Sheets."""
    if finder not in _finders:
        _finders.append(finder)
    return finder


def states() -> dict[str, QuerySet[Any]]:
    """Every derived state with the ids of its Training Sheets, in order of registration."""
    return {name: ids for finder in _finders for name, ids in finder().items()}


def in_state(rows: QuerySet[TrainingSheet], name: str) -> QuerySet[TrainingSheet]:
    """Those of `rows` that are in this derived state; none if it is unknown."""
    known = states()
    return rows.filter(pk__in=known[name]) if name in known else rows.none()


def states_of(sheet_ids: Iterable[UUID]) -> dict[UUID, list[str]]:
    """Derived states of these Training Sheets; one query for each state."""
    found: dict[UUID, list[str]] = {pk: [] for pk in sheet_ids}
    for name, ids in states().items():
        for pk in (
            TrainingSheet.objects.filter(pk__in=list(found)).filter(pk__in=ids).values_list("pk", flat=True)
        ):
            found[pk].append(name)
    return found
