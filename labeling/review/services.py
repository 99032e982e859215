"""Reviewing: every decision about pairs, and the end of a Training Sheet's review."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from governance import access, context, jobs
from governance.errors import InvalidInput, ReasonRequired, WorkbenchError
from governance.models import Job, User
from labeling.generation.models import QAPair, TrainingSheet
from labeling.generation.selectors import outdated, progress_of
from labeling.generation.transitions import FINISH_REVIEW
from labeling.generation.transitions import REOPEN as REOPEN_SHEET
from labeling.labels.models import CanonicalLabel
from labeling.review import drafts
from labeling.review.bulk import (
    Outcome,
    batches,
    decide_batch,
    locked_sheets,
)
from labeling.review.deciding import Action, Decider, Edit, Refusal
from labeling.review.errors import NothingNewer, NothingToUndo, ReviewIncomplete
from labeling.review.opening import check_label, opened
from labeling.review.selectors import last_decision
from labeling.review.transitions import REVIEW

KIND = "labeling.decide"
AT_ONCE = 2_000
BULK_ACTIONS = (Action.APPROVE, Action.REJECT, Action.FLAG, Action.REOPEN)


@transaction.atomic
def approve_pair(
    *,
    pair: QAPair,
    by: User,
    version: int,
    data: Any = None,
    messages: list[dict[str, Any]] | None = None,
    notes: str = "",
    confidence: str = CanonicalLabel.Confidence.HIGH,
    golden: bool = False,
    label_version: int | None = None,
) -> QAPair:
    """Approve a pair as it is, or with an edited answer (`data`) or prompt (`messages`); `golden`: as a reference.

    Writes the canonical label of its item, or a new version of it. `version` is that of the pair on the screen,
    `label_version` that of the item's label then (0: it had none).

    :raises StaleVersion: pair or label changed meanwhile; `details` hold both texts.
    :raises SchemaViolation: the answer does not fit; says where.
    :raises ReviewClosed: its Training Sheet is not ready for review.
    """
    edit = Edit(data, messages)
    pair, decider = opened(pair, by, version, edit, notes, confidence)
    check_label(pair, decider.sheet, label_version, edit)
    approved = _decided(decider, Action.APPROVE, pair, edit)
    if golden:
        decider.mark(pair, is_golden=True)
        approved.is_golden = True
    return approved


@transaction.atomic
def reject_pair(*, pair: QAPair, by: User, version: int, notes: str = "") -> QAPair:
    """Exclude a pair. :raises StaleVersion, ReviewClosed, TransitionNotAllowed: see their classes."""
    pair, decider = opened(pair, by, version, Edit(), notes)
    return _decided(decider, Action.REJECT, pair)


@transaction.atomic
def flag_pair(*, pair: QAPair, by: User, version: int, notes: str = "") -> QAPair:
    """Leave a pair to another expert. :raises StaleVersion, ReviewClosed, TransitionNotAllowed: as theirs."""
    pair, decider = opened(pair, by, version, Edit(), notes)
    return _decided(decider, Action.FLAG, pair)


@transaction.atomic
def reopen_pair(*, pair: QAPair, by: User, version: int, reason: str) -> QAPair:
    """Take a decision back; the pair waits for review again. Its label stays until it is decided anew.

    :raises ReasonRequired: no reason was given.
    """
    _require_reason(reason, "Say why the decision is reopened; it goes on record.")
    pair, decider = opened(pair, by, version, Edit(), reason)
    return _decided(decider, Action.REOPEN, pair)


@transaction.atomic
def undo_last(*, training_sheet: TrainingSheet, by: User) -> QAPair:
    """Take back the newest decision of `by` here that still stands, of their last 20; again for the one before it.

    The pair has the prompt and answer that it had before. Its label stays until it is decided anew.
    :raises NothingToUndo: none of them stands.
    """
    sheet = locked_sheets().get(pk=training_sheet.pk)
    access.require(by, REVIEW, sheet, action="view")
    decision = last_decision(sheet, by)
    if decision is None:
        raise NothingToUndo("None of your last decisions here stands, so nothing can be undone.")
    pair, decider = opened(decision.pair, by, None, Edit(), f"undone: {decision.get_action_display()}")
    decider.undo(pair, decision)
    return QAPair.objects.select_related("prompt", "answer", "canonical_label").get(pk=pair.pk)


def _require_reason(reason: str, message: str) -> None:
    if not reason.strip():
        raise ReasonRequired(message, field="reason")


def _decided(decider: Decider, action: str, pair: QAPair, edit: Edit | None = None) -> QAPair:
    refused = decider.decide(action, [pair], {pair.pk: edit or Edit()})
    if refused:
        raise refused[0].error
    drafts.discard(pair=pair, by=decider.by)
    return QAPair.objects.select_related("prompt", "answer", "canonical_label").get(pk=pair.pk)


def decide_many(*, pairs: QuerySet[QAPair], action: str, by: User, notes: str = "") -> Outcome | Job:
    """One decision about all of `pairs` that `by` may see; above 2,000 as a job that ends with the same outcome.

    :raises InvalidInput: the action is none of approve, reject, flag, reopen.
    :raises ReasonRequired: reopening needs a reason.
    """
    access.require(by, REVIEW)
    if action not in BULK_ACTIONS:
        raise InvalidInput(
            f"{action!r} is no action; expected one of: {', '.join(BULK_ACTIONS)}.", field="action"
        )
    if action == Action.REOPEN:
        _require_reason(notes, "Say why the decisions are reopened; it goes on record.")
    visible = QAPair.objects.visible_to(by).filter(pk__in=pairs.order_by().values("pk"))
    ids = list(visible.order_by("training_sheet", "position").values_list("pk", flat=True))
    if len(ids) > AT_ONCE:
        return _decide_later(ids, action, by, notes)
    outcome = Outcome()
    for batch in batches(ids):
        with transaction.atomic():
            decide_batch(ids=batch, action=action, by=by, notes=notes.strip(), outcome=outcome)
    return outcome


@transaction.atomic
def _decide_later(ids: list[Any], action: str, by: User, notes: str) -> Job:
    sheets = TrainingSheet.objects.filter(
        pk__in=QAPair.objects.filter(pk__in=ids[:1]).values("training_sheet")
    )
    payload = {"pairs": [str(pk) for pk in ids], "action": action, "notes": notes.strip()}
    return jobs.enqueue(KIND, subject=sheets.first(), by=by, payload=payload)


@transaction.atomic
def finish_review(*, training_sheet: TrainingSheet, by: User) -> TrainingSheet:
    """Close the review: every pair is labeled or rejected.

    :raises ReviewIncomplete: pairs are undecided; `details` count them.
    """
    sheet = locked_sheets().get(pk=training_sheet.pk)
    access.require(by, FINISH_REVIEW.permission, sheet, action="change")
    FINISH_REVIEW.check(sheet)
    progress = progress_of(sheet)
    if progress.undecided:
        raise ReviewIncomplete(
            f"“{sheet}” has {progress.to_review:,} pairs to review and {progress.flagged:,} flagged. Approve or "
            "reject each of them first.",
            details={"to_review": progress.to_review, "flagged": progress.flagged},
        )
    FINISH_REVIEW.apply(sheet)
    sheet.reviewed_at = timezone.now()
    with context.because("review finished", by=by):
        sheet.save(update_fields=["status", "reviewed_at"])
    return sheet


@transaction.atomic
def reopen_training_sheet(*, training_sheet: TrainingSheet, by: User, reason: str) -> TrainingSheet:
    """Make a reviewed Training Sheet's pairs decidable again; frozen datasets keep what they were frozen with.

    :raises ReasonRequired: no reason was given.
    """
    _require_reason(reason, "Say why the review is reopened; it goes on record.")
    sheet = locked_sheets().get(pk=training_sheet.pk)
    access.require(by, REOPEN_SHEET.permission, sheet, action="change")
    REOPEN_SHEET.apply(sheet)
    sheet.reviewed_at = None
    with context.because(reason, by=by):
        sheet.save(update_fields=["status", "reviewed_at"])
    return sheet


@transaction.atomic
def update_from_label(*, pair: QAPair, by: User) -> QAPair:
    """Take over the newest version of the label that an approved pair came from.

    :raises NothingNewer: the pair holds it already, or came from no label.
    :raises SchemaViolation: the new answer does not fit the template; says where.
    """
    pair, decider = opened(pair, by, None, Edit(), "")
    if not outdated(decider.sheet).filter(pk=pair.pk).exists():
        raise NothingNewer("This pair holds the newest version of its label, or came from none.")
    _take_label(pair, decider)
    return QAPair.objects.select_related("prompt", "answer", "canonical_label").get(pk=pair.pk)


def _take_label(pair: QAPair, decider: Decider) -> None:
    label = CanonicalLabel.objects.select_for_update(of=("self",)).select_related("content", "derivation")
    pair.canonical_label = label.get(pairs=pair)
    decider.notes = f"taken over from version {pair.canonical_label.version} of its label"
    decider.take_label(pair)


def update_all_from_labels(*, training_sheet: TrainingSheet, by: User) -> Outcome:
    """Take over the newest version of every label that pairs of this Training Sheet came from."""
    access.require(by, REVIEW, training_sheet)
    outcome = Outcome()
    for batch in batches(list(outdated(training_sheet).order_by("position").values_list("pk", flat=True))):
        with transaction.atomic():
            for pair in QAPair.objects.filter(pk__in=batch).order_by("pk"):
                _update_one(pair, by, outcome)
    return outcome


def _update_one(pair: QAPair, by: User, outcome: Outcome) -> None:
    try:
        update_from_label(pair=pair, by=by)
        outcome.add(1, [])
    except WorkbenchError as error:
        outcome.add(0, [Refusal(pair, error)])
