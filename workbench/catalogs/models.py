"""Where data lives, and what the catalog says of it that binds everything made from it."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from governance.ids import uuid7
from governance.models import Collection, ConstrainedModel, GroupGrant, MemberQuerySet, Tracked, UserGrant


class Connection(Collection):
    """One catalog that data is read from; tables and volumes follow its rights."""

    class Engine(models.TextChoices):
        LOCAL = "local", "local folder (DuckDB)"

    engine = models.CharField(max_length=16, choices=Engine, default=Engine.LOCAL)
    location = models.CharField(
        max_length=500,
        blank=True,
        help_text="Folder of the local engine; empty means the server's own catalog.",
    )


class ConnectionUserPermission(UserGrant):
    """One grant of one account on one connection."""

    content_object = models.ForeignKey(Connection, on_delete=models.CASCADE)


class ConnectionGroupPermission(GroupGrant):
    """One grant of one group on one connection."""

    content_object = models.ForeignKey(Connection, on_delete=models.CASCADE)


class CatalogObject(ConstrainedModel, Tracked):
    """One table, column or volume of a catalog, with its tags and what they permit.

    `ref` is `schema.table`, `schema.table#column` or `schema.volume`.
    """

    derived_columns = ("synced_at",)  # when the catalog was read is no change of what it says

    class Kind(models.TextChoices):
        TABLE = "table"
        COLUMN = "column"
        VOLUME = "volume"

    visible_through = "connection"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="objects_known")
    kind = models.CharField(max_length=8, choices=Kind)
    ref = models.CharField(max_length=300)
    description = models.TextField(blank=True)
    tags = models.JSONField(default=list)
    synced_at = models.DateTimeField()

    objects = MemberQuerySet.as_manager()

    class Meta:
        ordering = ("kind", "ref")
        constraints: ClassVar[list[Any]] = [
            *ConstrainedModel.Meta.constraints,
            models.UniqueConstraint(fields=["connection", "kind", "ref"], name="catalogobject_once"),
        ]

    def __str__(self) -> str:
        return self.ref

    @property
    def kind_word(self) -> str:
        return str(self.kind)
