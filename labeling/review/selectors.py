"""What reviewers see next."""

from __future__ import annotations

from django.db.models import QuerySet

from governance.models import User
from labeling.generation.models import QAPair, TrainingSheet
from labeling.generation.selectors import with_counts
from labeling.review.models import PairDecision

OPEN = (QAPair.Status.UNLABELED, QAPair.Status.FLAGGED)


def waiting_sheets(user: User) -> QuerySet[TrainingSheet]:
    """Training Sheets with pairs to decide, oldest first, each with its counts."""
    ready = TrainingSheet.objects.visible_to(user).filter(status=TrainingSheet.Status.READY)
    return with_counts(ready.select_related("sheet", "template_version__template")).order_by("created_at")


def pairs_in_view(sheet: TrainingSheet, user: User) -> QuerySet[QAPair]:
    """The pairs of one Training Sheet in the order of its items, as far as `user` may see them."""
    return QAPair.objects.visible_to(user).filter(training_sheet=sheet).order_by("position")


def next_open(pairs: QuerySet[QAPair], *, after: int = -1) -> QAPair | None:
    """The first undecided pair behind position `after`; at the end the first of those that were skipped."""
    waiting = pairs.filter(status__in=OPEN)
    return waiting.filter(position__gt=after).first() or waiting.first()


def previous(pairs: QuerySet[QAPair], *, before: int) -> QAPair | None:
    """The pair in front of position `before`, decided or not."""
    return pairs.filter(position__lt=before).order_by("-position").first()


def last_decided(sheet: TrainingSheet, user: User) -> QAPair | None:
    """The pair that `user` decided last on this Training Sheet, while that decision stands."""
    decisions = PairDecision.objects.filter(pair__training_sheet=sheet, decided_by=user)
    last = decisions.exclude(action=PairDecision.Action.REOPEN).select_related("pair").first()
    return last.pair if last and last.pair.status == last.new_status else None
