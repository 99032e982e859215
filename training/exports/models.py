"""Files that left the house, with what they hold and why the rest was left out."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from governance.ids import uuid7
from governance.models import Job, MemberQuerySet, Tracked
from governance.uses import Use
from training.datasets.models import DatasetVersion


class Export(Tracked):
    """One export of one dataset version for one use; the manifest lies beside the file."""

    class Format(models.TextChoices):
        JSONL = "jsonl", "chat JSONL"
        PARQUET = "parquet", "Parquet"
        CSV = "csv", "CSV"

    visible_through = "version"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    version = models.ForeignKey(DatasetVersion, on_delete=models.PROTECT, related_name="exports")
    use = models.CharField(max_length=12, choices=Use, default=Use.TRAINING)
    format = models.CharField(max_length=8, choices=Format, default=Format.JSONL)
    embed_files = models.BooleanField(default=False, help_text="Put images and files into the lines.")
    file_name = models.CharField(max_length=200, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    bytes = models.PositiveBigIntegerField(default=0)
    rows = models.PositiveIntegerField(default=0)
    file_removed_at = models.DateTimeField(null=True, blank=True, editable=False)
    file_removed_because = models.TextField(blank=True, editable=False)
    manifest = models.JSONField(default=dict, blank=True)
    job = models.ForeignKey(Job, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = MemberQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "id")

    def __str__(self) -> str:
        return f"{self.version} as {self.get_format_display()}"
