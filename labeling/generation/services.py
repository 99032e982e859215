"""Every write to Training Sheets and saved configurations, but for reviewing."""

from __future__ import annotations

from typing import Any

from django.db import models, transaction
from django.utils import timezone

from governance import access, context, jobs
from governance.errors import AlreadyDecided, InvalidInput, NotPermitted
from governance.models import Job, User
from governance.names import save_named
from labeling.generation.answering import release
from labeling.generation.errors import NothingFailed, TrainingSheetInUse
from labeling.generation.models import GenerationConfig, QAPair, TrainingSheet
from labeling.generation.previewing import Preview, preview_of
from labeling.generation.recipes import Recipe, check, derivation_of, read_tags, resolved
from labeling.generation.selectors import counts_of
from labeling.generation.transitions import CANCEL, CHANGE, KEEP, RESUME, RETRY, Status
from labeling.prompts.models import TemplateVersion
from labeling.review import standing
from workbench.models import Sheet

KIND = "labeling.generate"
PREVIEW_LIMIT = 20


@transaction.atomic
def start_generation(
    *,
    by: User,
    name: str,
    sheet: Sheet,
    template_version: TemplateVersion,
    description: str = "",
    config: GenerationConfig | None = None,
    **recipe: Any,
) -> TrainingSheet:
    """A Training Sheet and the job that fills it.

    `recipe` may hold sheet_version, labelset_version, mode, endpoint, column, trusted_reason, sample_size,
    check_when_done and use_case. Left out, the published version of the Sheet and its labelset are taken.

    :raises WorkbenchError: `by` may not use a part of it, or the parts do not fit; `field` names which.
    """
    access.require(by, "labeling.add_trainingsheet")
    wanted = resolved(sheet=sheet, template_version=template_version, **recipe)
    check(wanted, by)
    read_tags(wanted, by)
    row = TrainingSheet(
        name=name.strip(),
        description=description,
        owner=by,
        sheet=sheet,
        label_type_id=wanted.label_type_id,
        config=config,
        derivation=derivation_of(wanted),
        **wanted.as_fields(),
    )
    with context.because(wanted.trusted_reason or "generation started", by=by):
        save_named(row)
        _enqueue(row, by)
    return row


def _enqueue(row: TrainingSheet, by: User) -> Job:
    return jobs.enqueue(KIND, subject=row, by=by, payload={"training_sheet": str(row.pk)})


def preview(
    *,
    by: User,
    sheet: Sheet,
    template_version: TemplateVersion,
    limit: int = 3,
    ask: bool = False,
    **recipe: Any,
) -> Preview:
    """The first pairs as they would be made, with the model's answers if `ask`. Nothing is saved.

    :raises WorkbenchError: as `start_generation`.
    """
    access.require(by, "labeling.add_trainingsheet")
    if not 1 <= limit <= PREVIEW_LIMIT:
        raise InvalidInput(f"{limit} is out of range; expected 1 to {PREVIEW_LIMIT}.", field="limit")
    wanted = resolved(sheet=sheet, template_version=template_version, **recipe)
    check(wanted, by)
    return preview_of(wanted, limit=limit, ask=ask)


def latest_job(training_sheet: TrainingSheet) -> Job | None:
    """The newest generation job of this Training Sheet."""
    return Job.objects.filter(kind=KIND, subject_id=training_sheet.pk).first()


def _locked(training_sheet: TrainingSheet, by: User, permission: str = CHANGE) -> TrainingSheet:
    row = TrainingSheet.objects.select_for_update().get(pk=training_sheet.pk)
    access.require(by, permission, row, action="change")
    return row


def cancel_generation(*, training_sheet: TrainingSheet, by: User) -> Job:
    """Ask the running job to stop; pairs made so far are kept.

    :raises TransitionNotAllowed: nothing is being generated.
    """
    access.require(by, CANCEL.permission, training_sheet, action="change")
    CANCEL.check(training_sheet)
    job = latest_job(training_sheet)
    if job is None:
        raise AlreadyDecided("No job works on this Training Sheet.")
    return jobs.cancel(job=job, by=by)


@transaction.atomic
def retry_failed(*, training_sheet: TrainingSheet, by: User) -> Job:
    """Try the failed pairs again that nobody has decided meanwhile; all others stay as they are.

    :raises NothingFailed: there are none.
    """
    row = _locked(training_sheet, by)
    RETRY.apply(row)
    failed = row.pairs.filter(work_state=QAPair.Work.FAILED, status=QAPair.Status.UNLABELED)
    if not failed.update(work_state=QAPair.Work.TODO, error=""):
        raise NothingFailed("No undecided pair of this Training Sheet has failed.")
    return _start_again(row, by, "failed pairs tried again")


@transaction.atomic
def resume_generation(*, training_sheet: TrainingSheet, by: User) -> Job:
    """Go on where a failed or cancelled generation stopped."""
    row = _locked(training_sheet, by)
    RESUME.apply(row)
    return _start_again(row, by, "generation resumed")


