"""Scores of predicted answers against expected ones. Intervals and tests are in their own files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from governance.errors import InvalidInput

OTHER = "(other)"


@dataclass(frozen=True)
class ClassReport:
    """How one answer fares. A ratio whose denominator is zero is 0.0, as in scikit-learn's default."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int
    """Items whose expected answer this is."""


@dataclass(frozen=True)
class Confusion:
    """`counts[i][j]`: items expected as `labels[i]` and predicted as `labels[j]`."""

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


def accuracy(expected: Sequence[str], predicted: Sequence[str]) -> float:
    """Share of items whose predicted answer is the expected one, character for character."""
    require_same_items(expected, predicted)
    return sum(map(str.__eq__, expected, predicted)) / len(expected)


def exact_match(expected: Sequence[str], predicted: Sequence[str]) -> float:
    """Like accuracy, but JSON answers match by value and others without outer white space.

    Source: Rajpurkar et al. 2016 (SQuAD), without its removal of articles and punctuation.
    """
    return accuracy(list(map(canonical_answer, expected)), list(map(canonical_answer, predicted)))


def canonical_answer(text: str) -> str:
    """The canonical form of a JSON object or array, else `text` without outer white space."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text.strip()
    if not isinstance(value, dict | list):
        return text.strip()
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def class_reports(expected: Sequence[str], predicted: Sequence[str]) -> list[ClassReport]:
    """One report per answer that occurs on either side, by label.

    Source: van Rijsbergen 1979, chapter 7 (precision, recall, and F with equal weights).
    """
    require_same_items(expected, predicted)
    support, called = Counter(expected), Counter(predicted)
    hits = Counter(label for label, guess in zip(expected, predicted, strict=True) if label == guess)
    return [
        ClassReport(
            label=label,
            precision=_ratio(hits[label], called[label]),
            recall=_ratio(hits[label], support[label]),
            f1=_ratio(2 * hits[label], support[label] + called[label]),
            support=support[label],
        )
        for label in sorted(support.keys() | called.keys())
    ]


def macro_f1(expected: Sequence[str], predicted: Sequence[str]) -> float:
    """Mean of the per-class F1, each class counting the same.

    Source: Sokolova and Lapalme 2009, as the mean of the classes' F1 (not the F1 of the means).
    """
    reports = class_reports(expected, predicted)
    return sum(report.f1 for report in reports) / len(reports)


def confusion(expected: Sequence[str], predicted: Sequence[str], *, top: int = 20) -> Confusion:
    """The `top` most frequent labels (expected and predicted together), the rest as "(other)".

    The counts always add up to the number of items.
    """
    require_same_items(expected, predicted)
    frequency = Counter(expected) + Counter(predicted)
    ranked = sorted(frequency, key=lambda label: (-frequency[label], label))
    labels = (*ranked[:top], OTHER) if len(ranked) > top else tuple(ranked)
    place = {label: index for index, label in enumerate(ranked[:top])}
    counts = [[0] * len(labels) for _ in labels]
    for label, guess in zip(expected, predicted, strict=True):
        counts[place.get(label, -1)][place.get(guess, -1)] += 1
    return Confusion(labels, tuple(map(tuple, counts)))


def require_same_items(expected: Sequence[str], predicted: Sequence[str]) -> None:
    """:raises InvalidInput: no items, or not one prediction per item."""
    if len(expected) != len(predicted) or not expected:
        raise InvalidInput(
            f"{len(expected)} expected answers and {len(predicted)} predictions cannot be scored; "
            "give one prediction for each of one or more items.",
            field="predicted",
        )


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
