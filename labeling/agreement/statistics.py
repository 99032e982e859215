"""How far people agree: Cohen's kappa, Krippendorff's alpha, intervals, exact match, overlap of boxes, confusion.

Pure functions over answers. One row of a table is an item, one place in it a person; None is an answer that is missing.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Level = Literal["nominal", "ordinal", "interval"]
Value = Hashable
Table = Sequence[Sequence[Value | None]]
Pairs = Sequence[tuple[Value | None, Value | None]]
Weights = NDArray[np.float64]
Box = tuple[float, float, float, float]

LEVELS: tuple[Level, ...] = ("nominal", "ordinal", "interval")
DRAWS = 1_000
SEED = 20_240_229


@dataclass(frozen=True)
class Interval:
    """Where a statistic lies with this confidence; `draws` that were undefined are left out and not counted."""

    low: float
    high: float
    standard_error: float
    confidence: float
    draws: int


# Cohen's kappa


def cohen_kappa(pairs: Pairs) -> float | None:
    """Agreement of two people beyond chance, in [-1, 1]; None where both always gave one and the same answer.

    Items that either of them left out do not count.
    Source: Cohen 1960, "A Coefficient of Agreement for Nominal Scales", equation 1. Agrees with its example of 200
    cases (0.492) and with the printed example of SAS PROC FREQ (0.4842).
    """
    answered = _both_answered(pairs)
    agreed = sum(first == second for first, second in answered)
    by_chance = _agreed_by_chance(answered)
    room = len(answered) ** 2 - by_chance
    return (len(answered) * agreed - by_chance) / room if room else None


def _both_answered(pairs: Pairs) -> list[tuple[Value, Value]]:
    return [(first, second) for first, second in pairs if first is not None and second is not None]


def _agreed_by_chance(answered: Sequence[tuple[Value, Value]]) -> int:
    """Times the number of items; whole numbers, so that only the last division rounds."""
    firsts, seconds = Counter(first for first, _ in answered), Counter(second for _, second in answered)
    return sum(count * seconds[value] for value, count in firsts.items())


def kappa_standard_error(pairs: Pairs) -> float | None:
    """Large-sample standard error of Cohen's kappa; None where kappa is undefined.

    Source: Fleiss, Cohen and Everitt 1969, "Large sample standard errors of kappa and weighted kappa", equation 13.
    Agrees with the printed example of SAS PROC FREQ (0.1380).
    """
    kappa = cohen_kappa(pairs)
    if kappa is None:
        return None
    answered = _both_answered(pairs)
    total = len(answered)
    firsts = {value: count / total for value, count in Counter(first for first, _ in answered).items()}
    seconds = {value: count / total for value, count in Counter(second for _, second in answered).items()}
    chance = sum(share * seconds.get(value, 0.0) for value, share in firsts.items())
    spread = 0.0
    for (first, second), count in Counter(answered).items():
        margins = seconds.get(first, 0.0) + firsts.get(second, 0.0)
        term = 1 - margins * (1 - kappa) if first == second else margins * (1 - kappa)
        spread += count / total * term**2
    variance = (spread - (kappa - chance * (1 - kappa)) ** 2) / (total * (1 - chance) ** 2)
    return math.sqrt(max(variance, 0.0))


def kappa_interval(pairs: Pairs, *, confidence: float = 0.95, draws: int = DRAWS, seed: int = SEED) -> Interval | None:
    """Bootstrap interval of Cohen's kappa over items."""
    answered = _both_answered(pairs)
    if not answered:
        return None
    places = {value: place for place, value in enumerate({value for pair in answered for value in pair})}
    first = np.array([places[one] for one, _ in answered])
    second = np.array([places[other] for _, other in answered])
    agrees = (first == second).astype(float)

    def kappa(weights: Weights) -> float:
        rows = np.bincount(first, weights=weights, minlength=len(places))
        columns = np.bincount(second, weights=weights, minlength=len(places))
        by_chance, total = float(rows @ columns), float(weights.sum())
        room = total**2 - by_chance
        return (total * float(weights @ agrees) - by_chance) / room if room else math.nan

    return bootstrap_interval(kappa, len(answered), confidence=confidence, draws=draws, seed=seed)


# Krippendorff's alpha


