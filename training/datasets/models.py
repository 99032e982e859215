"""Curated Datasets: frozen, fingerprinted, split selections of approved pairs."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from governance.ids import uuid7
from governance.models import Collection, Derivation, GroupGrant, MemberQuerySet, PermittedQuerySet, Tracked, UserGrant
from governance.uses import Use, masks_holding
from labeling.labels.models import with_content
from labeling.models import CanonicalLabel, Content, LabelType, QAPair, TemplateVersion, TrainingSheet, UseCase
from workbench.models import Sheet


class CuratedDataset(Collection):
    """The identity of a dataset. The split is fixed here, so that no group ever changes sides.

    `split` is `{"train": 0.8, "validation": 0.2, "test": 0.0, "by": ""}`; `by` names a column whose value
    keeps items together (patient, board), empty means the item itself.
    """

    class Purpose(models.TextChoices):
        TRAINING = "training", "training and validation"
        EVALUATION = "evaluation", "evaluation only"

    purpose = models.CharField(max_length=12, choices=Purpose, default=Purpose.TRAINING)
    split = models.JSONField(default=dict)
    use_case = models.ForeignKey(UseCase, on_delete=models.PROTECT, null=True, blank=True, related_name="datasets")


class CuratedDatasetUserPermission(UserGrant):
    """One grant of one account on one Curated Dataset."""

    content_object = models.ForeignKey(CuratedDataset, on_delete=models.CASCADE)


class CuratedDatasetGroupPermission(GroupGrant):
    """One grant of one group on one Curated Dataset."""

    content_object = models.ForeignKey(CuratedDataset, on_delete=models.CASCADE)


class DatasetVersion(Tracked):
    """One selection. `rules` choose the pairs; freezing fixes members, counts and the fingerprint.

    `rules`: `{"min_confidence": 0..1|null, "min_quality": 0..1|null, "origins": [...], "uses": [...]}`.
    `exclusions`: reason → count of pairs left out, as computed at freezing.
    """

    class Status(models.TextChoices):
        DRAFT = "draft"
        APPROVED = "approved"
        IN_USE = "in_use", "in use"
        ARCHIVED = "archived"
        SUSPENDED = "suspended"

    visible_through = "dataset"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    dataset = models.ForeignKey(CuratedDataset, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    status = models.CharField(max_length=12, choices=Status, default=Status.DRAFT)
    training_sheets = models.ManyToManyField(TrainingSheet, blank=True, related_name="dataset_versions")
    label_sheet = models.ForeignKey(
        Sheet, on_delete=models.PROTECT, null=True, blank=True, related_name="+",
        help_text="For a set made straight from canonical labels: their Sheet.",
    )
    label_type = models.ForeignKey(LabelType, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    label_template = models.ForeignKey(
        TemplateVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="+",
        help_text="The template that asks the question, for a set made from canonical labels.",
    )
    prompt_derivation = models.ForeignKey(
        Derivation, on_delete=models.PROTECT, null=True, blank=True, related_name="+",
        help_text="What the prompts of a set made from canonical labels show; it binds its members too.",
    )
    rules = models.JSONField(default=dict, blank=True)
    counts = models.JSONField(default=dict, blank=True)
    exclusions = models.JSONField(default=dict, blank=True)
    metrics = models.JSONField(default=dict, blank=True)
    fingerprint = models.CharField(max_length=64, blank=True)
    frozen_at = models.DateTimeField(null=True, blank=True)
    status_reason = models.TextField(blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = MemberQuerySet.as_manager()

    class Meta:
        verbose_name = "dataset version"
        ordering = ("-created_at", "id")
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["dataset", "number"], name="datasetversion_number_unique"),
            models.CheckConstraint(
                condition=Q(frozen_at__isnull=True, fingerprint="")
                | (Q(frozen_at__isnull=False) & ~Q(fingerprint="")),
                name="datasetversion_frozen_has_fingerprint",
            ),
            models.CheckConstraint(
                condition=Q(status="draft") | Q(frozen_at__isnull=False),
                name="datasetversion_approved_is_frozen",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dataset.name} v{self.number}"


def permitting_derivations(use: Use | str) -> models.QuerySet[Derivation]:
    """Derivations that permit `use` now."""
    in_force = Q(until__isnull=True) | Q(until__gt=timezone.now())
    return Derivation.objects.filter(in_force, uses__in=masks_holding(use))


class DatasetMemberQuerySet(MemberQuerySet):
    """Members are as permitted as the pair or label they stand for is at this moment."""

    def permitting(self, use: Use | str) -> PermittedQuerySet:
        """Members whose pair permits `use` now; for a label, it and what its prompt shows do. None that was erased."""
        pairs = QAPair.objects.filter(pk=OuterRef("pair")).permitting(use)  # type: ignore[attr-defined]
        labels = CanonicalLabel.objects.filter(pk=OuterRef("label"), retired_at__isnull=True).permitting(use)
        shown = permitting_derivations(use).filter(pk=OuterRef("version__prompt_derivation"))
        rows = with_content(self).filter(Q(Exists(pairs)) | (Q(Exists(labels)) & Q(Exists(shown))))
        permitted: PermittedQuerySet[Any] = PermittedQuerySet(
            model=self.model, query=rows.query.chain(), using=rows.db
        )
        permitted.use = Use(use)
        return permitted


class DatasetMember(models.Model):
    """One example of a frozen version: which content, from which pair or label, on which side of the split."""

    recorded = True
    content_columns = ("prompt", "answer")

    class Split(models.TextChoices):
        TRAIN = "train"
        VALIDATION = "validation"
        TEST = "test"

    visible_through = "version"

    id = models.BigAutoField(primary_key=True)
    version = models.ForeignKey(DatasetVersion, on_delete=models.CASCADE, related_name="members")
    position = models.PositiveIntegerField()
    split = models.CharField(max_length=10, choices=Split)
    split_key = models.CharField(max_length=300)
    item_ref = models.CharField(max_length=300)
    pair = models.ForeignKey(QAPair, on_delete=models.PROTECT, null=True, related_name="memberships")
    label = models.ForeignKey(CanonicalLabel, on_delete=models.PROTECT, null=True, related_name="memberships")
    prompt = models.ForeignKey(Content, on_delete=models.PROTECT, related_name="+")
    answer = models.ForeignKey(Content, on_delete=models.PROTECT, related_name="+")

    objects = DatasetMemberQuerySet.as_manager()

    class Meta:
        ordering = ("version", "position")
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["version", "position"], name="datasetmember_position_unique"),
            models.CheckConstraint(
                condition=Q(pair__isnull=False, label__isnull=True) | Q(pair__isnull=True, label__isnull=False),
                name="datasetmember_pair_or_label",
            ),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["version", "split", "position"], name="datasetmember_split")
        ]

    def __str__(self) -> str:
        return f"{self.item_ref} ({self.split})"
