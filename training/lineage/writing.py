"""Putting on record which pairs a model version learned from. Nothing here is ever changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from uuid import UUID

from django.utils import timezone

from training.datasets.rules import TRAIN, VALIDATION
from training.lineage.models import LineagePair, ModelTrainingLineage
from training.runs.models import ModelVersion

BATCH = 1000


@dataclass(frozen=True)
class Learned:
    """One pair that a run read, and on which side."""

    pair_id: str
    training_sheet_id: str
    side: str


def write_lineage(version: ModelVersion, learned: Sequence[Learned]) -> None:
    """One row for each Training Sheet, and one for every pair, in the caller's transaction."""
    ordered = sorted(learned, key=lambda row: row.training_sheet_id)
    for sheet_id, rows in groupby(ordered, key=lambda row: row.training_sheet_id):
        _write_sheet(version, sheet_id, list(rows))


def _write_sheet(version: ModelVersion, sheet_id: str, rows: list[Learned]) -> None:
    run = version.run
    lineage = ModelTrainingLineage.objects.create(
        model_version=version,
        training_sheet_id=UUID(sheet_id),
        dataset_version=run.dataset_version,
        training_sheet_version=run.dataset_version.fingerprint,
        train_pair_count=_count(rows, TRAIN),
        val_pair_count=_count(rows, VALIDATION),
        training_config={"trainer": run.trainer, "base_model": run.base_model, **run.hyperparameters},
        mlflow_run_id=run.mlflow_run_id,
        trained_at=run.finished_at or timezone.now(),
        created_by=run.created_by,
    )
    LineagePair.objects.bulk_create(
        [LineagePair(lineage=lineage, pair_id=UUID(row.pair_id), split=row.side) for row in rows], batch_size=BATCH
    )


def _count(rows: Iterable[Learned], side: str) -> int:
    return sum(row.side == side for row in rows)
