"""Starting evaluations: any model version or endpoint against any set that permits it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from governance import access, context, jobs
from governance.uses import Use
from training.datasets.rows import members_in
from training.datasets.rules import TEST, TRAIN, VALIDATION
from training.datasets.selectors import require_usable
from training.datasets.sources import read_tags
from training.evaluations.errors import EvaluationProhibited, EvaluationRefused
from training.evaluations.models import Evaluation

if TYPE_CHECKING:
    from governance.models import User
    from training.datasets.models import DatasetVersion
    from training.runs.models import ModelVersion
    from workbench.models import ModelEndpoint

JOB = "training.evaluate"


def start_evaluation(
    *,
    dataset_version: DatasetVersion,
    by: User,
    split: str = "",
    model_version: ModelVersion | None = None,
    endpoint: ModelEndpoint | None = None,
) -> Evaluation:
    """Queue the answers of one model to the permitted rows of one side; an empty `split` takes the held-out side.

    :raises NotUsable: the dataset version is not approved, or not any more.
    :raises EvaluationProhibited: no row of that side permits evaluation.
    :raises EvaluationRefused: not exactly one model, or a side that is none.
    :raises TagsUnknown: the tags of a source cannot be read.
    """
    access.require(by, "training.add_evaluation", dataset_version)
    if (model_version is None) == (endpoint is None):
        raise EvaluationRefused("Choose either a model version or an endpoint.", field="model_version")
    if model_version is not None:
        access.require(by, "training.view_modelversion", model_version)
    if endpoint is not None:
        access.require(by, "workbench.view_modelendpoint", endpoint)
    read_tags(dataset_version, by=by)
    return queue(dataset_version, split or held_out_side(dataset_version), by, model_version, endpoint)


@transaction.atomic
def queue(
    dataset_version: DatasetVersion,
    split: str,
    by: User,
    model_version: ModelVersion | None,
    endpoint: ModelEndpoint | None,
) -> Evaluation:
    """Write and queue one evaluation; rights have been checked."""
    require_usable(dataset_version, "evaluate on")
    require_rows(dataset_version, split)
    evaluation = Evaluation(
        dataset_version=dataset_version, split=split, model_version=model_version, endpoint=endpoint, created_by=by
    )
    with context.because("evaluation started", by=by):
        evaluation.save()
    jobs.enqueue(JOB, subject=evaluation, by=by, payload={"evaluation": str(evaluation.pk)})
    return evaluation


def held_out_side(version: DatasetVersion) -> str:
    """The test side where it has members, else the validation side."""
    return TEST if members_in(version, TEST).exists() else VALIDATION


def require_rows(version: DatasetVersion, split: str) -> None:
    """:raises EvaluationProhibited: no row of the side permits evaluation."""
    if split == TRAIN:
        raise EvaluationRefused(
            "A model is not evaluated on what models are trained with; choose validation or test.", field="split"
        )
    members = members_in(version, split)
    if split not in (TEST, VALIDATION) or not members.exists():
        raise EvaluationRefused(f"“{version}” has no members on the side {split!r}.", field="split")
    if not members.permitting(Use.EVALUATION).exists():  # type: ignore[attr-defined]
        raise EvaluationProhibited(
            f"None of the {members.count():,} {split} rows of “{version}” permits evaluation, so no model may answer "
            "them. Ask for a relaxed constraint, or choose another set.", field="dataset_version",
        )  # fmt: skip
