"""What the first page shows. Apps register tiles, queue rows and first steps in their `ready`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One stage: how much there is, and the one next action for this person."""

    stage: str
    count: int
    unit: str
    one: str
    order: int
    trend: list[int] = field(default_factory=list)
    action_label: str = ""
    action_url: str = ""
    tone: str = "plain"

    @property
    def words(self) -> str:
        """What is counted: `one` names a single thing, `unit` any other number."""
        return self.one if self.count == 1 else self.unit


@dataclass(frozen=True, kw_only=True)
class QueueRow:
    """One thing that waits for this person."""

    what: str
    source: str
    why: str
    url: str
    action: str = "Open"


@dataclass(frozen=True, kw_only=True)
class FirstStep:
    """One line of the checklist that stays until the first model is trained."""

    label: str
    done: bool
    url: str
    order: int


_tiles: list[Callable[[Any], Tile | None]] = []
_queues: list[Callable[[Any], Iterable[QueueRow]]] = []
_steps: list[Callable[[Any], FirstStep | None]] = []


def register_tile(make: Callable[[Any], Tile | None]) -> None:
    """`make(user)` returns the tile, or None for people whose role does not see that stage."""
    _tiles.append(make)


def register_queue(rows: Callable[[Any], Iterable[QueueRow]]) -> None:
    """`rows(user)` yields what waits for this person; a handful at most."""
    _queues.append(rows)


def register_first_step(make: Callable[[Any], FirstStep | None]) -> None:
    _steps.append(make)


def tiles_for(user: Any) -> list[Tile]:
    found = [tile for make in _tiles if (tile := make(user)) is not None]
    return sorted(found, key=lambda tile: tile.order)


def queue_for(user: Any) -> list[QueueRow]:
    return [row for rows in _queues for row in rows(user)]


def checklist_for(user: Any) -> list[FirstStep]:
    """The first steps in order; empty once all are done."""
    steps = sorted((step for make in _steps if (step := make(user))), key=lambda step: step.order)
    return [] if all(step.done for step in steps) else steps
