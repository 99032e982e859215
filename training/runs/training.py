"""The job that trains: rows are checked again, learned from, registered once, and every pair is put on record."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from governance import context, jobs
from governance.jobs import Running
from governance.models import Job
from labeling.exports.rows import ExportRow, answer_text
from training.datasets.manifest import manifest_of
from training.datasets.models import DatasetVersion
from training.datasets.rows import question_text
from training.datasets.rules import TRAIN, VALIDATION
from training.datasets.selectors import require_usable
from training.datasets.sources import read_tags
from training.datasets.transitions import START_USE
from training.evaluations.held_out import evaluate_held_out
from training.exits import training_rows, validation_rows
from training.lineage.writing import Learned, write_lineage
from training.runs import transitions
from training.runs.errors import NothingPermitted
from training.runs.models import ModelVersion, TrainingRun
from training.runs.selectors import learnable, summary
from training.tracking.configured import tracking
from training.tracking.mlflow_tracking import Status, Tracking
from training.trainers import Example, TrainedModel, get_trainer

EXAMPLE_PROMPTS = 3
CLOSE = "training.close-tracked"
TRACKED_AS: dict[str, Status] = {TrainingRun.Status.CANCELLED: "KILLED", TrainingRun.Status.SUCCEEDED: "FINISHED"}


def train(running: Running) -> dict[str, Any]:
    """Safe to run again after a kill: the tracker continues the run of this job, and a run has one version."""
    read_tags(TrainingRun.objects.get(pk=running.payload["run"]).dataset_version, by=None)
    run = _start(running)
    rows = _Rows.of(run)
    tracker = tracking()
    run_id = tracker.start_run(
        experiment=run.model.registry_name,
        name=run.name,
        job_key=f"{_key_of(running.job.pk)}{rows.digest}",
        params={"trainer": run.trainer, "base_model": run.base_model, **run.hyperparameters},
        tags={"dataset": str(run.dataset_version), "fingerprint": run.dataset_version.fingerprint},
    )
    TrainingRun.objects.filter(pk=run.pk).update(mlflow_run_id=run_id)
    run.mlflow_run_id = run_id
    _log_inputs(tracker, run, rows)
    trained = _fit(run, rows, running)
    _log_results(tracker, run_id, trained)
    number = _register(tracker, run, trained, rows, running)
    version = _record(run, running, rows, trained, number)
    tracker.end_run(run_id)
    tracker.end_open_runs(run.model.registry_name, _key_of(running.job.pk), "KILLED")
    return {"model": str(version), "trained on": len(rows.train), "validated with": len(rows.validation)}


def _key_of(job: object) -> str:
    """How the tracker's keys of all attempts of one job begin."""
    return f"{job}:"


def close_tracked(running: Running) -> dict[str, Any]:
    """End what the attempts of a run that failed or was cancelled left open in the tracker."""
    run = TrainingRun.objects.select_related("model").get(pk=running.payload["run"])
    key, status = _key_of(running.payload["job"]), TRACKED_AS.get(run.status, "FAILED")
    return {"closed": tracking().end_open_runs(run.model.registry_name, key, status)}


def end_run(job: Job) -> None:
    """What becomes of a run whose job failed or was cancelled, also when its worker is gone.

    The tracker may be away or slow now, so that telling it is a job of its own.
    """
    if job.started_at:
        jobs.enqueue(CLOSE, subject=None, by=job.requested_by, payload={"run": job.payload["run"], "job": str(job.pk)})
    run = TrainingRun.objects.select_for_update().get(pk=job.payload["run"])
    if run.status not in transitions.FAIL.sources:
        return
    step = transitions.CANCEL if job.state == Job.State.CANCELLED else transitions.FAIL
    step.apply(run)
    run.error, run.finished_at = job.error, timezone.now()
    with context.because(f"job {job.state}"):
        run.save(update_fields=["status", "error", "finished_at"])


@dataclass(frozen=True)
class _Rows:
    """What a run reads, once; the pairs are remembered for the lineage."""

    train: list[ExportRow]
    validation: list[ExportRow]

    @classmethod
    def of(cls, run: TrainingRun) -> _Rows:
        """:raises NothingPermitted: no member permits training now."""
        version = run.dataset_version
        rows = cls(
            list(training_rows(learnable(version, TRAIN))), list(validation_rows(learnable(version, VALIDATION)))
        )
        if not rows.train:
            raise NothingPermitted(f"No row of “{version}” may be trained on now: {summary(version)}.")
        return rows

    @property
    def digest(self) -> str:
        """Part of the tracker's key: a retry that reads other rows must not continue with the earlier model."""
        pairs = [f"{row.split}:{row.pair_id}" for row in (*self.train, *self.validation)]
        return hashlib.sha256("\n".join(pairs).encode()).hexdigest()[:16]


