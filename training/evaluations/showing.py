"""Scores as pages show them: in per cent with their intervals, and the confusion drawn."""

from __future__ import annotations

from typing import Any

from django.utils.safestring import SafeString

from governance.portal.rows import row_url, status_of
from governance.portal.svg import confusion_matrix
from training.datasets.showing import short_answer
from training.evaluations.models import Evaluation
from training.evaluations.scores import confusion_in
from training.evaluations.selectors import seen_by

SCORES = {"accuracy": "Accuracy", "macro_f1": "Macro-F1"}
RELATED = ("dataset_version__dataset", "model_version__model", "endpoint")


def score_lines(metrics: dict[str, Any]) -> list[dict[str, str]]:
    """Accuracy and macro-F1 with their 95 % intervals, where they are known."""
    return [
        {"label": label, "value": percent(metrics[name]), "interval": _interval(metrics, name)}
        for name, label in SCORES.items()
        if name in metrics
    ]


def percent(share: float) -> str:
    return f"{share * 100:.1f} %"


def _interval(metrics: dict[str, Any], name: str) -> str:
    low, high = metrics.get(f"{name}_low"), metrics.get(f"{name}_high")
    return f"{low * 100:.1f} to {high * 100:.1f} %" if low is not None and high is not None else ""


def confusion_picture(evaluation: Evaluation) -> SafeString | str:
    """The confusion matrix as a drawing with its table; nothing before there are scores."""
    found = confusion_in(evaluation.metrics)
    if found is None:
        return ""
    labels = [short_answer(label) for label in found.labels]
    return confusion_matrix(labels, [list(row) for row in found.counts], title="Expected and given answers")


def evaluations_shown(rows: Any, user: Any) -> list[dict[str, Any]]:
    """Those that `user` may see, newest first, with their scores."""
    return [
        {"row": one, "url": row_url(one), "status": status_of(one), "scores": score_lines(one.metrics)}
        for one in seen_by(rows.visible_to(user), user).select_related(*RELATED)[:20]
    ]
