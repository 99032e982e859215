"""The job that decides many pairs."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from governance import access, jobs
from governance.errors import NotPermitted
from governance.jobs import Running
from governance.models import Job
from labeling.review.bulk import Outcome, decide_batch
from labeling.review.deciding import BATCH
from labeling.review.services import KIND
from labeling.review.transitions import REVIEW


@jobs.register(KIND, label="Decide pairs")
def decide(running: Running) -> dict[str, Any]:
    """Go on behind the last batch that committed; each batch commits with its progress and its refusals."""
    by, ids = running.job.requested_by, running.payload["pairs"]
    if by is None:
        raise NotPermitted("Pairs are decided by people; this job names none.")
    access.require(by, REVIEW)
    outcome = Outcome(**running.job.result)
    for start in range(running.job.done, len(ids), BATCH):
        batch = ids[start : start + BATCH]
        with transaction.atomic():
            running.hold()
            decide_batch(
                ids=batch,
                action=running.payload["action"],
                by=by,
                notes=running.payload["notes"],
                outcome=outcome,
            )
            Job.objects.filter(pk=running.job.pk).update(result=outcome.as_json())
            running.progress(start + len(batch), len(ids))
    return outcome.as_json()
