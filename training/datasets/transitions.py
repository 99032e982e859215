"""The life of a dataset version."""

from governance.lifecycle import Transition
from training.datasets.models import DatasetVersion

Status = DatasetVersion.Status

APPROVE = Transition(
    name="approve",
    sources=(Status.DRAFT, Status.SUSPENDED),
    target=Status.APPROVED,
    permission="training.change_curateddataset",
    gate="dataset-approve",
)
START_USE = Transition(
    name="start_use",
    sources=(Status.APPROVED,),
    target=Status.IN_USE,
    permission="training.add_trainingrun",
)
SUSPEND = Transition(
    name="suspend",
    sources=(Status.APPROVED, Status.IN_USE),
    target=Status.SUSPENDED,
    permission="governance.tighten_constraint",
    danger=True,
)
ARCHIVE = Transition(
    name="archive",
    sources=(Status.APPROVED, Status.IN_USE, Status.SUSPENDED),
    target=Status.ARCHIVED,
    permission="training.change_curateddataset",
    danger=True,
)
ALL = (APPROVE, START_USE, SUSPEND, ARCHIVE)
