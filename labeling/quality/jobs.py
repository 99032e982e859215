"""The jobs that check the pairs of a Training Sheet, and that decide many findings."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from governance import access, jobs
from governance.errors import NotPermitted
from governance.jobs import Running
from governance.models import Job
from labeling.generation.models import TrainingSheet
from labeling.quality.checking import BATCH, Checker, pairs_to_check
from labeling.quality.comparing import compare, write
from labeling.quality.selectors import counts_by_detector
from labeling.quality.services import ADD, CHECK_KIND, DECIDE_BATCH, DECIDE_KIND, Outcome, decide_batch

RELATED = ("template_version", "sheet")


@jobs.register(CHECK_KIND, label="Check quality of pairs")
def check_quality(running: Running) -> dict[str, Any]:
    """Each pair by itself, then all together, in committed batches. What is unchanged is not read again."""
    by = running.job.requested_by
    sheet = TrainingSheet.objects.select_related(*RELATED).get(pk=running.payload["training_sheet"])
    if by is None:
        raise NotPermitted("Checks are asked for by people; this job names none.")
    access.require(by, ADD, sheet)
    count = pairs_to_check(sheet).count()
    _each(running, sheet, count)
    _together(running, sheet, count)
    return {"pairs": count, "open": counts_by_detector(sheet)}


def _each(running: Running, sheet: TrainingSheet, count: int) -> None:
    checker = Checker(sheet)
    for start in range(running.job.done, count, BATCH):
        with transaction.atomic():
            running.hold()
            batch = list(pairs_to_check(sheet)[start : start + BATCH])
            checker.check(batch)
            running.progress(start + len(batch), 2 * count)


def _together(running: Running, sheet: TrainingSheet, count: int) -> None:
    found = compare(sheet, running.check)
    for start in range(0, count, BATCH):
        with transaction.atomic():
            running.hold()
            written = write(sheet, found, start)
            running.progress(count + start + written, 2 * count)


@jobs.register(DECIDE_KIND, label="Decide findings")
def decide_findings(running: Running) -> dict[str, Any]:
    """Go on behind the last batch that committed."""
    by, ids = running.job.requested_by, running.payload["findings"]
    if by is None:
        raise NotPermitted("Findings are decided by people; this job names none.")
    outcome = Outcome(**running.job.result)
    for start in range(running.job.done, len(ids), DECIDE_BATCH):
        batch = ids[start : start + DECIDE_BATCH]
        with transaction.atomic():
            running.hold()
            decide_batch(
                ids=batch, action=running.payload["action"], by=by, reason=running.payload["reason"], outcome=outcome
            )
            Job.objects.filter(pk=running.job.pk).update(result=outcome.as_json())
            running.progress(start + len(batch), len(ids))
    return outcome.as_json()
