"""Which pairs to decide first: those that nobody can be sure of, and that are unlike what comes before them.

Source: maximal marginal relevance, Carbonell and Goldstein, 1998, with the model's doubt in place of relevance and
equal weights; similarity is that of the MinHash signatures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labeling.quality.minhash import Signatures

CONSIDERED = 20_000  # most doubtful ones, among which diversity is asked for
PICKED = 1_000  # chosen one by one; what comes after keeps the similarity known by then
DECIDED = 500  # decided pairs that the first ones are to be unlike


@dataclass(frozen=True)
class Place:
    """Where one pair stands in the queue: its index among those given, and how like the nearest before it is."""

    index: int
    alike: float | None


def order(
    doubt: Sequence[float], signatures: Signatures, whole: NDArray[np.bool_], decided: Signatures
) -> list[Place]:
    """Every index once, most informative first. `doubt` is 0 to 1; ties stay in the given order."""
    weights = np.asarray(doubt, dtype=np.float64)
    by_doubt = np.argsort(-weights, kind="stable")
    chosen, rest = np.sort(by_doubt[:CONSIDERED]), by_doubt[CONSIDERED:]
    found = _picked(weights[chosen], signatures[chosen], whole[chosen], decided)
    return [
        *(Place(int(chosen[index]), alike) for index, alike in found),
        *(Place(int(index), None) for index in rest),
    ]


def _picked(
    weights: NDArray[np.float64], signatures: Signatures, whole: NDArray[np.bool_], decided: Signatures
) -> list[tuple[int, float]]:
    alike = np.zeros(len(weights))
    for one in decided[:DECIDED]:
        alike = np.maximum(alike, _alike(signatures, one, whole))
    is_left = np.ones(len(weights), dtype=bool)
    found: list[tuple[int, float]] = []
    while is_left.any() and len(found) < PICKED:
        value = np.where(is_left, weights + (1 - alike), -1.0)
        index = int(value.argmax())
        found.append((index, float(alike[index])))
        is_left[index] = False
        if whole[index]:
            alike = np.maximum(alike, _alike(signatures, signatures[index], whole))
    left = np.flatnonzero(is_left)
    after = left[np.argsort(-(weights - alike)[left], kind="stable")]
    return [*found, *((int(index), float(alike[index])) for index in after)]


def _alike(signatures: Signatures, one: NDArray[np.uint32], whole: NDArray[np.bool_]) -> NDArray[np.float64]:
    same: NDArray[np.float64] = (signatures == one).mean(axis=1)
    return np.where(whole, same, 0.0)
