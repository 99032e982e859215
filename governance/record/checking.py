"""Checking the whole record as a job, so that it may take its time and its findings stay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction

from governance import access, jobs
from governance.models import Job
from governance.record import verification

if TYPE_CHECKING:
    from governance.models import User

KIND = "verify-record"
FAULTS_KEPT = 20


@transaction.atomic
def start_check(*, by: User) -> Job:
    """Check every entry, chain, place and signature. A check that is under way already is not begun twice.

    :raises NotPermitted: `by` does not audit.
    """
    access.require(by, "governance.view_recordentry")
    under_way = Job.objects.filter(kind=KIND, state__in=(Job.State.QUEUED, Job.State.RUNNING)).first()
    return under_way or jobs.enqueue(KIND, subject=None, by=by)


@jobs.register(KIND, label="Check the record")
def check(running: jobs.Running) -> dict[str, Any]:
    """The job: its result says whether the record holds, and names what is broken."""
    found = verification.verify(most=FAULTS_KEPT)
    return {
        "holds": found.holds,
        "entries": found.entries,
        "sealed": found.sealed,
        "unsealed": found.unsealed,
        "checkpoints": found.checkpoints,
        "unattributed": found.unattributed,
        "rows": found.rows,
        "faults": [str(fault) for fault in found.faults],
        "notes": found.notes,
    }
