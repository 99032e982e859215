"""What leaves: places that may be called although they are not public, and files that were handed out."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from governance.ids import uuid7
from governance.models.collections import RoleQuerySet, Tracked


class AllowedAddressQuerySet(RoleQuerySet):
    """Allowed addresses, for administrators and those who audit."""

    def in_force(self) -> Self:
        return self.filter(revoked_at=None)


class AllowedAddress(Tracked):
    """One host, address or network that models may be called at although it is not public; who allowed it, and why."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    address = models.CharField(
        max_length=300, help_text="Such as localhost:11434, models.example.com, 10.2.0.7 or 10.2.0.0/16."
    )
    reason = models.TextField(help_text="What stands there, and why it is called. It goes on record.")
    allowed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField("allowed at", auto_now_add=True)
    revoked_at = models.DateTimeField(null=True, editable=False)

    objects = AllowedAddressQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "allowed addresses"
        ordering = ("-created_at", "-id")
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["address"], condition=Q(revoked_at=None), name="allowedaddress_once"),
        ]

    def __str__(self) -> str:
        return self.address


class HandOut(models.Model):
    """One file of content that somebody took: what, how many rows, its digest, who and when."""

    recorded = append_only = True

    class Kind(models.TextChoices):
        DATASET = "dataset", "rows of a dataset"
        LABELS = "labels", "canonical labels"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=16, choices=Kind)
    subject_kind = models.CharField(max_length=100)
    subject_id = models.UUIDField()
    what = models.CharField(max_length=300)
    rows = models.PositiveIntegerField()
    digest = models.CharField(max_length=64, help_text="SHA-256 of the file.")
    door = models.CharField(max_length=16, blank=True)
    taken_by_id = models.BigIntegerField()
    taken_by_name = models.CharField("taken by", max_length=150)
    taken_at = models.DateTimeField(auto_now_add=True)

    objects = RoleQuerySet.as_manager()

    class Meta:
        verbose_name = "file handed out"
        verbose_name_plural = "files handed out"
        ordering = ("-taken_at", "-id")
        indexes: ClassVar[list[Any]] = [models.Index(fields=["-taken_at", "-id"], name="handout_newest")]

    def __str__(self) -> str:
        return self.what
