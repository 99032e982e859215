"""Which pairs went into which model version."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models

from governance.ids import uuid7
from governance.models import MemberQuerySet
from labeling.models import QAPair, TrainingSheet
from training.datasets.models import DatasetVersion
from training.runs.models import ModelVersion


class ModelTrainingLineage(models.Model):
    """One model version and one Training Sheet that it learned from. Append-only."""

    recorded = append_only = True

    visible_through = "model_version"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    model_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="lineage")
    training_sheet = models.ForeignKey(TrainingSheet, on_delete=models.PROTECT, related_name="lineage")
    dataset_version = models.ForeignKey(DatasetVersion, on_delete=models.PROTECT, related_name="lineage")
    training_sheet_version = models.CharField(max_length=64, help_text="The dataset's fingerprint.")
    train_pair_count = models.PositiveIntegerField()
    val_pair_count = models.PositiveIntegerField()
    training_config = models.JSONField(default=dict)
    mlflow_run_id = models.CharField(max_length=64, blank=True)
    trained_at = models.DateTimeField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    objects = MemberQuerySet.as_manager()

    class Meta:
        verbose_name = "training lineage"
        verbose_name_plural = "training lineage"
        ordering = ("-trained_at", "id")
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["model_version", "training_sheet"], name="lineage_once")
        ]

    def __str__(self) -> str:
        return f"{self.training_sheet} → {self.model_version}"


class LineagePair(models.Model):
    """One pair that one model version learned from, or was validated with. Append-only."""

    recorded = append_only = True

    visible_through = "lineage"

    id = models.BigAutoField(primary_key=True)
    lineage = models.ForeignKey(ModelTrainingLineage, on_delete=models.PROTECT, related_name="pairs")
    pair = models.ForeignKey(QAPair, on_delete=models.PROTECT, related_name="lineage")
    split = models.CharField(max_length=10)

    objects = MemberQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["lineage", "pair"], name="lineagepair_once")
        ]

    def __str__(self) -> str:
        return f"{self.pair_id} ({self.split})"
