"""Decisions about many pairs, in batches that commit one by one. What cannot be decided is reported."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from governance.errors import WorkbenchError
from governance.models import User
from labeling.generation.models import QAPair, TrainingSheet
from labeling.review.deciding import BATCH, Decider, Refusal
from labeling.review.errors import ReviewClosed
from labeling.review.transitions import STARTS_FROM

REPORTED = 200
SHEET_PARTS = ("sheet", "label_type", "template_version", "labelset_version__labelset")


@dataclass
class Outcome:
    """How many pairs were decided, were left since this decision does not start from their state, or were refused.

    Refusals say why, the first 200 of them.
    """

    decided: int = 0
    left: int = 0
    refused: int = 0
    refusals: list[dict[str, str]] = field(default_factory=list)

    def add(self, decided: int, refusals: Sequence[Refusal]) -> None:
        self.decided += decided
        self.refused += len(refusals)
        room = REPORTED - len(self.refusals)
        self.refusals += [refusal.as_json() for refusal in refusals[:room]]

    def add_gone(self, count: int) -> None:
        """Pairs that do not exist for this person any more; there is nothing else to say of them."""
        self.refused += count

    def as_json(self) -> dict[str, Any]:
        return {"decided": self.decided, "left": self.left, "refused": self.refused, "refusals": self.refusals}


def decide_batch(*, ids: Sequence[UUID | str], action: str, by: User, notes: str, outcome: Outcome) -> None:
    """Decide these pairs in the caller's transaction.

    Rows are locked in one order, Training Sheets first: two people deciding at once wait, and never deadlock.
    """
    visible = QAPair.objects.visible_to(by).filter(pk__in=ids)
    sheet_ids = visible.values("training_sheet")
    sheets = {sheet.pk: sheet for sheet in locked_sheets().filter(pk__in=sheet_ids).order_by("pk")}
    rows = list(locked_pairs().filter(pk__in=visible.values("pk")).order_by("training_sheet_id", "pk"))
    outcome.add_gone(len(ids) - len(rows))
    due = [pair for pair in rows if pair.status in STARTS_FROM[action]]
    outcome.left += len(rows) - len(due)
    for sheet_id, group in groupby(due, key=lambda pair: pair.training_sheet_id):
        pairs = list(group)
        refused = _decide(sheets[sheet_id], pairs, action, by, notes)
        outcome.add(len(pairs) - len(refused), refused)


def _decide(sheet: TrainingSheet, pairs: list[QAPair], action: str, by: User, notes: str) -> list[Refusal]:
    for pair in pairs:
        pair.training_sheet = sheet  # what is refused is named without a query for each
    try:
        require_open(sheet)
        with transaction.atomic():
            return Decider(sheet, by, notes).decide(action, pairs)
    except WorkbenchError as error:
        return [Refusal(pair, error) for pair in pairs]


def locked_sheets() -> QuerySet[TrainingSheet]:
    return TrainingSheet.objects.select_for_update(of=("self",)).select_related(*SHEET_PARTS)


def locked_pairs() -> QuerySet[QAPair]:
    return QAPair.objects.select_for_update(of=("self",)).select_related("prompt", "answer", "derivation")


def require_open(sheet: TrainingSheet) -> None:
    """:raises ReviewClosed: its pairs cannot be decided now; says what to do first."""
    if sheet.status == TrainingSheet.Status.READY:
        return
    todo = {
        TrainingSheet.Status.GENERATING: "Wait until generation has finished.",
        TrainingSheet.Status.REVIEWED: "Reopen its review first, with a reason.",
    }.get(TrainingSheet.Status(sheet.status), "Resume generation, or choose to review what is there.")
    raise ReviewClosed(
        f"Pairs of “{sheet}” cannot be decided: it is {sheet.get_status_display().lower()}. {todo}",
        details={"status": sheet.status},
    )


def batches(ids: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(ids), BATCH):
        yield ids[start : start + BATCH]
