"""Training Sheets and their question/answer pairs, and the configurations that make them."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from governance.ids import uuid7
from governance.models import Collection, Derivation, GovernedRow, GroupGrant, MemberQuerySet, Tracked, UserGrant
from labeling.labels.models import CanonicalLabel, Content, GovernedMemberQuerySet
from labeling.labelsets.models import LabelsetVersion, LabelType
from labeling.prompts.models import TemplateVersion
from labeling.usecases.models import UseCase
from workbench.models import ModelEndpoint, Sheet, SheetVersion


class Mode(models.TextChoices):
    """Where answers come from when no canonical label exists."""

    AI_GENERATED = "ai_generated", "AI generated"
    MANUAL = "manual", "manual"
    EXISTING_COLUMN = "existing_column", "existing column"


class GenerationRecipe(models.Model):
    """What to apply to what, shared by saved configurations and the Training Sheets made from them."""

    sheet_version = models.ForeignKey(SheetVersion, on_delete=models.PROTECT, related_name="+")
    template_version = models.ForeignKey(TemplateVersion, on_delete=models.PROTECT, related_name="+")
    labelset_version = models.ForeignKey(
        LabelsetVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    mode = models.CharField(max_length=16, choices=Mode, default=Mode.AI_GENERATED)
    endpoint = models.ForeignKey(
        ModelEndpoint, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    column = models.CharField(max_length=128, blank=True, help_text="Answer column of mode existing column.")
    trusted_reason = models.TextField(
        blank=True,
        help_text="Why the column may be taken as already approved; empty: every pair is reviewed.",
    )
    sample_size = models.PositiveIntegerField(null=True, blank=True)
    check_when_done = models.BooleanField(
        default=False,
        verbose_name="quality check when done",
        help_text="Whether a quality check of the pairs starts once they are made.",
    )
    use_case = models.ForeignKey(UseCase, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        abstract = True


class GenerationConfig(GenerationRecipe, Tracked):
    """A saved configuration that can be previewed and run again; it follows its Sheet's rights."""

    visible_through = "sheet"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=120)
    sheet = models.ForeignKey(Sheet, on_delete=models.PROTECT, related_name="generation_configs")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = MemberQuerySet.as_manager()

    class Meta:
        verbose_name = "saved configuration"
        ordering = ("-created_at", "id")
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["sheet", "name"], name="generationconfig_name_unique"),
        ]

    def __str__(self) -> str:
        return self.name


class TrainingSheet(GenerationRecipe, Collection):
    """The question/answer pairs made by applying one Prompt Template to one Sheet."""

    class Status(models.TextChoices):
        GENERATING = "generating"
        READY = "ready", "ready for review"
        REVIEWED = "reviewed"
        FAILED = "failed"
        CANCELLED = "cancelled"

    sheet = models.ForeignKey(Sheet, on_delete=models.PROTECT, related_name="training_sheets")
    label_type = models.ForeignKey(LabelType, on_delete=models.PROTECT, related_name="training_sheets")
    config = models.ForeignKey(
        GenerationConfig, on_delete=models.SET_NULL, null=True, blank=True, related_name="training_sheets"
    )
    status = models.CharField(max_length=12, choices=Status, default=Status.GENERATING, db_index=True)
    derivation = models.ForeignKey(Derivation, on_delete=models.PROTECT, related_name="+")
    source_version = models.CharField(max_length=64, blank=True)
    result = models.JSONField(default=dict, blank=True, help_text="How many pairs came from where.")
    error = models.TextField(blank=True)
    reviewed_at = models.DateTimeField(null=True, blank=True)

    class Meta(Collection.Meta):
        """Of the two bases the collection's."""

    def __str__(self) -> str:
        return self.name


class TrainingSheetUserPermission(UserGrant):
    """One grant of one account on one Training Sheet."""

    content_object = models.ForeignKey(TrainingSheet, on_delete=models.CASCADE)


class TrainingSheetGroupPermission(GroupGrant):
    """One grant of one group on one Training Sheet."""

    content_object = models.ForeignKey(TrainingSheet, on_delete=models.CASCADE)


