"""Runs, datasets, metrics and models in MLflow, through explicit URIs and never its global state.

MLflow is imported on first use, takes seconds, and reads its environment then.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, Literal

from training.tracking.errors import JobKeyRefused, TrackingFailed

if TYPE_CHECKING:
    from types import ModuleType

    from mlflow import MlflowClient
    from mlflow.models import ModelSignature
    from mlflow.pyfunc import PyFuncModel

    from training.trainers.port import TrainedModel

JOB_KEY = "workbench.job_key"
MODEL_NAME = "model"
ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "GIT_PYTHON_REFRESH": "quiet",
}
Status = Literal["FINISHED", "FAILED", "KILLED"]

_LOCK = RLock()
"""Held where MLflow itself keeps state per process: import, schema creation, and code models."""


class Tracking:
    """One tracking server and registry. Instances are cheap and may be used from any thread."""

    def __init__(self, *, tracking_uri: str, registry_uri: str = "", artifact_root: str = "") -> None:
        """`artifact_root` is a URI for new experiments; empty leaves the choice to the server."""
        self.tracking_uri = tracking_uri
        self.registry_uri = registry_uri or tracking_uri
        self.artifact_root = artifact_root.rstrip("/")

    @classmethod
    def in_folder(cls, data: Path) -> Tracking:
        """The embedded tracker: SQLite and files below `data`."""
        data = data.resolve()
        return cls(
            tracking_uri=f"sqlite:///{data / 'mlflow.db'}", artifact_root=(data / "mlflow-artifacts").as_uri()
        )

    def prepare(self) -> None:
        """Create or upgrade the schema, so that no user's first click waits for it. Safe to repeat."""
        if self.tracking_uri.startswith("sqlite:///"):
            Path(self.tracking_uri.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
        with _reported("prepare the tracker"):
            self._client().search_experiments(max_results=1)
            self._client().search_registered_models(max_results=1)

    def start_run(
        self,
        *,
        experiment: str,
        name: str,
        job_key: str,
        params: Mapping[str, object],
        tags: Mapping[str, str] | None = None,
    ) -> str:
        """The id of the unfinished run with this job key, or of a new one.

        A retried job continues its run; a job whose run has ended gets a new one.
        """
        _require_quotable(job_key)
        with _reported(f"start run {name!r}"), _LOCK:
            experiment_id = self._experiment_id(experiment)
            run_id = self._unfinished_run(experiment_id, job_key)
            if run_id is None:
                run_tags = {**(tags or {}), JOB_KEY: job_key}
                run_id = self._client().create_run(experiment_id, run_name=name, tags=run_tags).info.run_id
            self._log_params(run_id, params)
        return run_id

    def log_dataset(
        self, run_id: str, *, digest: str, name: str, source: str, n_rows: int, context: str
    ) -> None:
        """Record what the run read.

        `digest` is the dataset's fingerprint; MLflow keeps 36 signs of it, the run's tag all. `context`
        is training, validation or test.
        """
        entities = _mlflow().entities
        profile = json.dumps({"num_rows": n_rows})
        dataset = entities.Dataset(
            name=name, digest=digest[:36], source_type="workbench", source=source, profile=profile
        )
        tag = entities.InputTag("mlflow.data.context", context)
        with _reported(f"log dataset {name!r}"):
            self._client().log_inputs(run_id, [entities.DatasetInput(dataset, [tag])])
            self._client().set_tag(run_id, f"workbench.{context}_fingerprint", digest)

    def log_manifest(self, run_id: str, manifest: Mapping[str, Any], *, file: str = "manifest.json") -> None:
        """Keep `manifest` as a JSON artifact of the run."""
        with _reported(f"log {file}"):
            text = json.dumps(manifest, sort_keys=True, ensure_ascii=False, indent=2, allow_nan=False)
            self._client().log_text(run_id, text, file)

    def log_metrics(self, run_id: str, metrics: Mapping[str, float], *, step: int = 0) -> None:
        """Record numbers of one step in one batch; names keep letters, digits, `_ - . / :` and spaces."""
        metric = _mlflow().entities.Metric
        now = int(time.time() * 1000)
        batch = [metric(_metric_name(name), float(value), now, step) for name, value in metrics.items()]
        with _reported("log metrics"):
            self._client().log_batch(run_id, metrics=batch)

    def log_picture(self, run_id: str, png: bytes, *, file: str) -> None:
        """Keep a PNG as an artifact of the run."""
        with _reported(f"log {file}"), tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / Path(file).name
            path.write_bytes(png)
            parent = str(Path(file).parent)
            self._client().log_artifact(run_id, str(path), None if parent == "." else parent)

    def log_model(self, run_id: str, model: TrainedModel, example_prompts: Sequence[str]) -> str:
        """The URI (`models:/m-...`) of the model kept for this run.

        A run has one model: a retried job gets the one that is already complete. What is kept is a
        pyfunc (`prompt` in, `answer` and `confidence` out) that loads without this project.
        """
        with _reported(f"log the model of run {run_id}"):
            kept = self._complete_model(run_id)
            return f"models:/{kept or self._keep_model(run_id, model, example_prompts)}"

    def register(self, model_uri: str, name: str, *, tags: Mapping[str, str] | None = None) -> str:
        """The version number of this model under `name`; the same model again gets the same version."""
        with _reported(f"register {name!r}"), _LOCK:
            self._ensure_registered_name(name)
            logged = self._client().get_logged_model(model_uri.removeprefix("models:/"))
            known = self._client().search_model_versions(f"name = '{_quotable_name(name)}'")
            for each in known:
                if each.source == logged.artifact_location:
                    return str(each.version)
            # The location, not the models:/ URI: MLflow 3.17 resolves the latter against its global URI.
            made = self._client().create_model_version(
                name, logged.artifact_location, run_id=logged.source_run_id, tags=dict(tags or {})
            )
        return str(made.version)

    def set_alias(self, name: str, alias: str, version: str) -> None:
        """Point `alias` of the registered model at `version`."""
        with _reported(f"set alias {alias!r} of {name!r}"):
            self._client().set_registered_model_alias(name, alias, version)

    def end_run(self, run_id: str, status: Status = "FINISHED") -> None:
        """Close the run; nothing continues it afterwards."""
        with _reported(f"end run {run_id}"):
            self._client().set_terminated(run_id, status)

    def end_open_runs(self, experiment: str, key_start: str, status: Status) -> int:
        """Close every unfinished run whose job key begins with `key_start`; returns how many there were."""
        _require_quotable(key_start)
        with _reported(f"end the runs of {key_start!r}"):
            known = self._client().get_experiment_by_name(experiment)
            wanted = f"tags.`{JOB_KEY}` LIKE '{key_start}%' and attributes.status = 'RUNNING'"
            found = self._client().search_runs([known.experiment_id], wanted) if known is not None else []
            for run in found:
                self._client().set_terminated(run.info.run_id, status)
        return len(found)

    def load(self, model_uri: str) -> PyFuncModel:
        """A model by `models:/<id>`, `models:/<name>/<version>` or `models:/<name>@<alias>`."""
        with _reported(f"load {model_uri}"), _LOCK:
            folder = _mlflow().artifacts.download_artifacts(
                artifact_uri=self._location(model_uri),
                tracking_uri=self.tracking_uri,
                registry_uri=self.registry_uri,
            )
            return _mlflow().pyfunc.load_model(folder)

    def _client(self) -> MlflowClient:
        return _mlflow().MlflowClient(self.tracking_uri, self.registry_uri)

    def _location(self, model_uri: str) -> str:
        """Where the files are; MLflow 3.17 itself would ask its global URI."""
        name = model_uri.removeprefix("models:/")
        if "@" in name:
            found = self._client().get_model_version_by_alias(*name.rsplit("@", 1))
            return str(self._client().get_model_version_download_uri(found.name, found.version))
        if "/" in name:
            return str(self._client().get_model_version_download_uri(*name.rsplit("/", 1)))
        return str(self._client().get_logged_model(name).artifact_location)

    def _experiment_id(self, name: str) -> str:
        known = self._client().get_experiment_by_name(name)
        if known is not None:
            return str(known.experiment_id)
        location = f"{self.artifact_root}/{_folder_name(name)}" if self.artifact_root else None
        try:
            return str(self._client().create_experiment(name, artifact_location=location))
        except _mlflow().MlflowException:
            known = self._client().get_experiment_by_name(name)  # another process was faster
            if known is None:
                raise
            return str(known.experiment_id)

    def _unfinished_run(self, experiment_id: str, job_key: str) -> str | None:
        wanted = f"tags.`{JOB_KEY}` = '{job_key}' and attributes.status = 'RUNNING'"
        found = self._client().search_runs([experiment_id], wanted, max_results=1)
        return found[0].info.run_id if found else None

    def _log_params(self, run_id: str, params: Mapping[str, object]) -> None:
        param = _mlflow().entities.Param
        self._client().log_batch(run_id, params=[param(name, str(value)) for name, value in params.items()])

    def _complete_model(self, run_id: str) -> str | None:
        outputs = self._client().get_run(run_id).outputs
        for output in outputs.model_outputs if outputs else ():
            if self._client().get_logged_model(output.model_id).status == "READY":
                return str(output.model_id)
        return None

    def _keep_model(self, run_id: str, model: TrainedModel, example_prompts: Sequence[str]) -> str:
        entities = _mlflow().entities
        experiment_id = self._client().get_run(run_id).info.experiment_id
        logged = self._client().create_logged_model(experiment_id, name=MODEL_NAME, source_run_id=run_id)
        with tempfile.TemporaryDirectory() as folder:
            packed = Path(folder) / "packed"
            _pack(model, example_prompts, packed, run_id=run_id, model_id=logged.model_id)
            self._client().log_model_artifacts(logged.model_id, str(packed))
        self._client().finalize_logged_model(logged.model_id, "READY")
        self._client().log_outputs(run_id, [entities.LoggedModelOutput(logged.model_id, 0)])
        return str(logged.model_id)

    def _ensure_registered_name(self, name: str) -> None:
        try:
            self._client().create_registered_model(name)
        except _mlflow().MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise


def _pack(model: TrainedModel, prompts: Sequence[str], folder: Path, *, run_id: str, model_id: str) -> None:
    """Write `model` as an MLflow model folder."""
    import pandas

    mlflow = _mlflow()
    with tempfile.TemporaryDirectory() as scratch, _LOCK:
        saved = Path(scratch) / "model"
        saved.mkdir()
        model.save(saved)
        mlflow.pyfunc.save_model(
            path=str(folder),
            python_model=str(model.serving_script),
            artifacts={"model": str(saved)},
            signature=_signature(),
            input_example=pandas.DataFrame({"prompt": list(prompts)}) if prompts else None,
            pip_requirements=list(model.requirements),
            mlflow_model=mlflow.models.Model(run_id=run_id, model_id=model_id),
        )


def _signature() -> ModelSignature:
    from mlflow.models import ModelSignature
    from mlflow.types.schema import ColSpec, Schema

    answered = Schema([ColSpec("string", "answer"), ColSpec("double", "confidence")])
    return ModelSignature(inputs=Schema([ColSpec("string", "prompt")]), outputs=answered)


def _mlflow() -> ModuleType:
    """MLflow, imported with telemetry and chatter off, and the warnings of its own code ignored."""
    with _LOCK:
        warnings.filterwarnings("ignore", module=r"mlflow\.")
        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        import mlflow
        import mlflow.artifacts
        import mlflow.pyfunc

        return mlflow


@contextmanager
def _reported(step: str) -> Iterator[None]:
    """Turn MLflow's errors into ours, with what was being done."""
    try:
        yield
    except _mlflow().MlflowException as error:
        raise TrackingFailed(f"The tracker could not {step}: {error.message}") from error
    except OSError as error:
        raise TrackingFailed(f"The tracker could not {step}: {error}") from error


def _require_quotable(job_key: str) -> None:
    if not re.fullmatch(r"[\w.:/@-]{1,200}", job_key):
        raise JobKeyRefused(
            f"Job key {job_key!r} must be 1 to 200 letters, digits or any of . : / @ - _", field="job_key"
        )


def _quotable_name(name: str) -> str:
    """A registered name inside a search; MLflow itself refuses `/` and `:` in names, but not quotes."""
    if "'" in name:
        raise TrackingFailed(f"The model name {name!r} holds a quote, which cannot be searched; rename it.")
    return name


def _metric_name(name: str) -> str:
    return re.sub(r"[^\w\-. /:]", "_", name)


def _folder_name(experiment: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", experiment).strip(".-") or "experiment"
