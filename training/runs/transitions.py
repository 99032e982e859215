"""The life of a run."""

from governance.lifecycle import Transition
from training.runs.models import TrainingRun

Status = TrainingRun.Status
_RUN = "training.add_trainingrun"

START = Transition(name="start", sources=(Status.QUEUED, Status.RUNNING), target=Status.RUNNING, permission=_RUN)
SUCCEED = Transition(name="succeed", sources=(Status.RUNNING,), target=Status.SUCCEEDED, permission=_RUN)
FAIL = Transition(name="fail", sources=(Status.QUEUED, Status.RUNNING), target=Status.FAILED, permission=_RUN)
CANCEL = Transition(
    name="cancel", sources=(Status.QUEUED, Status.RUNNING), target=Status.CANCELLED, permission=_RUN, danger=True
)
ALL = (START, SUCCEED, FAIL, CANCEL)
