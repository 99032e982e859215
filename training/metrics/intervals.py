"""How far a measured score may be from the true one, given the number of items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from governance.errors import InvalidInput
from training.metrics.classification import require_same_items

if TYPE_CHECKING:
    from numpy import ndarray

RESAMPLES = 1000
SEED = 20240229  # fixed, so that the same answers always give the same interval


@dataclass(frozen=True)
class Interval:
    """`low` and `high` around a score, at confidence `level`."""

    low: float
    high: float
    level: float


def wilson_interval(successes: int, items: int, *, level: float = 0.95) -> Interval:
    """Score interval of a proportion, such as accuracy, without continuity correction.

    Source: Wilson 1927; Newcombe 1998, method 3.
    """
    if not 0 <= successes <= items or items < 1:
        raise InvalidInput(f"{successes} successes of {items} items is not a proportion.", field="successes")
    z = NormalDist().inv_cdf(0.5 + _checked(level) / 2)
    share = successes / items
    centre = share + z * z / (2 * items)
    spread = z * sqrt(share * (1 - share) / items + z * z / (4 * items * items))
    scale = 1 + z * z / items
    low = 0.0 if successes == 0 else (centre - spread) / scale
    high = 1.0 if successes == items else (centre + spread) / scale
    return Interval(low, high, level)


def macro_f1_interval(
    expected: Sequence[str],
    predicted: Sequence[str],
    *,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Interval:
    """Percentile bootstrap over items; a class that a resample misses is left out of that resample's mean.

    Source: Efron and Tibshirani 1993, chapter 13. Seeded: same input, same interval.
    """
    import numpy as np

    require_same_items(expected, predicted)
    _checked(level)
    if resamples < 1:
        raise InvalidInput(f"{resamples} resamples give no interval; ask for one or more.", field="resamples")
    codes = {label: code for code, label in enumerate(sorted({*expected, *predicted}))}
    pairs = np.array([[codes[label] for label in side] for side in (expected, predicted)])
    generator = np.random.default_rng(seed)
    scores = [_resampled_macro_f1(pairs, len(codes), generator) for _ in range(resamples)]
    low, high = np.quantile(scores, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), level)


def _resampled_macro_f1(pairs: ndarray[Any, Any], classes: int, generator: Any) -> float:
    import numpy as np

    drawn = pairs[:, generator.integers(pairs.shape[1], size=pairs.shape[1])]
    called = np.bincount(drawn[0], minlength=classes) + np.bincount(drawn[1], minlength=classes)
    hits = np.bincount(drawn[0][drawn[0] == drawn[1]], minlength=classes)
    present = called > 0
    return float((2 * hits[present] / called[present]).mean())


def _checked(level: float) -> float:
    if not 0 < level < 1:
        raise InvalidInput(f"Confidence level {level} is not between 0 and 1.", field="level")
    return level
