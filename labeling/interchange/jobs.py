"""The job that saves the labels of a large file. It may be killed at any moment and run again."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from governance import jobs, uploads
from governance.errors import NotPermitted
from governance.jobs import Running
from governance.models import Job
from labeling.interchange.reading import BATCH
from labeling.interchange.services import KIND, plan_import, save
from labeling.labelsets.models import LabelType
from workbench.models import Sheet


def _ended(job: Job) -> None:
    """What was saved until then stays, and is said; the same file again brings the rest."""
    uploads.forget(job.payload["file"])
    said = f"{job.done:,} of {job.total:,} labels were saved, and stay. Import the same file again for the rest."
    Job.objects.filter(pk=job.pk).update(error=f"{job.error} {said}".strip())


@jobs.register(KIND, label="Import labels", on_end=_ended)
def import_labels(running: Running) -> dict[str, Any]:
    """Save what fits in batches that commit one by one. After a restart, what was saved is the same already."""
    by, payload = running.job.requested_by, running.payload
    if by is None:
        raise NotPermitted("Labels are imported by people; this job names none.")
    sheet = Sheet.objects.get(pk=payload["sheet"])
    label_type = LabelType.objects.get(pk=payload["label_type"])
    content = uploads.kept(payload["file"])
    plan = plan_import(
        sheet=sheet, label_type=label_type, format=payload["format"], content=content, by=by, pause=running.check
    )
    result = running.job.result or plan.as_json()
    before = running.job.done
    for start in range(0, len(plan.entries), BATCH):
        batch = plan.entries[start : start + BATCH]
        with transaction.atomic():
            running.hold()
            save(sheet=sheet, label_type=label_type, entries=batch, by=by)
            result |= {"saved": before + start + len(batch)}
            Job.objects.filter(pk=running.job.pk).update(result=result)
            running.progress(before + start + len(batch), before + len(plan.entries))
    uploads.forget(payload["file"])
    return result
