"""Sheets: named pointers to data. The identity carries rights and constraint, versions carry the definition."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from governance.ids import uuid7
from governance.models import Collection, ConstrainedModel, GroupGrant, MemberQuerySet, Tracked, UserGrant
from workbench.catalogs.models import Connection


class Sheet(ConstrainedModel, Collection):
    """A named pointer to tables and volumes. The item key is fixed here: labels hang on it."""

    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="sheets")
    item_key = models.CharField(max_length=128, help_text="Column of the primary source; unique for each item.")

    class Meta(Collection.Meta):
        constraints: ClassVar[list[Any]] = [
            *ConstrainedModel.Meta.constraints,
            *Collection.Meta.constraints,
        ]


class SheetUserPermission(UserGrant):
    """One grant of one account on one Sheet."""

    content_object = models.ForeignKey(Sheet, on_delete=models.CASCADE)


class SheetGroupPermission(GroupGrant):
    """One grant of one group on one Sheet."""

    content_object = models.ForeignKey(Sheet, on_delete=models.CASCADE)


class SheetVersion(Tracked):
    """One definition of a Sheet: sources, joins, filter and sample. Immutable once published.

    `sources` is a list of `{alias, kind: table|volume, ref, keys: [[left, right]], pattern}`;
    `columns` a list of `{name, type, origin}` where origin is the catalog ref (`schema.table#column`,
    or the volume's ref for a path column), filled at preview and frozen at publication.
    """

    class Status(models.TextChoices):
        DRAFT = "draft"
        PUBLISHED = "published"
        ARCHIVED = "archived"

    visible_through = "sheet"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    sheet = models.ForeignKey(Sheet, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    status = models.CharField(max_length=12, choices=Status, default=Status.DRAFT)
    primary_ref = models.CharField(max_length=300, help_text="Primary table or volume, such as billing.invoices.")
    primary_kind = models.CharField(
        max_length=8,
        choices=[("table", "table"), ("volume", "volume of files")],
        default="table",
    )
    sources = models.JSONField(default=list, blank=True)
    filter_sql = models.TextField(blank=True)
    sample_size = models.PositiveIntegerField(null=True, blank=True)
    column_roles = models.JSONField(
        default=dict, blank=True, help_text="Column → text, image, pdf, audio, metadata or label."
    )
    columns = models.JSONField(default=list, blank=True)
    source_version = models.CharField(max_length=64, blank=True)
    item_count = models.PositiveIntegerField(null=True, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    published_at = models.DateTimeField(null=True, blank=True)

    objects = MemberQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "id")
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["sheet", "number"], name="sheetversion_number_unique"),
            models.UniqueConstraint(fields=["sheet"], condition=Q(status="draft"), name="sheetversion_one_draft"),
            models.CheckConstraint(
                condition=Q(status="draft", published_at__isnull=True)
                | (~Q(status="draft") & Q(published_at__isnull=False)),
                name="sheetversion_published_has_moment",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sheet.name} v{self.number}"

    @property
    def column_names(self) -> list[str]:
        return [column["name"] for column in self.columns]
