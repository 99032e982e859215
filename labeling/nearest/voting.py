"""From similarities to answers: the nearest labels vote, each with the weight of its similarity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

NEIGHBOURS = 5


@dataclass(frozen=True)
class Vote:
    """`winner` is the position of the most similar label that holds the winning answer.

    `confidence` in [0, 1]: the winner's share of the votes, times how similar its nearest label is.
    """

    winner: int
    confidence: float
    neighbours: tuple[int, ...]


def vote(similarities: NDArray[np.float64], answers: Sequence[str]) -> list[Vote | None]:
    """One vote per row of `[questions, labels]`; entries below zero do not take part.

    `answers` are digests of whole answers, by label. None where no label takes part. Of equally strong
    answers the one with the nearest label wins, then the one that comes first.
    """
    nearest = _nearest(similarities, min(NEIGHBOURS, similarities.shape[1]))
    return [_decide(row, order, answers) for row, order in zip(similarities, nearest, strict=True)]


def _nearest(similarities: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """Positions of the `count` highest entries of each row, highest first, ties by position."""
    rough = np.argpartition(-similarities, count - 1, axis=1)[:, :count]
    rough.sort(axis=1)
    order = np.argsort(-np.take_along_axis(similarities, rough, axis=1), axis=1, kind="stable")
    return np.take_along_axis(rough, order, axis=1)


def _decide(row: NDArray[np.float64], order: NDArray[np.intp], answers: Sequence[str]) -> Vote | None:
    taking_part = [int(place) for place in order if row[place] >= 0]
    if not taking_part:
        return None
    weights: dict[str, float] = {}
    first: dict[str, int] = {}
    for place in taking_part:
        weights[answers[place]] = weights.get(answers[place], 0.0) + float(row[place])
        first.setdefault(answers[place], place)
    winner = max(weights, key=lambda answer: weights[answer])
    total = sum(weights.values())
    share = weights[winner] / total if total else 0.0
    return Vote(first[winner], share * float(row[first[winner]]), tuple(taking_part))
