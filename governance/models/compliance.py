"""What the compliance desk keeps: questions that are asked again, and every piece of evidence that was handed out."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models

from governance.ids import uuid7
from governance.models.collections import RoleQuerySet, Tracked


class SavedQuestion(Tracked):
    """One question about constraint changes that is asked again: a name, and the filters that answer it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=200)
    filters = models.JSONField(default=dict, help_text='Filters by name, such as {"use": "training"}.')
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = RoleQuerySet.as_manager()

    class Meta:
        ordering = ("name", "id")
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["owner", "name"], name="savedquestion_name_of_owner"),
        ]

    def __str__(self) -> str:
        return self.name


class EvidenceExport(models.Model):
    """One evidence bundle that was handed out: what was asked, by whom, why, and the digest of what was given."""

    recorded = append_only = True

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    question = models.TextField()
    filters = models.JSONField(default=dict)
    reason = models.TextField()
    objects_count = models.PositiveIntegerField(help_text="Objects whose whole chains it holds.")
    entries_count = models.PositiveIntegerField()
    checkpoint = models.BigIntegerField(null=True, help_text="The last checkpoint in it.")
    digest = models.CharField(max_length=64, help_text="SHA-256 of the archive.")
    made_by_id = models.BigIntegerField()
    made_by_name = models.CharField(max_length=150)
    made_at = models.DateTimeField(auto_now_add=True)

    objects = RoleQuerySet.as_manager()

    class Meta:
        ordering = ("-made_at", "-id")

    def __str__(self) -> str:
        return self.question
