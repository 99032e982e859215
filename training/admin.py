"""The desks of curating and training, gathered from their rooms, and their button on a Training Sheet's page."""

from __future__ import annotations

from typing import Any

import training.datasets.admin
import training.evaluations.admin
import training.exports.admin
import training.runs.admin
import training.runs.model_admin  # noqa: F401 - each registers its desks
from governance.portal.steps import Step
from labeling.generation.admin import EXTRA_STEPS
from labeling.models import TrainingSheet
from training.datasets.services import curate_everything


def _is_reviewed(sheet: TrainingSheet, user: Any) -> bool:
    return sheet.status == TrainingSheet.Status.REVIEWED


EXTRA_STEPS.append(
    Step(
        name="curate",
        label="Curate everything that passes",
        service=curate_everything,
        argument="training_sheet",
        permission="training.add_curateddataset",
        available=_is_reviewed,
        style="primary",
    )
)
