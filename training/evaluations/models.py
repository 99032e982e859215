"""How well a model version or an endpoint answers an evaluation set."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from governance.ids import uuid7
from governance.models import MemberQuerySet, Tracked
from training.datasets.models import DatasetVersion
from training.runs.models import ModelVersion
from workbench.models import ModelEndpoint


class Evaluation(Tracked):
    """One model version or endpoint against the permitted rows of one split of one dataset version."""

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        CANCELLED = "cancelled"

    visible_through = "dataset_version"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    dataset_version = models.ForeignKey(DatasetVersion, on_delete=models.PROTECT, related_name="evaluations")
    split = models.CharField(max_length=10, blank=True, help_text="Empty: all members.")
    model_version = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="evaluations"
    )
    endpoint = models.ForeignKey(
        ModelEndpoint, on_delete=models.PROTECT, null=True, blank=True, related_name="evaluations"
    )
    status = models.CharField(max_length=12, choices=Status, default=Status.QUEUED)
    counts = models.JSONField(default=dict, blank=True)
    metrics = models.JSONField(default=dict, blank=True)
    error = models.TextField(blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = MemberQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "id")
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                condition=Q(model_version__isnull=False, endpoint__isnull=True)
                | Q(model_version__isnull=True, endpoint__isnull=False),
                name="evaluation_of_one_model",
            )
        ]

    def __str__(self) -> str:
        """Whoever sees the set sees this; who answered is said by `selectors.asked`, as far as one may see that."""
        return f"{self.dataset_version} · {self.split or 'all members'}"


class EvaluationAnswer(models.Model):
    """What the model said to one member, and whether it was right."""

    recorded = True

    id = models.BigAutoField(primary_key=True)
    evaluation = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="answers")
    member = models.ForeignKey("training.DatasetMember", on_delete=models.PROTECT, related_name="+")
    answer = models.TextField(blank=True)
    is_correct = models.BooleanField()
    confidence = models.FloatField(null=True)
    error = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["evaluation", "member"], name="evaluationanswer_once")
        ]

    def __str__(self) -> str:
        return f"{self.member_id}: {'right' if self.is_correct else 'wrong'}"
