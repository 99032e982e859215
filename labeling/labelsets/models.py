"""What experts may say: label types, and versioned labelsets with classes and a response schema."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from governance.ids import uuid7
from governance.models import Collection, ConstrainedModel, GroupGrant, MemberQuerySet, RoleQuerySet, Tracked, UserGrant
from workbench.models import Sheet


class LabelType(Tracked):
    """One kind of task, such as entity_extraction; an item has at most one canonical label for each."""

    slug = models.SlugField(primary_key=True, max_length=64)
    description = models.TextField(blank=True)

    objects = RoleQuerySet.as_manager()

    class Meta:
        ordering = ("slug",)

    def __str__(self) -> str:
        return self.slug


class Labelset(ConstrainedModel, Collection):
    """A reusable collection of label classes for one label type; its constraint binds every label made with it."""

    label_type = models.ForeignKey(LabelType, on_delete=models.PROTECT, related_name="labelsets")
    opinions_asked = models.PositiveSmallIntegerField(
        default=1, help_text="How many experts answer each item on their own before it gets its canonical label."
    )

    class Meta(Collection.Meta):
        constraints: ClassVar[list[Any]] = [
            *ConstrainedModel.Meta.constraints,
            *Collection.Meta.constraints,
            models.CheckConstraint(
                condition=Q(opinions_asked__gte=1, opinions_asked__lte=20), name="labelset_asks_1_to_20_opinions"
            ),
        ]


class LabelsetUserPermission(UserGrant):
    """One grant of one account on one labelset."""

    content_object = models.ForeignKey(Labelset, on_delete=models.CASCADE)


class LabelsetGroupPermission(GroupGrant):
    """One grant of one group on one labelset."""

    content_object = models.ForeignKey(Labelset, on_delete=models.CASCADE)


class LabelsetVersion(Tracked):
    """One definition of a labelset. Immutable once published.

    `classes` is a list of `{name, description, color}`; `response_schema` a JSON Schema; `seen_columns`
    the columns that experts are shown while labelling (empty: all).
    """

    class Status(models.TextChoices):
        DRAFT = "draft"
        PUBLISHED = "published"
        ARCHIVED = "archived"

    visible_through = "labelset"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    labelset = models.ForeignKey(Labelset, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    status = models.CharField(max_length=12, choices=Status, default=Status.DRAFT)
    instructions = models.TextField(blank=True, help_text="What experts read while they label.")
    classes = models.JSONField(default=list, blank=True)
    response_schema = models.JSONField(default=dict)
    seen_columns = models.JSONField(default=list, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    published_at = models.DateTimeField(null=True, blank=True)

    objects = MemberQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "id")
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["labelset", "number"], name="labelsetversion_number_unique"),
            models.UniqueConstraint(fields=["labelset"], condition=Q(status="draft"), name="labelsetversion_one_draft"),
            models.CheckConstraint(
                condition=Q(status="draft", published_at__isnull=True)
                | (~Q(status="draft") & Q(published_at__isnull=False)),
                name="labelsetversion_published_has_moment",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.labelset.name} v{self.number}"


class LabelsetBinding(Tracked):
    """Which labelset answers for one label type on one Sheet; at most one for each."""

    visible_through = "sheet"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    sheet = models.ForeignKey(Sheet, on_delete=models.CASCADE, related_name="labelset_bindings")
    labelset = models.ForeignKey(Labelset, on_delete=models.PROTECT, related_name="bindings")
    label_type = models.ForeignKey(LabelType, on_delete=models.PROTECT, related_name="+")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = MemberQuerySet.as_manager()

    class Meta:
        ordering = ("sheet", "label_type")
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["sheet", "label_type"], name="binding_one_per_label_type"),
        ]

    def __str__(self) -> str:
        return f"{self.labelset} on {self.sheet}"
