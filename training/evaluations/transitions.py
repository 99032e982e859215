"""The life of an evaluation."""

from governance.lifecycle import Transition
from training.evaluations.models import Evaluation

Status = Evaluation.Status
_ADD = "training.add_evaluation"

START = Transition(name="start", sources=(Status.QUEUED, Status.RUNNING), target=Status.RUNNING, permission=_ADD)
SUCCEED = Transition(name="succeed", sources=(Status.RUNNING,), target=Status.SUCCEEDED, permission=_ADD)
FAIL = Transition(name="fail", sources=(Status.QUEUED, Status.RUNNING), target=Status.FAILED, permission=_ADD)
CANCEL = Transition(
    name="cancel", sources=(Status.QUEUED, Status.RUNNING), target=Status.CANCELLED, permission=_ADD, danger=True
)
ALL = (START, SUCCEED, FAIL, CANCEL)
