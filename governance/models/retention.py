"""How long the values of the record are kept, and where else it is: erasures, holds, archives, places of copies."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from governance.ids import uuid7
from governance.models.collections import RoleQuerySet, Tracked


class LegalHold(Tracked):
    """Values that may not be erased: of one row, of one kind of row, or (both empty) of the whole record."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=100, blank=True)
    object_id = models.CharField(
        "id of one row", max_length=100, blank=True, help_text="As the record shows it. Empty: every row of the kind."
    )
    reason = models.TextField(help_text="For which matter; who lifts the hold goes by that.")
    placed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    placed_at = models.DateTimeField(auto_now_add=True)
    lifted_at = models.DateTimeField(null=True, blank=True)

    objects = RoleQuerySet.as_manager()

    class Meta:
        ordering = ("-placed_at", "-id")
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(object_id="") | ~Q(kind=""), name="legalhold_row_has_kind"),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["kind", "object_id"], name="legalhold_standing", condition=Q(lifted_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"on {self.kind} {self.object_id}".strip() if self.kind else "on the whole record"


class ErasureRequest(Tracked):
    """What someone asked to erase from the record: all that is there of some rows of one kind.

    It names rows by their keys. A person's identifier that found them is kept nowhere.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=100)
    object_ids = models.JSONField(default=list)
    found_by = models.CharField(
        "found by", max_length=100, blank=True, help_text="The column that held the identifier."
    )
    entries_count = models.PositiveIntegerField("entries", help_text="That had values when it was asked for.")
    reason = models.TextField()
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(auto_now_add=True)
    erased_at = models.DateTimeField(null=True, blank=True)

    objects = RoleQuerySet.as_manager()

    class Meta:
        ordering = ("-asked_at", "-id")

    def __str__(self) -> str:
        rows = len(self.object_ids)
        return f"{self.object_ids[0]} ({self.kind})" if rows == 1 else f"{rows} rows of {self.kind}"


class RecordArchive(models.Model):
    """One sealed range of the record in a Parquet file outside the database, with its signed manifest.

    The hashes stay in the database. Setting `dropped_at` has the triggers empty the values there, but for what is on
    legal hold; an erasure afterwards makes the file anew.
    """

    recorded = True

    number = models.BigIntegerField(primary_key=True)
    first = models.BigIntegerField(help_text="Position of its first entry.")
    last = models.BigIntegerField()
    file = models.CharField(max_length=100, help_text="Its name in the folder of archives.")
    bytes = models.BigIntegerField()
    digest = models.CharField(max_length=64, help_text="SHA-256 of the file.")
    erased_count = models.PositiveIntegerField("erased", default=0, help_text="Entries whose values it does not hold.")
    archived_at = models.DateTimeField()
    dropped_at = models.DateTimeField(null=True, blank=True)

    objects = RoleQuerySet.as_manager()

    class Meta:
        ordering = ("-number",)
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["first"], name="recordarchive_first"),
            models.CheckConstraint(condition=Q(last__gte=models.F("first")), name="recordarchive_is_a_range"),
        ]

    def __str__(self) -> str:
        return f"archive {self.number}"


class CheckpointPlace(models.Model):
    """One place beyond the network that checkpoints are taken to: how far it has them, and what failed last."""

    name = models.CharField(max_length=16, primary_key=True)
    target = models.CharField(max_length=500)
    delivered = models.BigIntegerField(default=0, help_text="Number of the last checkpoint that it took.")
    delivered_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)
    failed_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0, help_text="Failed in a row.")

    def __str__(self) -> str:
        return self.name
