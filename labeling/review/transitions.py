"""The life of a pair. Each step is decided by a person and kept as a PairDecision."""

from __future__ import annotations

from governance.lifecycle import Transition
from labeling.generation.models import QAPair

Status = QAPair.Status
REVIEW = "labeling.review_qapair"

APPROVE = Transition(
    name="approve", sources=(Status.UNLABELED, Status.FLAGGED), target=Status.LABELED, permission=REVIEW
)
REJECT = Transition(
    name="reject",
    sources=(Status.UNLABELED, Status.FLAGGED),
    target=Status.REJECTED,
    permission=REVIEW,
    danger=True,
)
FLAG = Transition(name="flag", sources=(Status.UNLABELED,), target=Status.FLAGGED, permission=REVIEW)
REOPEN = Transition(
    name="reopen",
    sources=(Status.LABELED, Status.REJECTED, Status.FLAGGED),
    target=Status.UNLABELED,
    permission=REVIEW,
)
ALL = (APPROVE, REJECT, FLAG, REOPEN)
STARTS_FROM = {step.name: step.sources for step in ALL}
