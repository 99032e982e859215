"""What reviewers see next."""

from __future__ import annotations

from django.db.models import F, Q, QuerySet

from governance.models import User
from labeling.generation.models import QAPair, TrainingSheet
from labeling.generation.selectors import with_counts
from labeling.review.models import PairDecision

OPEN = (QAPair.Status.UNLABELED, QAPair.Status.FLAGGED)
UNSURE = "unsure"
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
    waiting = pairs.filter(status__in=OPEN)
    if order != UNSURE:
        return waiting.filter(position__gt=after).first() or waiting.first()
    waiting = waiting.order_by(F("ai_confidence").asc(nulls_first=True), "position")
    seen = pairs.filter(position=after).first()
    return (waiting.filter(_behind(seen)).first() if seen else None) or waiting.first()


def next_behind(pairs: QuerySet[QAPair], *, after: int, order: str) -> QAPair | None:
    """The first undecided pair behind position `after`, and none where that was the last."""
    waiting = pairs.filter(status__in=OPEN)
    if order != UNSURE:
        return waiting.filter(position__gt=after).first()
    seen = pairs.filter(position=after).first() or QAPair(position=after)
    return waiting.filter(_behind(seen)).order_by(F("ai_confidence").asc(nulls_first=True), "position").first()


def _behind(seen: QAPair) -> Q:
    """Surer than `seen`, or as sure and behind it; what no model was asked about comes first."""
    if seen.ai_confidence is None:
        return Q(ai_confidence=None, position__gt=seen.position) | Q(ai_confidence__isnull=False)
    return Q(ai_confidence=seen.ai_confidence, position__gt=seen.position) | Q(ai_confidence__gt=seen.ai_confidence)


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