class QAPair(GovernedRow):
    """One chat example of a Training Sheet: the filled prompt, an answer, and what became of it.

    `prompt` holds `{"messages": […]}` without the answer; `answer` is JSON that follows the template's output
    schema. A pair is its own work item: `work_state`, lease and owner say who fills it now.
    """

    class Status(models.TextChoices):
        UNLABELED = "unlabeled", "to review"
        LABELED = "labeled", "approved"
        REJECTED = "rejected"
        FLAGGED = "flagged"

    class Origin(models.TextChoices):
        CANONICAL = "canonical", "canonical label"
        AI_GENERATED = "ai_generated", "model"
        EXISTING_COLUMN = "existing_column", "column"
        MANUAL = "manual", "empty"

    class Work(models.TextChoices):
        TODO = "todo", "waiting"
        LEASED = "leased", "being answered"
        DONE = "done"
        FAILED = "failed"

    visible_through = "training_sheet"
    row_parent = "canonical_label"
    content_columns = ("prompt", "answer")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    training_sheet = models.ForeignKey(TrainingSheet, on_delete=models.CASCADE, related_name="pairs")
    item_ref = models.CharField(max_length=300)
    position = models.PositiveIntegerField()
    prompt = models.ForeignKey(Content, on_delete=models.PROTECT, related_name="+")
    answer = models.ForeignKey(Content, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    seen_digest = models.CharField(max_length=64, blank=True)
    status = models.CharField(max_length=12, choices=Status, default=Status.UNLABELED)
    labeling_mode = models.CharField(max_length=16, choices=Origin)
    canonical_label = models.ForeignKey(
        CanonicalLabel, on_delete=models.PROTECT, null=True, blank=True, related_name="pairs"
    )
    canonical_version = models.PositiveIntegerField(null=True, blank=True)
    not_reused_because = models.CharField(
        max_length=200, blank=True, help_text="Why an existing canonical label was not reused."
    )
    ai_confidence = models.FloatField(null=True, blank=True)
    quality_score = models.FloatField(null=True, blank=True)
    model_facts = models.JSONField(
        default=dict, blank=True, help_text="Raw answer, tokens and time of the model."
    )
    error = models.TextField(blank=True)
    reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    reviewed_at = models.DateTimeField(null=True, blank=True)
    review_notes = models.TextField(blank=True)
    is_golden = models.BooleanField(
        "golden", default=False, help_text="An expert vouches for the approved answer as a reference."
    )
    version = models.PositiveIntegerField(default=1, help_text="Counts decisions; a stale form is refused.")
    work_state = models.CharField(max_length=8, choices=Work, default=Work.TODO)
    lease_owner = models.CharField(max_length=200, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = GovernedMemberQuerySet.as_manager()

    class Meta(GovernedRow.Meta):
        verbose_name = "Q&A pair"
        verbose_name_plural = "Q&A pairs"
        ordering = ("training_sheet", "position")
        permissions: ClassVar[list[Any]] = [("review_qapair", "Can review pairs")]
        constraints: ClassVar[list[Any]] = [
            *GovernedRow.Meta.constraints,
            models.UniqueConstraint(fields=["training_sheet", "item_ref"], name="qapair_one_per_item"),
            models.CheckConstraint(
                condition=~Q(status="labeled") | Q(answer__isnull=False), name="qapair_labeled_has_answer"
            ),
            models.CheckConstraint(condition=~Q(is_golden=True) | Q(status="labeled"), name="qapair_golden_is_labeled"),
            models.CheckConstraint(
                condition=Q(reviewed_by__isnull=True, reviewed_at__isnull=True)
                | Q(reviewed_by__isnull=False, reviewed_at__isnull=False),
                name="qapair_review_complete",
            ),
            models.CheckConstraint(
                condition=Q(work_state="leased", lease_until__isnull=False)
                | (~Q(work_state="leased") & Q(lease_until__isnull=True, lease_owner="")),
                name="qapair_lease_iff_leased",
            ),
            models.CheckConstraint(
                condition=Q(canonical_label__isnull=True, canonical_version__isnull=True)
                | Q(canonical_label__isnull=False, canonical_version__isnull=False),
                name="qapair_canonical_version",
            ),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["training_sheet", "status", "position"], name="qapair_review_queue"),
            models.Index(fields=["training_sheet", "status", "ai_confidence", "position"], name="qapair_unsure_queue"),
            models.Index(fields=["training_sheet", "work_state", "position"], name="qapair_work_queue"),
            # Serves pages over all sheets that someone may see: rows come in order, and few are looked at in vain.
            models.Index(fields=["position", "id"], name="qapair_by_position"),
            models.Index(fields=["status", "position", "id"], name="qapair_status_by_position"),
            models.Index(fields=["position", "id"], condition=Q(is_golden=True), name="qapair_golden_by_position"),
        ]

    def __str__(self) -> str:
        """The Training Sheet is named where it is loaded; a list of pairs must not look it up row by row."""
        sheet_is_here = QAPair.training_sheet.is_cached(self)
        return f"{self.item_ref} · {self.training_sheet}" if sheet_is_here else self.item_ref

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The chat without the answer."""
        return self.prompt.messages
