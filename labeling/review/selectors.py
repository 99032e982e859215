"""What reviewers see next."""

from __future__ import annotations

from django.db.models import QuerySet

from governance.models import User
from labeling.generation.models import QAPair, TrainingSheet
from labeling.generation.selectors import with_counts
from labeling.review.models import PairDecision
from labeling.review.ordering import next_behind_of, next_of

OPEN = (QAPair.Status.UNLABELED, QAPair.Status.FLAGGED)
UNDO_AT_MOST = 20
UNDOABLE = (
    PairDecision.Action.APPROVE, PairDecision.Action.EDIT, PairDecision.Action.REJECT, PairDecision.Action.FLAG,
)  # fmt: skip


def waiting_sheets(user: User) -> QuerySet[TrainingSheet]:
    """Training Sheets with pairs to decide, oldest first, each with its counts."""
    ready = TrainingSheet.objects.visible_to(user).filter(status=TrainingSheet.Status.READY)
    return with_counts(ready.select_related("sheet", "template_version__template")).order_by("created_at")


def pairs_in_view(sheet: TrainingSheet, user: User) -> QuerySet[QAPair]:
    """The pairs of one Training Sheet in the order of its items, as far as `user` may see them."""
    return QAPair.objects.visible_to(user).filter(training_sheet=sheet).order_by("position")


def next_open(pairs: QuerySet[QAPair], *, after: int = -1, order: str = "") -> QAPair | None:
    """The first undecided pair behind position `after`; at the end the first of those that were skipped."""
    return next_of(pairs, pairs.filter(status__in=OPEN), after=after, order=order)


def next_behind(pairs: QuerySet[QAPair], *, after: int, order: str) -> QAPair | None:
    """The first undecided pair behind position `after`, and none where that was the last."""
    return next_behind_of(pairs, pairs.filter(status__in=OPEN), after=after, order=order)


def previous(pairs: QuerySet[QAPair], *, before: int) -> QAPair | None:
    """The pair in front of position `before`, decided or not."""
    return pairs.filter(position__lt=before).order_by("-position").first()


def last_decision(sheet: TrainingSheet, user: User) -> PairDecision | None:
    """The newest of the last decisions of `user` on this Training Sheet that still stands, and so can be undone."""
    decisions = PairDecision.objects.filter(pair__training_sheet=sheet, decided_by=user)
    newest = decisions.filter(action__in=UNDOABLE).select_related("pair")[:UNDO_AT_MOST]
    return next((one for one in newest if _stands(one)), None)


def _stands(decision: PairDecision) -> bool:
    """Nothing was decided about its pair since."""
    pair = decision.pair
    now = (pair.status, pair.reviewed_by_id, pair.prompt_id, pair.answer_id)
    return now == (decision.new_status, decision.decided_by_id, decision.new_prompt_id, decision.new_answer_id)
