"""How far a Sheet is labelled: upper apps register who counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.sheets.models import Sheet

Counter = Callable[["Sheet"], list[dict[str, Any]]]

_counters: list[Counter] = []


def register(counter: Counter) -> Counter:
    """Show `counter(sheet)` on the Sheet's page: rows of {"label", "done", "total", "url"}; url may be empty."""
    if counter not in _counters:
        _counters.append(counter)
    return counter


def coverage_of(sheet: Sheet) -> list[dict[str, Any]]:
    """The rows of every registered counter."""
    return [row for counter in _counters for row in counter(sheet)]
