"""Where members leave a dataset: the use that each exit needs, by the registry of exits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from governance.exits import exit_for
from governance.models import PermittedQuerySet
from governance.uses import Use
from labeling.exports import ExportRow
from training.datasets.rows import batches_of, rows_of


@exit_for(Use.TRAINING, name="training rows", description="Rows that a run or a training export learns from.")
def training_rows(members: PermittedQuerySet) -> Iterator[ExportRow]:
    return rows_of(members)


@exit_for(Use.VALIDATION, name="validation rows", description="Rows that a run is validated with.")
def validation_rows(members: PermittedQuerySet) -> Iterator[ExportRow]:
    return rows_of(members)


@exit_for(Use.EVALUATION, name="evaluation rows", description="Test splits and evaluation sets that models answer.")
def evaluation_rows(members: PermittedQuerySet) -> Iterator[ExportRow]:
    return rows_of(members)


@exit_for(Use.EVALUATION, name="evaluation questions", description="Members that a model or an endpoint is asked.")
def evaluation_members(members: PermittedQuerySet) -> Iterator[list[Any]]:
    return batches_of(members)


@exit_for(Use.TESTING, name="manual QA export", description="Files that people test with by hand.")
def testing_rows(members: PermittedQuerySet) -> Iterator[ExportRow]:
    return rows_of(members)


EXIT_OF_USE = {
    Use.TRAINING: training_rows,
    Use.VALIDATION: validation_rows,
    Use.EVALUATION: evaluation_rows,
    Use.TESTING: testing_rows,
}
