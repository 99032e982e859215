"""The lattice of usage constraints: sets of uses as small integers, and classifications in order.

A use is permitted iff it is allowed and not prohibited; combining two constraints intersects what they
permit and takes the higher classification. No database here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import reduce

from django.db import models
from django.utils import timezone

from governance.errors import InvalidInput


class Use(models.TextChoices):
    """What a governed row may be used for. `training` and `validation` shape weights for good."""

    TRAINING = "training", "training"
    VALIDATION = "validation", "validation"
    EVALUATION = "evaluation", "evaluation"
    TESTING = "testing", "testing"
    FEW_SHOT = "few_shot", "few-shot"

    @property
    def bit(self) -> int:
        return BITS[self]


BITS: dict[str, int] = {use.value: 1 << place for place, use in enumerate(Use)}
LETTERS: dict[str, str] = dict(zip(BITS, "TVEQF", strict=True))
ALL_USES = sum(BITS.values())
NO_USES = 0


class Classification(models.IntegerChoices):
    """How sensitive a row is; higher is stricter."""

    PUBLIC = 0, "public"
    INTERNAL = 1, "internal"
    CONFIDENTIAL = 2, "confidential"
    RESTRICTED = 3, "restricted"


def mask_of(uses: Iterable[str], *, field: str = "uses") -> int:
    """The set of `uses` as an integer.

    :raises InvalidInput: a name is not one of the five uses.
    """
    mask = NO_USES
    for use in uses:
        if use not in BITS:
            raise InvalidInput(f"{use!r} is not a use; expected some of: {', '.join(BITS)}.", field=field)
        mask |= BITS[use]
    return mask


def uses_in(mask: int) -> list[str]:
    """The uses in `mask`, in the fixed order training … few_shot."""
    return [use for use, bit in BITS.items() if mask & bit]


def masks_holding(use: str) -> list[int]:
    """All masks that hold `use`; an index can serve `mask IN (…)`, which no bit operator can."""
    return [mask for mask in range(ALL_USES + 1) if mask & BITS[use]]


def classification_of(name: str | int, *, field: str = "data_classification") -> Classification:
    """The classification with this name.

    :raises InvalidInput: it is none of the four.
    """
    by_name = {level.label: level for level in Classification}
    if isinstance(name, int) and name in Classification.values:
        return Classification(name)
    if not isinstance(name, str) or name not in by_name:
        raise InvalidInput(f"{name!r} is no classification; expected one of: {', '.join(by_name)}.", field=field)
    return by_name[name]


@dataclass(frozen=True)
class Constraint:
    """What something permits, up to which classification, and until when."""

    uses: int = ALL_USES
    classification: int = Classification.PUBLIC
    until: datetime | None = None

    def meet(self, other: Constraint) -> Constraint:
        """Most restrictive wins: commutative, associative, idempotent."""
        ends = [end for end in (self.until, other.until) if end is not None]
        return Constraint(
            uses=self.uses & other.uses,
            classification=max(self.classification, other.classification),
            until=min(ends, default=None),
        )

    @property
    def uses_now(self) -> int:
        """What it permits at this moment: nothing once its end has passed."""
        return NO_USES if self.until is not None and self.until <= timezone.now() else self.uses

    def is_looser_than(self, other: Constraint) -> bool:
        """Whether anything is permitted here that `other` does not permit."""
        return self.meet(other) != self


def combine(constraints: Iterable[Constraint]) -> Constraint:
    """The meet of all of `constraints`; of none, everything is permitted."""
    return reduce(Constraint.meet, constraints, Constraint())
