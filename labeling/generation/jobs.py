"""The job that makes a Training Sheet's pairs. It may be killed at any moment and run again."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from governance import context, jobs
from governance.errors import NotPermitted
from governance.jobs import Running
from governance.models import Job
from labeling.generation.answering import Answering, release
from labeling.generation.drafting import Drafter
from labeling.generation.enumerating import enumerate_items, redraft
from labeling.generation.models import Mode, TrainingSheet
from labeling.generation.recipes import Recipe, read_tags
from labeling.generation.selectors import counts_of
from labeling.generation.services import KIND
from labeling.generation.transitions import CANCEL, COMPLETE, FAIL, Status
from labeling.quality.services import start_check
from labeling.review import standing

RELATED = (
    "sheet__connection", "sheet_version__sheet__connection", "template_version__template", "endpoint",
    "labelset_version__labelset", "use_case", "derivation", "label_type",
)  # fmt: skip


def _ended(job: Job) -> None:
    """A job that failed or was cancelled takes its Training Sheet along; the pairs made so far stay."""
    sheet = TrainingSheet.objects.select_for_update().filter(pk=job.payload["training_sheet"]).first()
    if sheet is None or sheet.status != Status.GENERATING:
        return
    release(sheet)
    (CANCEL if job.state == Job.State.CANCELLED else FAIL).apply(sheet)
    sheet.error = job.error
    with context.because(job.error or "generation cancelled", by=job.requested_by):
        sheet.save(update_fields=["status", "error"])


@jobs.register(KIND, label="Generate pairs", on_end=_ended)
def generate(running: Running) -> dict[str, Any]:
    """Read all items unless that was done, make failed pairs anew, ask for what is missing."""
    sheet = TrainingSheet.objects.select_related(*RELATED).get(pk=running.payload["training_sheet"])
    recipe = Recipe.of(sheet)
    read_tags(recipe, None)
    sheet.derivation.refresh_from_db()
    drafter = Drafter(recipe, sheet.derivation, sheet)
    if not sheet.result:
        enumerate_items(running, sheet, drafter)
    redraft(running, sheet, drafter)
    if recipe.mode == Mode.AI_GENERATED:
        Answering(running, sheet, recipe).run()
    return _complete(running)


@transaction.atomic
def _complete(running: Running) -> dict[str, Any]:
    running.hold()
    sheet = TrainingSheet.objects.select_for_update().get(pk=running.payload["training_sheet"])
    COMPLETE.apply(sheet)
    sheet.result, sheet.error = counts_of(sheet), ""
    with context.because("generation finished"):
        sheet.save(update_fields=["status", "result", "error"])
    if sheet.check_when_done:
        _check_quality(sheet, running.job)
    standing.deal_new(sheet)
    return sheet.result


def _check_quality(sheet: TrainingSheet, job: Job) -> None:
    """As a job of its own, in the name of who asked for the pairs; where they may not, the page says so."""
    try:
        if job.requested_by is None:
            raise NotPermitted("Checks are asked for by people; this job names none.")
        with transaction.atomic():
            start_check(training_sheet=sheet, by=job.requested_by)
    except NotPermitted as error:
        sheet.error = f"The quality check did not start: {error.message}"
        with context.because("quality check refused"):
            sheet.save(update_fields=["error"])
