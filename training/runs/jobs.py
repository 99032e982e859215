"""The long work of runs."""

from governance import jobs
from training.runs.services import JOB
from training.runs.training import CLOSE, close_tracked, end_run, train

jobs.register(JOB, label="Train a model", on_end=end_run)(train)
jobs.register(CLOSE, label="Close a run in the tracker")(close_tracked)
