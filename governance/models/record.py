"""The record: one entry for each change of each governed row, chained by hashes and sealed by checkpoints.

Entries and values are written by database triggers alone (`governance.record.sqlite`, `.postgresql`).
"""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import OuterRef, Subquery

from governance.errors import InvalidInput
from governance.ids import uuid7
from governance.models.collections import RoleQuerySet
from governance.models.retention import RecordArchive

HASH_LENGTH = 64
NOBODY = "none"  # in a filter by person or door


class RecordValues(models.Model):
    """What one change changed, who made it and why. May be erased by law, and never changes otherwise.

    `payload` is JSON text exactly as it was hashed: {"actor", "reason", "old": {column: value}, "new": {…}}.
    """

    id = models.BigAutoField(primary_key=True)
    salt = models.CharField(max_length=32, null=True)
    payload = models.TextField(null=True)

    class Meta:
        verbose_name_plural = "record values"
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                condition=models.Q(salt__isnull=True, payload__isnull=True)
                | models.Q(salt__isnull=False, payload__isnull=False),
                name="recordvalues_whole_or_erased",
            ),
        ]

    def __str__(self) -> str:
        return f"values of entry {self.pk}"


class RecordEntryQuerySet(RoleQuerySet):
    """The record is read whole or not at all: only those who audit may."""

    def with_values(self) -> Self:
        """With what changed, who changed it and why, or why that was erased, in the same query."""
        values = RecordValues.objects.filter(pk=OuterRef("pk")).values("payload")
        return self.annotate(payload=Subquery(values)).select_related("erasure")

    def with_archive(self) -> Self:
        """With the number of the archive that holds the values if they were dropped, in the same query."""
        place = SealedEntry.objects.filter(entry=OuterRef("pk")).values("position")
        within = RecordArchive.objects.filter(
            dropped_at__isnull=False, first__lte=OuterRef("place"), last__gte=OuterRef("place")
        )
        return self.annotate(place=Subquery(place)).annotate(
            archive_number=Subquery(within.order_by("-first").values("number")[:1])
        )

    def by_person(self, account: str) -> Self:
        """Changes by one account, by its id, or by `none`.

        :raises InvalidInput: it is neither.
        """
        if account == NOBODY:
            return self.filter(actor_id=None)
        if not account.isdecimal() or int(account) >= 2**63:
            raise InvalidInput(
                f"{account[:50]!r} is no person; expected the id of an account, or {NOBODY}.", field="actor_id"
            )
        return self.filter(actor_id=int(account))

    def through(self, door: str) -> Self:
        """Changes through one door, or past all of them: `none`."""
        return self.filter(door="" if door == NOBODY else door)


