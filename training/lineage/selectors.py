"""The four questions of lineage, each limited to what someone may see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet

from labeling.models import TrainingSheet
from training.models import Evaluation, LineagePair, ModelTrainingLineage, ModelVersion

if TYPE_CHECKING:
    from governance.models import User


def models_trained_on(training_sheet: TrainingSheet, user: User) -> QuerySet[ModelTrainingLineage]:
    """Which model versions learned from this Training Sheet, newest first."""
    return _visible(user).filter(training_sheet=training_sheet)


def training_sheets_of(model_version: ModelVersion, user: User) -> QuerySet[ModelTrainingLineage]:
    """Which Training Sheets a model version learned from, with the dataset's fingerprint."""
    sheets = TrainingSheet.objects.visible_to(user).values("pk")
    return _visible(user).filter(model_version=model_version, training_sheet__in=sheets)


def pairs_of(model_version: ModelVersion, user: User) -> QuerySet[LineagePair]:
    """The very pairs that a model version learned from or was validated with."""
    sheets = TrainingSheet.objects.visible_to(user).values("pk")
    return (
        LineagePair.objects.filter(
            lineage__in=_visible(user).filter(model_version=model_version, training_sheet__in=sheets).values("pk")
        )
        .select_related("pair__prompt", "pair__answer", "pair__reviewed_by", "pair__derivation")
        .order_by("pk")
    )


def compare_models_on(training_sheet: TrainingSheet, user: User) -> list[dict[str, Any]]:
    """The models that learned from one Training Sheet side by side, with their evaluations: two queries."""
    rows = list(models_trained_on(training_sheet, user))
    evaluations = Evaluation.objects.visible_to(user).filter(
        model_version__in=[row.model_version_id for row in rows], status=Evaluation.Status.SUCCEEDED
    )
    by_version: dict[Any, list[Evaluation]] = {}
    for evaluation in evaluations.select_related("dataset_version__dataset"):
        by_version.setdefault(evaluation.model_version_id, []).append(evaluation)
    return [{"lineage": row, "evaluations": by_version.get(row.model_version_id, [])} for row in rows]


def _visible(user: User) -> QuerySet[ModelTrainingLineage]:
    return ModelTrainingLineage.objects.visible_to(user).select_related(
        "model_version__model", "model_version__run", "training_sheet", "dataset_version__dataset", "created_by"
    )
