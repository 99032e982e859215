"""The first evaluation of a new model version, on what it did not learn from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from governance.errors import WorkbenchError
from training.evaluations.services import held_out_side, queue, require_rows

if TYPE_CHECKING:
    from governance.models import User
    from training.evaluations.models import Evaluation
    from training.runs.models import ModelVersion


def evaluate_held_out(version: ModelVersion, *, by: User) -> Evaluation | None:
    """Queued where the held-out side has rows that permit it; the run's page says when there are none."""
    dataset = version.run.dataset_version
    side = held_out_side(dataset)
    try:
        require_rows(dataset, side)
    except WorkbenchError:
        return None
    return queue(dataset, side, by, version, None)
