"""In which order undecided pairs come: every order is data, and each goes on behind the pair that was seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import F, Q, QuerySet

from labeling.generation.models import QAPair

UNSURE, INFORMATIVE, DISAGREEMENT, FLAGGED = "unsure", "informative", "disagreement", "flagged"


@dataclass(frozen=True, kw_only=True)
class Order:
    """By one column, then by position. `unknown_first`: where those without a value stand."""

    label: str
    column: str = ""
    descending: bool = False
    unknown_first: bool = False

    def of(self, waiting: QuerySet[QAPair]) -> QuerySet[QAPair]:
        if not self.column:
            return waiting.order_by("position")
        nulls: dict[str, Any] = {"nulls_first": True} if self.unknown_first else {"nulls_last": True}
        first = F(self.column).desc(**nulls) if self.descending else F(self.column).asc(**nulls)
        return waiting.order_by(first, "position")

    def behind(self, value: Any, position: int) -> Q:
        """Those that come after a pair with this value at this position."""
        beside = Q(**{self.column: value}, position__gt=position)
        unknown = Q(**{f"{self.column}__isnull": True})
        if value is None:
            return beside | ~unknown if self.unknown_first else beside
        further = Q(**{f"{self.column}__{'lt' if self.descending else 'gt'}": value})
        return beside | further if self.unknown_first else beside | further | unknown


ORDERS: dict[str, Order] = {
    "": Order(label="oldest first"),
    INFORMATIVE: Order(label="most informative first", column="quality__rank"),
    UNSURE: Order(label="least sure first", column="ai_confidence", unknown_first=True),
    DISAGREEMENT: Order(label="most disagreement first", column="quality__disagreement", descending=True),
    FLAGGED: Order(label="flagged first", column="status"),  # of those to decide "flagged" comes before "unlabeled"
}


def next_of(pairs: QuerySet[QAPair], waiting: QuerySet[QAPair], *, after: int, order: str) -> QAPair | None:
    """The first of `waiting` behind the pair at position `after`; at the end the first of those that were skipped."""
    found = next_behind_of(pairs, waiting, after=after, order=order) if after >= 0 else None
    return found or _chosen(order).of(waiting).first()


def next_behind_of(pairs: QuerySet[QAPair], waiting: QuerySet[QAPair], *, after: int, order: str) -> QAPair | None:
    """The first of `waiting` behind the one of `pairs` at position `after`, and none where that was the last."""
    chosen = _chosen(order)
    value = pairs.filter(position=after).values_list(chosen.column, flat=True).first() if chosen.column else None
    # What was just decided has lost its flag: it stood among the flagged ones or right behind them.
    was_decided = order == FLAGGED and value not in (QAPair.Status.FLAGGED, QAPair.Status.UNLABELED)
    is_by_place = was_decided or not chosen.column
    return chosen.of(waiting).filter(Q(position__gt=after) if is_by_place else chosen.behind(value, after)).first()


def _chosen(order: str) -> Order:
    return ORDERS.get(order, ORDERS[""])
