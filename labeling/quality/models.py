"""What a quality check found about pairs, and what it measured of each."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from governance.ids import uuid7
from governance.models import ConstraintChange, MemberQuerySet
from governance.models.constraints import UsesField
from governance.uses import NO_USES, Classification
from labeling.generation.models import QAPair, TrainingSheet


class Finding(models.Model):
    """One kind of thing that a check found in one pair: where it lies, what it proposes, and what became of it.

    It never holds what was found, only the places. A proposal is a stricter constraint, and a person accepts it.
    """

    recorded = True
    visible_through = "training_sheet"

    class Detector(models.TextChoices):
        PERSONAL_DATA = "personal_data", "personal data"
        SECRET = "secret"  # noqa: S105 - the name of a detector
        DUPLICATE = "duplicate"
        SCHEMA = "schema"
        CONFIDENCE = "confidence", "low confidence"
        TOXIC_WORDS = "toxic_words", "word list of toxic language"

    class State(models.TextChoices):
        OPEN = "open"
        ACCEPTED = "accepted"
        DISMISSED = "dismissed"
        GONE = "gone", "not there any more"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    training_sheet = models.ForeignKey(TrainingSheet, on_delete=models.CASCADE, related_name="findings")
    pair = models.ForeignKey(QAPair, on_delete=models.CASCADE, related_name="findings")
    detector = models.CharField(max_length=16, choices=Detector)
    kind = models.CharField(max_length=40)
    places = models.JSONField(default=list, help_text='[{"part", "start", "length"}], in characters.')
    score = models.FloatField(null=True, help_text="Similarity of a duplicate, or the model's confidence; 0 to 1.")
    other = models.ForeignKey(QAPair, on_delete=models.CASCADE, null=True, related_name="+")
    content = models.CharField(max_length=64, help_text="Digest of the values in which it was found.")
    proposed_prohibited = UsesField(default=NO_USES)
    proposed_classification = models.PositiveSmallIntegerField(
        choices=Classification, default=Classification.PUBLIC
    )
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    found_at = models.DateTimeField(auto_now_add=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    reason = models.TextField(blank=True)
    constraint_change = models.ForeignKey(ConstraintChange, on_delete=models.PROTECT, null=True, related_name="+")

    objects = MemberQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["pair", "detector", "kind"], name="finding_one_a_kind"),
            models.CheckConstraint(
                condition=Q(state__in=["accepted", "dismissed"], decided_by__isnull=False, decided_at__isnull=False)
                | Q(state__in=["open", "gone"], decided_by__isnull=True, decided_at__isnull=True),
                name="finding_decided_by_someone",
            ),
            models.CheckConstraint(
                condition=~Q(state="dismissed") | ~Q(reason=""), name="finding_dismissed_has_reason"
            ),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["training_sheet", "state", "detector"], name="finding_of_sheet"),
            models.Index(fields=["state", "-id"], name="finding_newest"),
            models.Index(fields=["pair", "state", "detector"], name="finding_of_pair"),
        ]

    def __str__(self) -> str:
        return self.kind.replace("_", " ")

    @property
    def proposes(self) -> bool:
        """Whether it proposes a stricter constraint."""
        return bool(self.proposed_prohibited or self.proposed_classification)


class PairCheck(models.Model):
    """What the last check measured of one pair: its quality score's parts, its place among the most informative.

    `question` and `whole` are digests of what was asked, and of that with the answer; equal ones are duplicates.
    `signature` is the MinHash of the question, 100 numbers of 4 bytes; empty where it has too little text.
    """

    visible_through = "training_sheet"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    training_sheet = models.ForeignKey(TrainingSheet, on_delete=models.CASCADE, related_name="+")
    pair = models.OneToOneField(QAPair, on_delete=models.CASCADE, related_name="quality")
    seen = models.CharField(max_length=64, help_text="Digest of what was checked and by which rules.")
    question = models.CharField(max_length=64)
    whole = models.CharField(max_length=64)
    signature = models.BinaryField(default=bytes, max_length=400)
    fits = models.BooleanField(default=True)
    parts = models.JSONField(default=dict, help_text="Parts of the quality score, each 0 to 1.")
    disagreement = models.FloatField(default=0.0)
    rank = models.PositiveIntegerField(null=True, help_text="Place among the most informative; 0 comes first.")
    because = models.CharField(max_length=200, blank=True)
    checked_at = models.DateTimeField(auto_now=True)

    objects = MemberQuerySet.as_manager()

    class Meta:
        verbose_name = "quality check of a pair"
        verbose_name_plural = "quality checks of pairs"
        ordering = ("-id",)
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["training_sheet", "rank"], name="paircheck_by_rank"),
            models.Index(fields=["training_sheet", "-disagreement"], name="paircheck_by_disagreement"),
        ]

    def __str__(self) -> str:
        return f"check of {self.pair_id}"
