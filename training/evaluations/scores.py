"""Numbers of an evaluation from its answers, with intervals. No database here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from training.metrics.classification import (
    Confusion,
    canonical_answer,
    class_reports,
    confusion,
    macro_f1,
)
from training.metrics.intervals import macro_f1_interval, wilson_interval

CLASSES_SHOWN = 50


@dataclass(frozen=True)
class Scored:
    """One expected answer, what the model said, and whether it failed to say anything."""

    expected: str
    predicted: str
    failed: bool = False


def is_right(expected: str, predicted: str) -> bool:
    return canonical_answer(expected) == canonical_answer(predicted)


def scores_of(answers: Sequence[Scored]) -> dict[str, Any]:
    """Accuracy with Wilson's interval, macro-F1 with a bootstrap interval, per-class numbers and confusion.

    A question that failed counts as answered wrongly: leaving it out would flatter the model.
    """
    expected = [canonical_answer(answer.expected) for answer in answers]
    predicted = [canonical_answer(answer.predicted) for answer in answers]
    right = sum(map(str.__eq__, expected, predicted))
    share, f1 = wilson_interval(right, len(answers)), macro_f1_interval(expected, predicted)
    reports = sorted(class_reports(expected, predicted), key=lambda report: (-report.support, report.label))
    return {
        "accuracy": right / len(answers),
        "accuracy_low": share.low,
        "accuracy_high": share.high,
        "macro_f1": macro_f1(expected, predicted),
        "macro_f1_low": f1.low,
        "macro_f1_high": f1.high,
        "classes": [asdict(report) for report in reports[:CLASSES_SHOWN]],
        "confusion": _as_json(confusion(expected, predicted)),
    }


def _as_json(found: Confusion) -> dict[str, Any]:
    return {"labels": [label[:80] for label in found.labels], "counts": [list(row) for row in found.counts]}


def confusion_in(metrics: dict[str, Any]) -> Confusion | None:
    """The confusion of stored metrics."""
    stored = metrics.get("confusion")
    if not stored:
        return None
    return Confusion(tuple(stored["labels"]), tuple(tuple(row) for row in stored["counts"]))
