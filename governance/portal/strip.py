"""The use strip's data: what a row permits, what it prohibits itself, and what an ancestor prohibits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from governance.models import ConstrainedModel, GovernedRow
from governance.uses import ALL_USES, BITS, LETTERS, Classification, Constraint


class Cell(NamedTuple):
    """One use of one row; `state` is permitted, own or inherited."""

    letter: str
    use: str
    state: str
    reason: str


@dataclass(frozen=True)
class Strip:
    """What `{% use_strip %}` draws."""

    cells: tuple[Cell, ...]
    classification_label: str
    classification: int
    why_url: str


def strip_for(row: ConstrainedModel) -> Strip:
    """The strip of one row. For rows in lists, select their derivation along."""
    inherited, classification = _from_above(row)
    own, reason = row.own_constraint, row.usage_reason
    if own.until is not None and own.uses_now != own.uses:
        reason = f"it was permitted until {timezone.localtime(own.until):%Y-%m-%d %H:%M}"
    return strip_of(own.uses_now, inherited, classification, reason=reason, why_url=why_url(row))


def strip_of(own: int, inherited: int, classification: int, *, reason: str = "", why_url: str = "") -> Strip:
    """The strip of bare masks."""
    cells = tuple(_cell(use, own, inherited, reason) for use in BITS)
    return Strip(cells, str(Classification(classification).label), classification, why_url)


def _from_above(row: ConstrainedModel) -> tuple[int, int]:
    if not isinstance(row, GovernedRow):
        return ALL_USES, row.data_classification
    above = row.derivation
    # The effective mask holds own ∩ parent row: what it lacks and the row allows, the parent row took.
    from_parent = Constraint(row.effective_uses | (ALL_USES & ~row.own_uses), until=row.effective_until)
    return from_parent.uses_now & above.constraint.uses_now, max(row.effective_classification, above.classification)


def _cell(use: str, own: int, inherited: int, reason: str) -> Cell:
    bit, letter = BITS[use], LETTERS[use]
    if not own & bit:
        return Cell(letter, use, "own", reason or "prohibited on this row")
    if not inherited & bit:
        return Cell(letter, use, "inherited", "prohibited by what it was made from")
    return Cell(letter, use, "permitted", "")


def why_url(row: Any) -> str:
    """The page that explains the constraint of a row."""
    try:
        return reverse("governance:why", args=[row._meta.label_lower, row.pk])
    except NoReverseMatch:
        return ""