def krippendorff_alpha(table: Table, *, level: Level = "nominal", order: Sequence[Value] = ()) -> float | None:
    """Agreement of any number of people beyond chance, at most 1; None where there is nothing to tell apart.

    That is: no item with two answers, or one and the same answer everywhere. `order` sorts the values of an ordinal
    scale, ascending; without it they sort as they are. Interval values are numbers.
    Source: Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability". Agrees with its examples: two observers,
    binary (0.095) and nominal (0.692); four observers with missing answers, nominal (0.743), ordinal (0.815) and
    interval (0.849); and with three coders (Krippendorff's example in Wikipedia, nominal 0.691, interval 0.811).

    :raises ValueError: a value is missing in `order`, or is no number on an interval scale.
    """
    cells = _cells(table, level, order)
    if cells is None:
        return None
    alpha = cells.alpha(np.ones(cells.units))
    return None if math.isnan(alpha) else alpha


def alpha_interval(
    table: Table,
    *,
    level: Level = "nominal",
    order: Sequence[Value] = (),
    confidence: float = 0.95,
    draws: int = DRAWS,
    seed: int = SEED,
) -> Interval | None:
    """Bootstrap interval of Krippendorff's alpha over items; None where alpha is undefined in every draw."""
    cells = _cells(table, level, order)
    if cells is None:
        return None
    return bootstrap_interval(cells.alpha, cells.units, confidence=confidence, draws=draws, seed=seed)


@dataclass(frozen=True)
class _Cells:
    """`count[i]` answers of item `unit[i]` have the value number `value[i]`; `place` is its point on the scale."""

    level: Level
    unit: NDArray[np.intp]
    value: NDArray[np.intp]
    count: Weights
    size: Weights
    place: Weights

    @property
    def units(self) -> int:
        return len(self.size)

    def alpha(self, weights: Weights) -> float:
        """`weights[u]`: how often item `u` counts. NaN where nothing can be told apart."""
        counted = np.bincount(self.value, weights=self.count * weights[self.unit], minlength=len(self.place))
        totals = np.asarray(counted, dtype=np.float64)
        total = float(totals.sum())
        expected, within = self._nominal(totals) if self.level == "nominal" else self._metric(totals)
        if total <= 1 or expected <= 0:
            return math.nan
        observed = float((weights * within / (self.size - 1)).sum())
        return 1 - observed * (total - 1) / expected

    def _nominal(self, totals: Weights) -> tuple[float, Weights]:
        """Pairs that differ: among all answers, and within each item."""
        equal = np.bincount(self.unit, weights=self.count**2, minlength=self.units)
        return float(totals.sum() ** 2 - totals @ totals), self.size**2 - equal

    def _metric(self, totals: Weights) -> tuple[float, Weights]:
        """Squared distances of pairs: among all answers, and within each item.

        Krippendorff's ordinal distance of two values is the difference of their mid-ranks.
        """
        place = np.cumsum(totals) - totals / 2 if self.level == "ordinal" else self.place
        total = totals.sum()
        place = place - totals @ place / total if total else place
        first = np.bincount(self.unit, weights=self.count * place[self.value], minlength=self.units)
        second = np.bincount(self.unit, weights=self.count * place[self.value] ** 2, minlength=self.units)
        expected = 2 * (total * (totals @ place**2) - (totals @ place) ** 2)
        return float(expected), 2 * (self.size * second - first**2)


def _cells(table: Table, level: Level, order: Sequence[Value]) -> _Cells | None:
    if level not in LEVELS:
        raise ValueError(f"{level!r} is no level of measurement; expected one of: {', '.join(LEVELS)}.")
    counted = [Counter(value for value in row if value is not None) for row in table]
    pairable = [row for row in counted if row.total() > 1]
    if not pairable:
        return None
    places = {value: place for place, value in enumerate(_scale(pairable, level, order))}
    cells = [(unit, places[value], count) for unit, row in enumerate(pairable) for value, count in row.items()]
    unit, value, count = zip(*cells, strict=True)
    return _Cells(
        level=level,
        unit=np.array(unit),
        value=np.array(value),
        count=np.array(count, dtype=float),
        size=np.array([row.total() for row in pairable], dtype=float),
        place=np.array([float(one) for one in places] if level == "interval" else range(len(places)), dtype=float),  # type: ignore[arg-type]
    )


