"""Numbers about the members of a version: how sure, how balanced, how repetitive, how sensitive."""

from __future__ import annotations

from typing import Any

from django.db.models import Avg, Count, Max, Q

from governance.uses import Classification
from labeling.models import Content
from training.datasets.models import DatasetVersion

ANSWERS_SHOWN = 20
ANSWER_LENGTH = 120


def metrics_of(version: DatasetVersion) -> dict[str, Any]:
    """Share verified by people, balance of answers, duplicate prompts, mean confidence of model answers."""
    members = version.members.order_by()
    total = members.count()
    verified = members.filter(
        Q(pair__reviewed_by__isnull=False) | Q(pair__canonical_label__isnull=False) | Q(label__isnull=False)
    ).count()
    confidence = members.aggregate(mean=Avg("pair__ai_confidence"))["mean"]
    return {
        "human_verified": round(verified / total, 4) if total else None,
        "distinct_answers": members_by_answer(version).count(),
        "answers": _most_frequent(version),
        "duplicate_prompts": total - members.values("prompt").distinct().count(),
        "mean_confidence": round(confidence, 4) if confidence is not None else None,
    }


def _most_frequent(version: DatasetVersion) -> list[dict[str, Any]]:
    """Answers by how often they occur; ties by digest, so that the order is always the same."""
    counted = members_by_answer(version)[:ANSWERS_SHOWN]
    texts = Content.objects.in_bulk([row["answer"] for row in counted])
    return [{"answer": str(texts[row["answer"]])[:ANSWER_LENGTH], "count": row["count"]} for row in counted]


def members_by_answer(version: DatasetVersion) -> Any:
    return (
        version.members.order_by().values("answer").annotate(count=Count("pk")).order_by("-count", "answer")
    )


def highest_classification(version: DatasetVersion) -> Classification:
    """The strictest classification of any member as it is now."""
    found = version.members.order_by().aggregate(
        of_pair=Max("pair__effective_classification"),
        above_pair=Max("pair__derivation__classification"),
        of_label=Max("label__effective_classification"),
        above_label=Max("label__derivation__classification"),
    )
    levels = [level for level in found.values() if level is not None]
    if version.prompt_derivation is not None:
        levels.append(version.prompt_derivation.classification)
    return Classification(max(levels, default=Classification.PUBLIC))