@transaction.atomic
def _start(running: Running) -> TrainingRun:
    run = TrainingRun.objects.select_for_update().get(pk=running.payload["run"])
    running.hold()
    run.dataset_version = DatasetVersion.objects.select_related("dataset").get(pk=run.dataset_version_id)
    require_usable(run.dataset_version, "train on")
    transitions.START.apply(run)
    run.started_at = run.started_at or timezone.now()
    run.counts = summary(run.dataset_version).as_json()
    with context.because("training started"):
        run.save(update_fields=["status", "started_at", "counts"])
    return run


def _log_inputs(tracker: Tracking, run: TrainingRun, rows: _Rows) -> None:
    version = run.dataset_version
    for side, context_name in ((rows.train, "training"), (rows.validation, "validation")):
        if side:
            tracker.log_dataset(
                run.mlflow_run_id, digest=version.fingerprint, name=str(version), n_rows=len(side),
                source=f"dataset-version/{version.pk}", context=context_name,
            )  # fmt: skip
    tracker.log_manifest(run.mlflow_run_id, {**manifest_of(version), "summary": run.counts})


def _fit(run: TrainingRun, rows: _Rows, running: Running) -> TrainedModel:
    with tempfile.TemporaryDirectory() as folder:
        return get_trainer(run.trainer).train(
            [_example(row) for row in rows.train],
            [_example(row) for row in rows.validation],
            run.hyperparameters,
            running.progress,
            Path(folder),
        )


def _example(row: ExportRow) -> Example:
    return Example(question_text(row), answer_text(row))


def _log_results(tracker: Tracking, run_id: str, trained: TrainedModel) -> None:
    for step in trained.facts.get("history", ()):
        numbers = {name: value for name, value in step.items() if name != "epoch" and value is not None}
        if numbers:
            tracker.log_metrics(run_id, numbers, step=int(step.get("epoch", 0)))
    tracker.log_metrics(run_id, numbers_in(trained.facts))


def numbers_in(facts: dict[str, Any]) -> dict[str, float]:
    return {
        name: float(value)
        for name, value in facts.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _register(tracker: Tracking, run: TrainingRun, trained: TrainedModel, rows: _Rows, running: Running) -> str:
    """The registry's version number. Nothing is registered once the dataset has lost its approval."""
    running.check()
    require_usable(DatasetVersion.objects.get(pk=run.dataset_version_id), "register a model trained on")
    prompts = [question_text(row) for row in rows.train[:EXAMPLE_PROMPTS]]
    uri = tracker.log_model(run.mlflow_run_id, trained, prompts)
    tags = {"dataset": str(run.dataset_version), "fingerprint": run.dataset_version.fingerprint}
    return tracker.register(uri, run.model.registry_name, tags=tags)


@transaction.atomic
def _record(run: TrainingRun, running: Running, rows: _Rows, trained: TrainedModel, number: str) -> ModelVersion:
    """Model version, lineage, states and the first evaluation appear together, or not at all."""
    dataset = DatasetVersion.objects.select_for_update().get(pk=run.dataset_version_id)
    locked = TrainingRun.objects.select_for_update().select_related("model").get(pk=run.pk)
    running.hold()
    require_usable(dataset, "register a model trained on")
    version = ModelVersion(model=locked.model, number=int(number), run=locked)
    version.uri = f"models:/{locked.model.registry_name}/{number}"
    transitions.SUCCEED.apply(locked)
    locked.metrics, locked.finished_at = numbers_in(trained.facts), timezone.now()
    with context.because(f"trained by run {locked.name}"):
        version.save()
        locked.save(update_fields=["status", "metrics", "finished_at"])
        if dataset.status == DatasetVersion.Status.APPROVED:
            START_USE.apply(dataset)
            dataset.save(update_fields=["status"])
    learned = [Learned(row.pair_id, str(row.metadata["training_sheet"]), row.split)
               for row in (*rows.train, *rows.validation)]  # fmt: skip
    write_lineage(version, learned)
    evaluate_held_out(version, by=locked.created_by)
    return version