def _scale(rows: Sequence[Counter[Value]], level: Level, order: Sequence[Value]) -> list[Any]:
    found: set[Any] = set().union(*rows)
    if level == "interval" and (wrong := [one for one in found if not _is_number(one)]):
        raise ValueError(f"{wrong[0]!r} is no finite number, and an interval scale has only those.")
    if order and (strange := found - set(order)):
        raise ValueError(f"{min(map(repr, strange))} is not in the order of the scale.")
    if order:
        return list(dict.fromkeys(order))
    return list(found) if level == "nominal" else sorted(found)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


# Intervals


def bootstrap_interval(
    statistic: Callable[[Weights], float],
    units: int,
    *,
    confidence: float = 0.95,
    draws: int = DRAWS,
    seed: int = SEED,
) -> Interval | None:
    """Percentile interval of a statistic over items drawn again with replacement; None if it is never defined.

    `statistic` is given how often each item was drawn, and says NaN where it is undefined. The same seed gives the
    same interval. Items are drawn, not answers: people are the same, other items could have come.
    Source: Efron and Tibshirani 1993, "An Introduction to the Bootstrap", algorithm 6.1 and section 13.3. Agrees with
    the standard error of their law school example, table 6.1 (0.132).
    """
    random = np.random.default_rng(seed)
    even = np.full(units, 1 / units)
    drawn = np.array([statistic(random.multinomial(units, even).astype(float)) for _ in range(draws)])
    drawn = drawn[~np.isnan(drawn)]
    if not len(drawn):
        return None
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    error = float(drawn.std(ddof=1)) if len(drawn) > 1 else 0.0
    return Interval(float(low), float(high), error, confidence, len(drawn))


# Exact match and confusion


def exact_match(table: Table) -> float | None:
    """Share of pairs of answers to one item that are equal; None without a pair. Chance is not taken off."""
    pairs = equal = 0
    for row in table:
        counted = Counter(value for value in row if value is not None)
        pairs += math.comb(counted.total(), 2)
        equal += sum(math.comb(count, 2) for count in counted.values())
    return equal / pairs if pairs else None


def confusion(pairs: Pairs) -> dict[tuple[Value, Value], int]:
    """How often the first person said the one and the second the other, on items that both answered."""
    return dict(Counter(_both_answered(pairs)))


def pairs_of(table: Table, people: Sequence[str]) -> dict[tuple[str, str], list[tuple[Value | None, Value | None]]]:
    """For every two people, their answers item by item; `people` names the places of a row."""
    return {
        (people[first], people[second]): [(row[first], row[second]) for row in table]
        for first, second in combinations(range(len(people)), 2)
    }


def fields_of(answer: Any) -> Mapping[str, Any]:
    """The named parts of an answer; one that is no object is one part without a name."""
    return answer if isinstance(answer, Mapping) else {"": answer}


# Boxes


def iou(first: Box, second: Box) -> float:
    """Intersection over union of two boxes `(left, top, right, bottom)`, in [0, 1]; 1 for equal boxes.

    Source: Everingham et al. 2010, "The PASCAL Visual Object Classes Challenge", section 4.2, on real coordinates.

    :raises ValueError: a box ends before it starts.
    """
    for box in (first, second):
        if box[2] < box[0] or box[3] < box[1]:
            raise ValueError(f"The box {box} ends before it starts; expected left ≤ right and top ≤ bottom.")
    if tuple(first) == tuple(second):
        return 1.0
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    shared = max(width, 0.0) * max(height, 0.0)
    together = _area(first) + _area(second) - shared
    return shared / together if together else 0.0


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def mean_iou(first: Sequence[Box], second: Sequence[Box]) -> float:
    """Mean overlap of two people's boxes of one item, in [0, 1]; a box without a partner counts 0.

    Partners are found greedily, the largest overlap first. Two people who drew nothing agree fully.
    """
    if not first and not second:
        return 1.0
    overlaps = sorted(
        ((iou(one, other), i, j) for i, one in enumerate(first) for j, other in enumerate(second)),
        key=lambda found: (-found[0], found[1], found[2]),
    )
    total, taken, partners = 0.0, set(), set()
    for overlap, i, j in overlaps:
        if i not in taken and j not in partners:
            total += overlap
            taken.add(i)
            partners.add(j)
    return total / max(len(first), len(second))
