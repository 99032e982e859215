"""The job behind a run or an evaluation, as its page shows it while it works."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.urls import reverse

from governance import access, jobs
from governance.models import Job, User
from governance.portal.rows import row_url
from governance.portal.steps import Step


def live_job(row: models.Model, user: User) -> dict[str, Any]:
    """What `training/progress.html` needs; empty where `user` may not see the job."""
    job = jobs.latest_for(row)
    if job is None or not Job.objects.visible_to(user).filter(pk=job.pk).exists():
        return {}
    url = "" if job.is_finished else reverse("governance:job-progress", args=[job.pk])
    return {"job": job, "job_url": row_url(job), "progress_url": url, "done_url": row_url(row)}


def _cancel(*, row: models.Model, by: User) -> None:
    job = jobs.latest_for(row)
    if job is not None:
        jobs.cancel(job=job, by=by)


def _may_cancel(row: models.Model, user: Any) -> bool:
    job = jobs.latest_for(row)
    if job is None or job.is_finished:
        return False
    return job.requested_by_id == user.pk or access.can_see(user, row, "change")


CANCEL = Step(
    name="cancel",
    label="Cancel",
    service=_cancel,
    argument="row",
    available=_may_cancel,
    style="danger",
    confirm="Stop this work? A model that is not registered by then is lost.",
    success="Asked it to stop.",
)
