"""Training runs and the models that come of them."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from governance.ids import uuid7
from governance.models import Collection, GroupGrant, MemberQuerySet, Tracked, UserGrant
from labeling.models import UseCase
from training.datasets.models import DatasetVersion


class RegisteredModel(Collection):
    """A named model; its versions come from runs. `registry_name` is what the tracker knows it by: names may repeat."""

    registry_name = models.CharField(max_length=140, blank=True, editable=False)
    use_case = models.ForeignKey(UseCase, on_delete=models.PROTECT, null=True, blank=True, related_name="models")

    class Meta(Collection.Meta):
        verbose_name = "model"
        constraints: ClassVar[list[Any]] = [
            *Collection.Meta.constraints,
            models.UniqueConstraint(
                fields=["registry_name"], condition=~Q(registry_name=""), name="registeredmodel_registry_name_unique"
            ),
        ]


class RegisteredModelUserPermission(UserGrant):
    """One grant of one account on one model."""

    content_object = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE)


class RegisteredModelGroupPermission(GroupGrant):
    """One grant of one group on one model."""

    content_object = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE)


class TrainingRun(Tracked):
    """One training of one model on one approved dataset version."""

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        CANCELLED = "cancelled"

    visible_through = "dataset_version"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=120)
    dataset_version = models.ForeignKey(DatasetVersion, on_delete=models.PROTECT, related_name="runs")
    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="runs")
    trainer = models.SlugField(max_length=64)
    base_model = models.CharField(max_length=200, blank=True)
    hyperparameters = models.JSONField(default=dict, blank=True)
    status = models.CharField(max_length=12, choices=Status, default=Status.QUEUED)
    counts = models.JSONField(default=dict, blank=True, help_text="Approved, permitted and prohibited, and why.")
    metrics = models.JSONField(default=dict, blank=True)
    mlflow_run_id = models.CharField(max_length=64, blank=True)
    error = models.TextField(blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = MemberQuerySet.as_manager()

    class Meta:
        verbose_name = "run"
        ordering = ("-created_at", "id")

    def __str__(self) -> str:
        return self.name


class ModelVersion(Tracked):
    """One trained version of a model, as registered."""

    visible_through = "model"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    run = models.OneToOneField(TrainingRun, on_delete=models.PROTECT, related_name="model_version")
    uri = models.CharField(max_length=500, help_text="Where the registry keeps it, such as models:/name/1.")
    aliases = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = MemberQuerySet.as_manager()

    class Meta:
        verbose_name = "model version"
        ordering = ("-created_at", "id")
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["model", "number"], name="modelversion_number_unique")
        ]

    def __str__(self) -> str:
        return f"{self.model.name} v{self.number}"


class AffectedDecision(models.Model):
    """What someone accountable decided about a model version that learned from rows which would not permit it today.

    It holds for exactly the pairs that were affected then (`digest`); one more, and it has to be decided anew.
    """

    recorded = append_only = True
    visible_through = "model_version"

    class Verdict(models.TextChoices):
        MAY_STAY = "may_stay", "may stay in use"
        MUST_GO = "must_go", "must not be used"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    model_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="decisions")
    verdict = models.CharField(max_length=8, choices=Verdict)
    reason = models.TextField()
    pairs = models.PositiveIntegerField(help_text="Affected pairs when it was decided.")
    digest = models.CharField(max_length=64, help_text="SHA-256 of their ids in order.")
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(auto_now_add=True)

    objects = MemberQuerySet.as_manager()

    class Meta:
        ordering = ("-decided_at", "-id")

    def __str__(self) -> str:
        return f"{self.model_version} {self.get_verdict_display()}"
