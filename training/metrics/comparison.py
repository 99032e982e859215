"""Whether two models that answered the same items differ by more than chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb, erfc, sqrt

from training.metrics.classification import require_same_items

EXACT_BELOW = 25  # discordant items; Fagerland, Lydersen and Laake 2013 advise the exact test for few


@dataclass(frozen=True)
class McNemar:
    """`only_first` and `only_second`: items that one model answered right and the other wrong."""

    only_first: int
    only_second: int
    p_value: float
    method: str


def mcnemar(expected: Sequence[str], first: Sequence[str], second: Sequence[str]) -> McNemar:
    """Test of equal accuracy of two models on the same items, two-sided."""
    require_same_items(expected, first)
    require_same_items(expected, second)
    right = [(a == answer, b == answer) for answer, a, b in zip(expected, first, second, strict=True)]
    return mcnemar_of_counts(right.count((True, False)), right.count((False, True)))


def mcnemar_of_counts(only_first: int, only_second: int) -> McNemar:
    """Exact binomial below 25 discordant items, else chi-square with continuity correction.

    Source: McNemar 1947; the correction is Edwards 1948.
    """
    discordant = only_first + only_second
    if discordant < EXACT_BELOW:
        return McNemar(only_first, only_second, _exact_p(min(only_first, only_second), discordant), "exact")
    statistic = max(abs(only_first - only_second) - 1, 0) ** 2 / discordant
    return McNemar(only_first, only_second, erfc(sqrt(statistic / 2)), "chi-square, corrected")


def _exact_p(fewer: int, discordant: int) -> float:
    tail = sum(comb(discordant, count) for count in range(fewer + 1))
    return min(1.0, float(tail) / 2 ** (discordant - 1)) if discordant else 1.0
