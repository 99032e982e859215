"""Canonical labels, and the immutable content that labels and pairs refer to."""

from __future__ import annotations

import json
from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models

from governance.ids import uuid7
from governance.models import GovernedQuerySet, GovernedRow, MemberQuerySet, PermittedQuerySet, Tracked
from governance.uses import Use
from labeling.labelsets.models import Labelset, LabelsetVersion, LabelType
from labeling.schemas.canonical import digest
from workbench.models import Sheet

ERASED = "(erased)"


class ContentQuerySet(models.QuerySet):
    """Immutable values, of which some were erased."""

    def erased(self) -> Self:
        return self.filter(erased_at__isnull=False)


class Content(models.Model):
    """One immutable JSON value, addressed by the SHA-256 of its canonical text. Never updated.

    An erasure empties it: the row stays under its digest, so that what refers to it still stands.
    """

    append_only = True
    emptied_columns = ("body",)

    digest = models.CharField(primary_key=True, max_length=64)
    body = models.JSONField(null=True, help_text="Empty once erased.")
    erased_at = models.DateTimeField(null=True, editable=False)

    objects = ContentQuerySet.as_manager()

    class Meta:
        verbose_name = "content of labels and pairs"
        verbose_name_plural = "content of labels and pairs"
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                condition=models.Q(body__isnull=False, erased_at__isnull=True)
                | models.Q(body__isnull=True, erased_at__isnull=False),
                name="content_whole_or_erased",
            ),
        ]
        indexes: ClassVar[list[Any]] = [
            # Asked for wherever rows leave; nearly always empty.
            models.Index(fields=["digest"], name="content_erased", condition=models.Q(erased_at__isnull=False)),
        ]

    def __str__(self) -> str:
        """The whole value, so that histories show what changed and not two digests."""
        return self.shown if isinstance(self.shown, str) else json.dumps(self.body, ensure_ascii=False)

    @property
    def shown(self) -> Any:
        """The value, or that it was erased."""
        return self.body if self.erased_at is None else ERASED

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The chat of a prompt, or one message that says that it was erased."""
        body: Any = self.body if self.erased_at is None else {"messages": [{"role": "user", "content": ERASED}]}
        return list(body["messages"])

    def has_its_digest(self) -> bool:
        """Whether the key is that of the body. PostgreSQL gives 1e16 back as a whole number, hence the second look."""
        return self.pk == digest(self.body) or self.pk == digest(_with_floats(self.body))


def _with_floats(value: Any) -> Any:
    """The value with the whole numbers that JSON writes with an exponent as floats."""
    if isinstance(value, dict):
        return {name: _with_floats(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_with_floats(inner) for inner in value]
    return float(value) if type(value) is int and 10**16 <= abs(value) < 10**308 else value


class GovernedMemberQuerySet(GovernedQuerySet, MemberQuerySet):  # type: ignore[override]
    """Rows that follow a collection's rights and inherit constraints."""

    def permitting(self, use: Use | str) -> PermittedQuerySet:
        """Rows that permit `use` now. What was erased permits nothing."""
        return super(GovernedMemberQuerySet, with_content(self)).permitting(use)


def with_content(rows: models.QuerySet[Any]) -> Any:
    """Those of these rows of which no content was erased: by the model's `content_columns`."""
    erased = Content.objects.erased().values("pk")
    for column in rows.model.content_columns:
        if rows.model._meta.get_field(column).null:
            rows = rows.filter(models.Q(**{column: None}) | ~models.Q(**{f"{column}__in": erased}))
        else:
            rows = rows.exclude(**{f"{column}__in": erased})
    return rows


class CanonicalLabel(GovernedRow, Tracked):
    """An expert's ground truth for one item and one label type: label once, reuse everywhere.

    `seen_digest` is of the columns its expert saw: reuse needs the same, so that a changed row is looked at
    again. `version` counts the changes of the answer.
    """

    class Confidence(models.TextChoices):
        HIGH = "high"
        MEDIUM = "medium"
        LOW = "low"

    visible_through = "sheet"
    content_columns = ("content",)

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    sheet = models.ForeignKey(Sheet, on_delete=models.PROTECT, related_name="canonical_labels")
    item_ref = models.CharField(max_length=300)
    label_type = models.ForeignKey(LabelType, on_delete=models.PROTECT, related_name="+")
    labelset = models.ForeignKey(Labelset, on_delete=models.PROTECT, related_name="canonical_labels", null=True)
    labelset_version = models.ForeignKey(LabelsetVersion, on_delete=models.PROTECT, null=True, related_name="+")
    content = models.ForeignKey(Content, on_delete=models.PROTECT, related_name="+")
    confidence = models.CharField(max_length=8, choices=Confidence, default=Confidence.HIGH)
    notes = models.TextField(blank=True)
    version = models.PositiveIntegerField(default=1)
    seen_digest = models.CharField(max_length=64, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)
    labeled_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    labeled_at = models.DateTimeField()
    last_modified_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    last_modified_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)

    objects = GovernedMemberQuerySet.as_manager()

    class Meta(GovernedRow.Meta):
        ordering = ("-labeled_at", "id")
        constraints: ClassVar[list[Any]] = [
            *GovernedRow.Meta.constraints,
            models.UniqueConstraint(
                fields=["sheet", "label_type", "item_ref"], name="canonicallabel_one_per_item_and_type"
            ),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["-labeled_at", "id"], name="canonicallabel_newest"),
            models.Index(fields=["labelset", "label_type"], name="canonicallabel_labelset"),
        ]

    def __str__(self) -> str:
        return f"{self.item_ref} · {self.label_type_id}"

    @property
    def data(self) -> Any:
        """The expert's answer as JSON, or that it was erased."""
        return self.content.shown
