"""The long work of evaluations."""

from governance import jobs
from training.evaluations.evaluating import end_evaluation, evaluate
from training.evaluations.services import JOB

jobs.register(JOB, label="Evaluate a model", on_end=end_evaluation)(evaluate)
