"""The tables of training, gathered from their rooms."""

from training.datasets.models import (
    CuratedDataset,
    CuratedDatasetGroupPermission,
    CuratedDatasetUserPermission,
    DatasetMember,
    DatasetVersion,
)
from training.evaluations.models import Evaluation, EvaluationAnswer
from training.exports.models import Export
from training.lineage.models import LineagePair, ModelTrainingLineage
from training.runs.models import (
    AffectedDecision,
    ModelVersion,
    RegisteredModel,
    RegisteredModelGroupPermission,
    RegisteredModelUserPermission,
    TrainingRun,
)

__all__ = [
    "AffectedDecision",
    "CuratedDataset",
    "CuratedDatasetGroupPermission",
    "CuratedDatasetUserPermission",
    "DatasetMember",
    "DatasetVersion",
    "Evaluation",
    "EvaluationAnswer",
    "Export",
    "LineagePair",
    "ModelTrainingLineage",
    "ModelVersion",
    "RegisteredModel",
    "RegisteredModelGroupPermission",
    "RegisteredModelUserPermission",
    "TrainingRun",
]