def _start_again(row: TrainingSheet, by: User, reason: str) -> Job:
    row.error = ""
    with context.because(reason, by=by):
        row.save(update_fields=["status", "error"])
        return _enqueue(row, by)


@transaction.atomic
def keep_what_is_there(*, training_sheet: TrainingSheet, by: User) -> TrainingSheet:
    """Offer the pairs of a failed or cancelled generation for review; those without an answer count as failed."""
    row = _locked(training_sheet, by)
    KEEP.apply(row)
    release(row)
    waiting = row.pairs.filter(work_state=QAPair.Work.TODO)
    waiting.update(work_state=QAPair.Work.FAILED, error="Generation stopped before this pair was answered.")
    row.result = counts_of(row)
    with context.because("kept what was generated", by=by):
        row.save(update_fields=["status", "result"])
    standing.deal_new(row)
    return row


@transaction.atomic
def delete_training_sheet(*, training_sheet: TrainingSheet, by: User) -> None:
    """Delete a Training Sheet on which nobody has decided anything. Only its owner may.

    :raises NotPermitted: someone else's, shared with whatever right.
    :raises TrainingSheetInUse: it is being generated, was reviewed, or is part of a dataset.
    """
    row = _locked(training_sheet, by)
    if row.owner_id != by.pk:
        raise NotPermitted(f"Only {row.owner}, who owns “{row}”, may delete it.")
    if row.status in {Status.GENERATING, Status.REVIEWED} or row.pairs.filter(version__gt=1).exists():
        raise TrainingSheetInUse(
            f"“{row}” is {row.get_status_display().lower()} or has decided pairs, so it stays on record. "
            "Cancel a running generation first."
        )
    try:
        with context.because("deleted", by=by):
            row.delete()
    except models.ProtectedError as error:
        raise TrainingSheetInUse(f"Pairs of “{row}” are part of a dataset, so it stays on record.") from error


@transaction.atomic
def save_config(
    *, by: User, name: str, sheet: Sheet, template_version: TemplateVersion, **recipe: Any
) -> GenerationConfig:
    """Keep a recipe under a name, to preview and run again.

    :raises WorkbenchError: as `start_generation`.
    """
    access.require(by, "labeling.add_generationconfig")
    wanted = resolved(sheet=sheet, template_version=template_version, **recipe)
    check(wanted, by)
    row = GenerationConfig(name=name.strip(), sheet=sheet, created_by=by, **wanted.as_fields())
    with context.because("configuration saved", by=by):
        save_named(row, within="sheet")
    return row


@transaction.atomic
def update_config(*, config: GenerationConfig, by: User, name: str | None = None, **recipe: Any) -> GenerationConfig:
    """Change a saved configuration; what is left out stays. Training Sheets made with it keep what they were made with.

    :raises WorkbenchError: as `start_generation`.
    """
    row = GenerationConfig.objects.select_for_update().get(pk=config.pk)
    _require_config(row, "labeling.change_generationconfig", by)
    if unknown := set(recipe) - set(Recipe.of(row).as_fields()):
        raise InvalidInput(f"A configuration has no {', '.join(sorted(unknown))}.", field=min(unknown))
    wanted = resolved(sheet=row.sheet, **(Recipe.of(row).as_fields() | recipe))
    check(wanted, by)
    row.name = row.name if name is None else name.strip()
    for field, value in wanted.as_fields().items():
        setattr(row, field, value)
    with context.because("configuration changed", by=by):
        save_named(row, within="sheet")
    return row


def _require_config(config: GenerationConfig, permission: str, by: User) -> None:
    """Whoever made it may change it while they see the Sheet; others need the right to change the Sheet."""
    access.require(by, permission, config)
    if config.created_by_id != by.pk and not access.can_see(by, config.sheet, "change"):
        raise NotPermitted(
            f"“{config}” may be changed by {config.created_by}, who made it, and by those who may change the "
            f"Sheet “{config.sheet}”. Save one of your own instead."
        )


@transaction.atomic
def delete_config(*, config: GenerationConfig, by: User) -> None:
    """Forget a saved configuration; what was made with it stays."""
    _require_config(config, "labeling.delete_generationconfig", by)
    with context.because("configuration deleted", by=by):
        config.delete()


def preview_config(*, config: GenerationConfig, by: User, limit: int = 3, ask: bool = False) -> Preview:
    """Preview a saved configuration on the data as it is now."""
    access.require(by, "labeling.view_generationconfig", config)
    recipe = Recipe.of(config).as_fields()
    return preview(by=by, sheet=config.sheet, limit=limit, ask=ask, **recipe)


def run_config(*, config: GenerationConfig, by: User, name: str = "") -> TrainingSheet:
    """Generate again with a saved configuration, on the data as it is now."""
    access.require(by, "labeling.view_generationconfig", config)
    recipe = Recipe.of(config).as_fields()
    chosen = name.strip() or f"{config.name} {timezone.localtime():%Y-%m-%d %H:%M:%S}"
    return start_generation(by=by, name=chosen, sheet=config.sheet, config=config, **recipe)