class RecordEntry(models.Model):
    """One change of one row. Append-only; the key is that of its values."""

    class Operation(models.TextChoices):
        INSERT = "insert"
        UPDATE = "update"
        DELETE = "delete"

    id = models.BigIntegerField(primary_key=True)
    kind = models.CharField(max_length=100)
    object_id = models.CharField(max_length=100)
    version = models.BigIntegerField(help_text="1, 2, … for each object, without gaps.")
    operation = models.CharField(max_length=6, choices=Operation)
    recorded_at = models.CharField(max_length=27, help_text="UTC, ISO 8601 with microseconds, as it was hashed.")
    actor_id = models.BigIntegerField(null=True)
    door = models.CharField(max_length=16, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    values_digest = models.CharField(max_length=HASH_LENGTH)
    previous = models.CharField(max_length=HASH_LENGTH)
    entry_hash = models.CharField(max_length=HASH_LENGTH)
    transaction = models.BigIntegerField(default=0, help_text="PostgreSQL's; entries are sealed in its order.")

    objects = RecordEntryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "record entries"
        ordering = ("-id",)
        constraints: ClassVar[list[Any]] = [
            # Serves the look-up of an object's last entry, and refuses two entries after the same one.
            models.UniqueConstraint(fields=["object_id", "kind", "version"], name="recordentry_object_version"),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["door", "-id"], name="recordentry_door"),
            models.Index(fields=["actor_id", "-id"], name="recordentry_person"),
            models.Index(fields=["transaction", "id"], name="recordentry_sealing_order"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.object_id} version {self.version}"

    @cached_property
    def said(self) -> dict[str, Any]:
        """{"actor", "reason", "old", "new"} of an entry read `with_values`; empty once its values are erased."""
        payload: str | None = getattr(self, "payload", None)
        return json.loads(payload) if payload else {}

    @property
    def why_erased(self) -> str:
        """In words, of an entry read `with_values`; empty while it has its values."""
        erasure: Erasure | None = getattr(self, "erasure", None)
        if erasure is None:
            return ""
        return f"erased on {erasure.erased_at:%d %b %Y %H:%M} UTC by {erasure.actor_name}: {erasure.reason}"


class Erasure(models.Model):
    """Why the values of one entry were erased, and by whom. Append-only. Writing it down is what erases them."""

    recorded = append_only = True

    entry = models.OneToOneField(
        RecordEntry, on_delete=models.DO_NOTHING, primary_key=True, db_constraint=False, related_name="erasure"
    )
    erased_at = models.DateTimeField(auto_now_add=True)
    actor_id = models.BigIntegerField()
    actor_name = models.CharField(max_length=150)
    reason = models.TextField()

    def __str__(self) -> str:
        return f"erasure of entry {self.pk}"


class RowErasure(models.Model):
    """Why what one row held was erased, where rows of its kind otherwise never change. Append-only.

    Writing it down is what empties the row: its key stays, with the moment.
    """

    recorded = append_only = True

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=100)
    object_id = models.CharField(max_length=100)
    erased_at = models.DateTimeField(auto_now_add=True)
    actor_id = models.BigIntegerField()
    actor_name = models.CharField(max_length=150)
    reason = models.TextField()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["object_id", "kind"], name="rowerasure_once"),
        ]

    def __str__(self) -> str:
        return f"erasure of {self.kind} {self.object_id}"


class SigningKey(models.Model):
    """The public half of a key that signs checkpoints; the private half never enters the database."""

    key_id = models.CharField(max_length=16, primary_key=True)
    public_key = models.CharField(max_length=64)
    introduced_at = models.CharField(max_length=27)
    previous_key_id = models.CharField(max_length=16, blank=True)
    endorsement = models.CharField(max_length=128, blank=True, help_text="By the previous key; empty if it was lost.")
    reason = models.TextField(blank=True)

    objects = RoleQuerySet.as_manager()

    class Meta:
        ordering = ("introduced_at",)

    def __str__(self) -> str:
        return self.key_id


class Checkpoint(models.Model):
    """A signed state of the whole record: how many entries, and the root of the tree over them."""

    number = models.BigIntegerField(primary_key=True)
    size = models.BigIntegerField()
    root = models.CharField(max_length=HASH_LENGTH)
    previous = models.CharField(max_length=HASH_LENGTH)
    sealed_at = models.CharField(max_length=27)
    key_id = models.CharField(max_length=16)
    body = models.TextField()
    signature = models.CharField(max_length=128)
    frontier = models.JSONField(default=list, help_text="What is needed to append to the tree.")
    snapshot = models.TextField(blank=True, help_text="PostgreSQL's: every entry that it shows is sealed.")
    last_entry = models.BigIntegerField(default=0, help_text="The highest entry that is sealed.")

    objects = RoleQuerySet.as_manager()

    class Meta:
        ordering = ("-number",)

    def __str__(self) -> str:
        return f"checkpoint {self.number}"


class SealedEntry(models.Model):
    """The place of one entry in the tree, with a copy of its hash, so that a change of either is found."""

    position = models.BigIntegerField(primary_key=True)
    entry = models.OneToOneField(RecordEntry, on_delete=models.DO_NOTHING, db_constraint=False, related_name="sealed")
    leaf = models.CharField(max_length=HASH_LENGTH)

    class Meta:
        verbose_name_plural = "sealed entries"

    def __str__(self) -> str:
        return f"position {self.position}"
