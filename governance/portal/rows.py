"""Where the page of a row is, and how its state and what it waits for read."""

from __future__ import annotations

from typing import Any

from django.urls import NoReverseMatch, reverse

from governance.models import ApprovalRequest, Job

STATUS_KINDS = {
    "draft": "plain", "queued": "plain", "archived": "plain", "cancelled": "plain", "withdrawn": "plain",
    "expired": "plain", "void": "plain", "revoked": "prohibited", "changes": "attention",
    "generating": "primary", "running": "primary", "ready": "attention", "pending": "attention",
    "flagged": "attention", "unlabeled": "attention",
    "published": "permitted", "approved": "permitted", "reviewed": "permitted", "succeeded": "permitted",
    "labeled": "permitted", "in_use": "permitted",
    "failed": "prohibited", "rejected": "prohibited", "suspended": "prohibited",
}  # fmt: skip


def status_of(row: Any) -> dict[str, str] | None:
    """Word and kind of a row's status chip."""
    name = "status" if hasattr(row, "status") else "state" if hasattr(row, "state") else ""
    if not name:
        return None
    return {"text": getattr(row, f"get_{name}_display")(), "kind": STATUS_KINDS.get(getattr(row, name), "plain")}


def row_url(row: Any) -> str:
    """The page of a row in the portal."""
    meta = row._meta
    try:
        return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])
    except NoReverseMatch:
        return reverse("admin:index")


def follow_url(job: Job) -> str:
    """The page of a job somebody has just started: it leads on once the job has succeeded, however soon that is."""
    return f"{reverse('governance:job', args=[job.pk])}?follow"


def waiting_words(request: ApprovalRequest) -> str:
    """Who must still sign, in words."""
    from governance.desk import missing_roles
    from governance.roles import ROLES

    return ", ".join(
        f"{count} {ROLES[role][0].lower() if role in ROLES else role}"
        for role, count in missing_roles(request).items()
    )
