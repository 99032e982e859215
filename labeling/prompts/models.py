"""Prompt Templates: how a model is asked, versioned and published."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q

from governance.ids import uuid7
from governance.models import Collection, ConstrainedModel, GroupGrant, MemberQuerySet, Tracked, UserGrant
from labeling.labelsets.models import Labelset, LabelType
from workbench.models import ModelEndpoint


class PromptTemplate(ConstrainedModel, Collection):
    """A reusable prompt for one label type; the text sits on its versions."""

    label_type = models.ForeignKey(LabelType, on_delete=models.PROTECT, related_name="templates")

    class Meta(Collection.Meta):
        constraints: ClassVar[list[Any]] = [
            *ConstrainedModel.Meta.constraints,
            *Collection.Meta.constraints,
        ]


class PromptTemplateUserPermission(UserGrant):
    """One grant of one account on one Prompt Template."""

    content_object = models.ForeignKey(PromptTemplate, on_delete=models.CASCADE)


class PromptTemplateGroupPermission(GroupGrant):
    """One grant of one group on one Prompt Template."""

    content_object = models.ForeignKey(PromptTemplate, on_delete=models.CASCADE)


class TemplateVersion(Tracked):
    """One semantic version of a Prompt Template. Immutable once published.

    `input_schema` is a list of `{name, type, description}`; `output_schema` a JSON Schema; `examples` a list
    of `{input: {column: value}, output: answer}`; `file_columns` name the columns whose volume file is
    attached to the prompt as an image or file part.
    """

    class Status(models.TextChoices):
        DRAFT = "draft"
        PUBLISHED = "published"
        ARCHIVED = "archived"

    visible_through = "template"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    template = models.ForeignKey(PromptTemplate, on_delete=models.CASCADE, related_name="versions")
    version = models.CharField(
        max_length=20,
        validators=[RegexValidator(r"^\d{1,5}\.\d{1,5}\.\d{1,5}$", "Use a semantic version such as 1.0.0.")],
    )
    status = models.CharField(max_length=12, choices=Status, default=Status.DRAFT)
    labelset = models.ForeignKey(
        Labelset, on_delete=models.PROTECT, null=True, blank=True, related_name="template_versions",
        help_text="The labelset whose schema this template answers.",
    )
    system_prompt = models.TextField(blank=True)
    user_prompt = models.TextField()
    input_schema = models.JSONField(default=list, blank=True)
    output_schema = models.JSONField(default=dict)
    examples = models.JSONField(default=list, blank=True)
    file_columns = models.JSONField(default=list, blank=True)
    endpoint = models.ForeignKey(
        ModelEndpoint, on_delete=models.PROTECT, null=True, blank=True, related_name="+",
        help_text="The model this template is written for; a run may choose another.",
    )
    temperature = models.FloatField(default=0.0, validators=[MinValueValidator(0), MaxValueValidator(2)])
    max_tokens = models.PositiveIntegerField(
        default=1024, validators=[MinValueValidator(1), MaxValueValidator(200_000)]
    )
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    published_at = models.DateTimeField(null=True, blank=True)

    objects = MemberQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "id")
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["template", "version"], name="templateversion_version_unique"),
            models.UniqueConstraint(
                fields=["template"], condition=Q(status="draft"), name="templateversion_one_draft"
            ),
            models.CheckConstraint(
                condition=Q(status="draft", published_at__isnull=True)
                | (~Q(status="draft") & Q(published_at__isnull=False)),
                name="templateversion_published_has_moment",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.template.name} {self.version}"
