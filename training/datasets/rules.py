"""How a dataset chooses and divides its pairs, as checked values. No database here."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from governance.uses import BITS, Use
from labeling.models import QAPair
from training.datasets.errors import RulesRefused, SplitRefused

TRAIN, VALIDATION, TEST = "train", "validation", "test"
SIDE_USES: dict[str, Use] = {TRAIN: Use.TRAINING, VALIDATION: Use.VALIDATION, TEST: Use.EVALUATION}
"""What a row must permit to stand on each side."""

ROUNDING = 1e-6  # shares typed as decimals need not add up to the last bit


@dataclass(frozen=True)
class Split:
    """Shares of the three sides, which add up to one. `by` names a column whose value keeps items together."""

    train: float = 0.8
    validation: float = 0.2
    test: float = 0.0
    by: str = ""

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Split:
        """:raises SplitRefused: an unknown part, a share outside 0 to 1, or shares that do not add up to 1."""
        if unknown := sorted(set(data) - {TRAIN, VALIDATION, TEST, "by"}):
            raise SplitRefused(f"A split has no part {unknown[0]!r}; it has train, validation, test and by.",
                               field="split")
        shares = {side: _share(side, data.get(side, 0)) for side in SIDE_USES}
        if abs(sum(shares.values()) - 1) > ROUNDING:
            words = ", ".join(f"{side} {share:g}" for side, share in shares.items())
            raise SplitRefused(f"The shares {words} add up to {sum(shares.values()):g}; expected 1.", field="split")
        return cls(by=str(data.get("by") or "").strip(), **shares)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def sides(self) -> dict[str, float]:
        """The sides that get anything, in order."""
        return {side: share for side in SIDE_USES if (share := getattr(self, side)) > 0}

    def side_of(self, dataset_id: object, key: str) -> str:
        """The side of everything that has this key: fixed for the dataset, whatever else is in it."""
        place = place_of(dataset_id, key)
        *firsts, last = self.sides().items()
        end = 0.0
        for side, share in firsts:
            end += share
            if place < end:
                return side
        return last[0]


EVALUATION_SPLIT = Split(train=0.0, validation=0.0, test=1.0)


def place_of(dataset_id: object, key: str) -> float:
    """A fixed place between 0 and 1 for a key, evenly spread."""
    return int(hashlib.sha256(f"{dataset_id}:{key}".encode()).hexdigest()[:16], 16) / 2**64


def _share(side: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise SplitRefused(f"The share of {side} is {value!r}; expected a number from 0 to 1.", field="split")
    return float(value)


@dataclass(frozen=True)
class Rules:
    """Which approved pairs to take.

    Both thresholds refuse what has no score to compare; `min_confidence` asks it of answers by a model only.
    `origins` empty means all; `uses` are uses that every member must permit besides that of its side.
    """

    min_confidence: float | None = None
    min_quality: float | None = None
    origins: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Rules:
        """:raises RulesRefused: an unknown rule or value, with its field."""
        known = {"min_confidence", "min_quality", "origins", "uses"}
        if unknown := sorted(set(data) - known):
            raise RulesRefused(
                f"There is no rule {unknown[0]!r}; there are {', '.join(sorted(known))}.", field="rules"
            )
        return cls(
            min_confidence=_threshold("min_confidence", data.get("min_confidence")),
            min_quality=_threshold("min_quality", data.get("min_quality")),
            origins=_some("origins", data.get("origins") or (), QAPair.Origin.values),
            uses=_some("uses", data.get("uses") or (), list(BITS)),
        )

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "origins": list(self.origins), "uses": list(self.uses)}


def _threshold(name: str, value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise RulesRefused(f"{name} is {value!r}; expected a number from 0 to 1, or none.", field=name)
    return float(value)


def _some(name: str, values: Any, known: list[str]) -> tuple[str, ...]:
    for value in values:
        if value not in known:
            raise RulesRefused(f"{value!r} is none of the {name}: {', '.join(known)}.", field=name)
    return tuple(value for value in known if value in values)
