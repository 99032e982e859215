"""The desk of exports: what left, and the file to download."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.safestring import SafeString

from governance.admin_base import DeskAdmin
from governance.models import Job
from governance.portal.marks import chip
from governance.portal.rows import row_url, status_of
from training.datasets.selectors import USABLE
from training.datasets.showing import exclusion_rows
from training.exports.models import Export


@admin.register(Export)
class ExportAdmin(DeskAdmin):
    """Files made from datasets, each with its manifest."""

    change_form_template = "training/export_page.html"
    list_lead = "Files made from approved datasets. One that loses its approval hands out nothing any more."
    list_display = ("__str__", "use", "status_chip", "rows", "size", "created_by", "created_at")
    list_filter = ("use", "format")
    list_select_related = ("version__dataset", "job", "created_by")
    search_fields = ("version__dataset__name", "file_name", "sha256")
    empty_state = {
        "title": "No exports yet",
        "text": "Open an approved dataset version and export its rows as chat JSONL, Parquet or CSV.",
        "url": "/admin/training/curateddataset/",
        "action": "Look at the datasets",
    }

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        context = super().page_context(request, row)
        if row.file_name and row.file_removed_at is None and row.version.status in USABLE:
            url = reverse("training:export-download", args=[row.pk])
            context["object_actions"].append(
                {"label": "Download", "url": url, "style": "primary", "method": "get"}
            )
        job = Job.objects.visible_to(request.user).filter(pk=row.job_id).first()
        return context | {
            "object_status": _status(row),
            "version_url": row_url(row.version),
            "is_usable": row.version.status in USABLE,
            "exclusions": exclusion_rows(row.manifest.get("exclusions", {})),
            "job_url": row_url(job) if job else "",
            "failure": row.job.error.strip().splitlines()[-1] if row.job and row.job.error.strip() else "",
        }

    @admin.display(description="State", ordering="job__state")
    def status_chip(self, export: Export) -> SafeString:
        found = _status(export)
        return chip(found["text"], found["kind"]) if found else SafeString("—")

    @admin.display(description="Size", ordering="bytes")
    def size(self, export: Export) -> str:
        return filesizeformat(export.bytes) if export.bytes else "—"


def _status(export: Export) -> dict[str, str] | None:
    if export.file_removed_at is not None:
        return {"text": "file removed", "kind": "warning"}
    return status_of(export.job) if export.job else None
