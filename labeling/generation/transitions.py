"""The life of a Training Sheet. `curated`, `approved` and `trained` are derived and stand in no column."""

from __future__ import annotations

from governance.lifecycle import Transition
from labeling.generation.models import TrainingSheet

Status = TrainingSheet.Status
CHANGE = "labeling.change_trainingsheet"

COMPLETE = Transition(name="complete", sources=(Status.GENERATING,), target=Status.READY, permission=CHANGE)
FAIL = Transition(name="fail", sources=(Status.GENERATING,), target=Status.FAILED, permission=CHANGE)
CANCEL = Transition(
    name="cancel",
    sources=(Status.GENERATING,),
    target=Status.CANCELLED,
    permission=CHANGE,
    label="Cancel generation",
    danger=True,
)
RESUME = Transition(
    name="resume",
    sources=(Status.FAILED, Status.CANCELLED),
    target=Status.GENERATING,
    permission=CHANGE,
    label="Resume generation",
)
KEEP = Transition(
    name="keep",
    sources=(Status.FAILED, Status.CANCELLED),
    target=Status.READY,
    permission=CHANGE,
    label="Review what is there",
)
RETRY = Transition(
    name="retry", sources=(Status.READY,), target=Status.GENERATING, permission=CHANGE, label="Retry failed"
)
FINISH_REVIEW = Transition(
    name="finish_review",
    sources=(Status.READY,),
    target=Status.REVIEWED,
    permission=CHANGE,
    label="Finish review",
)
REOPEN = Transition(
    name="reopen", sources=(Status.REVIEWED,), target=Status.READY, permission=CHANGE, label="Reopen review"
)
ALL = (COMPLETE, FAIL, CANCEL, RESUME, KEEP, RETRY, FINISH_REVIEW, REOPEN)
