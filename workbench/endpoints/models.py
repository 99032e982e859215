"""Models that can be asked: any OpenAI-compatible server, or the embedded nearest-neighbour labeler."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from governance.ids import uuid7
from governance.models import RoleQuerySet, Tracked
from governance.uses import Classification


class ModelEndpoint(Tracked):
    """One place that answers prompts, with the highest classification it may receive."""

    hidden_columns = ("sealed_key",)

    class Engine(models.TextChoices):
        OPENAI = "openai", "OpenAI-compatible"
        NEAREST_NEIGHBOUR = "nearest_neighbour", "embedded nearest-neighbour labeler"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=120, unique=True)
    description = models.TextField(blank=True)
    engine = models.CharField(max_length=20, choices=Engine, default=Engine.OPENAI)
    base_url = models.URLField(max_length=500, blank=True, help_text="Such as http://localhost:11434/v1")
    model_name = models.CharField(max_length=200, blank=True)
    sealed_key = models.TextField(blank=True, help_text="env:NAME, or encrypted with a key outside the database.")
    max_classification = models.PositiveSmallIntegerField(choices=Classification, default=Classification.INTERNAL)
    max_in_flight = models.PositiveSmallIntegerField(
        default=64, validators=[MinValueValidator(1), MaxValueValidator(256)]
    )
    timeout_seconds = models.PositiveSmallIntegerField(
        default=60, validators=[MinValueValidator(1), MaxValueValidator(600)]
    )
    retries = models.PositiveSmallIntegerField(default=2, validators=[MaxValueValidator(10)])
    is_active = models.BooleanField(default=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = RoleQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                condition=~Q(engine="openai") | (~Q(base_url="") & ~Q(model_name="")),
                name="endpoint_openai_has_address",
            ),
        ]

    def __str__(self) -> str:
        return self.name
