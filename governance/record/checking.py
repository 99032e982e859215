"""Checking the whole record as a job, so that it may take its time and its findings stay; those of the command too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import DatabaseError, transaction
from django.utils import timezone

from governance import access, jobs
from governance.errors import WorkbenchError
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
    return _result(verification.verify(most=FAULTS_KEPT))


def check_here(*, most: int) -> verification.Findings:
    """Check in this process, as the command does; the desk shows what came out like the check of a worker.

    Where nothing can be written, as without triggers or on a copy for reading, the findings say so.
    """
    started = timezone.now()
    found = verification.verify(most=most)
    try:
        with transaction.atomic():
            Job.objects.create(
                kind=KIND, state=Job.State.SUCCEEDED, result=_result(found), started_at=started,
                finished_at=timezone.now(),
            )  # fmt: skip
    except (DatabaseError, WorkbenchError) as error:
        found.notes.append(f"The compliance desk does not show this check, because it could not be kept: {error}")
    return found


def _result(found: verification.Findings) -> dict[str, Any]:
    return {
        "holds": found.holds,
        "entries": found.entries,
        "sealed": found.sealed,
        "unsealed": found.unsealed,
        "checkpoints": found.checkpoints,
        "unattributed": found.unattributed,
        "rows": found.rows,
        "faults": [str(fault) for fault in found.faults[:FAULTS_KEPT]],
        "notes": found.notes,
    }
