"""The embedded tracker: runs that continue, models that load anywhere, a process left alone."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from training.tracking.errors import JobKeyRefused, TrackingFailed
from training.tracking.mlflow_tracking import Tracking
from training.trainers import Example, get_trainer

ANIMALS = [
    Example(f"Is {animal} big?", answer)
    for animal, answer in [("ant", "no"), ("mouse", "no"), ("elephant", "yes"), ("whale", "yes")]
]
PROMPTS = [example.prompt for example in ANIMALS]


@pytest.fixture(scope="module")
def tracking(tmp_path_factory):
    tracking = Tracking.in_folder(tmp_path_factory.mktemp("data"))
    tracking.prepare()
    return tracking


@pytest.fixture(scope="module")
def model():
    return get_trainer("text_classifier").train(ANIMALS, (), {}, lambda done, total: None, Path("unused"))


def start(tracking, job_key, **changes):
    values = {"experiment": "animals", "name": "run", "params": {"epochs": 30}, "tags": {"dataset": "7"}}
    return tracking.start_run(job_key=job_key, **{**values, **changes})


def run_of(tracking, run_id):
    return tracking._client().get_run(run_id)


def test_a_retried_job_continues_its_unfinished_run(tracking):
    assert start(tracking, "train:1") == start(tracking, "train:1")


def test_a_job_whose_run_has_ended_gets_a_new_one(tracking):
    first = start(tracking, "train:2")
    tracking.end_run(first, "FAILED")

    assert start(tracking, "train:2") != first
    assert run_of(tracking, first).info.status == "FAILED"


def test_threads_that_start_the_same_job_share_one_run(tracking):
    with ThreadPoolExecutor(4) as pool:
        runs = set(pool.map(lambda _: start(tracking, "train:threads", experiment="threads"), range(8)))

    assert len(runs) == 1


def test_a_run_keeps_parameters_tags_metrics_and_its_dataset(tracking):
    run_id = start(tracking, "train:3")
    for _ in range(2):
        tracking.log_dataset(
            run_id, digest="ab" * 32, name="animals v1", source="dataset:7", n_rows=4, context="training"
        )
    tracking.log_metrics(run_id, {"accuracy": 0.5, "f1: a b(c)": 0.25}, step=2)

    run = run_of(tracking, run_id)

    assert run.data.params == {"epochs": "30"}
    assert run.data.metrics == {"accuracy": 0.5, "f1: a b_c_": 0.25}
    assert run.data.tags["dataset"] == "7"
    assert run.data.tags["workbench.training_fingerprint"] == "ab" * 32
    [read] = run.inputs.dataset_inputs
    assert (read.dataset.name, read.dataset.digest) == ("animals v1", ("ab" * 32)[:36])
    assert json.loads(read.dataset.profile) == {"num_rows": 4}


def test_manifest_and_picture_are_artifacts_of_the_run(tracking, tmp_path):
    run_id = start(tracking, "train:4")
    tracking.log_manifest(run_id, {"pairs": ["é"]})
    tracking.log_picture(run_id, b"png bytes", file="pictures/confusion.png")

    folder = Path(tracking._client().download_artifacts(run_id, "", str(tmp_path)))

    assert json.loads((folder / "manifest.json").read_text(encoding="utf-8")) == {"pairs": ["é"]}
    assert (folder / "pictures" / "confusion.png").read_bytes() == b"png bytes"


def test_a_logged_model_is_registered_once_and_loads_by_id_version_and_alias(tracking, model):
    import pandas

    run_id = start(tracking, "train:5")
    uri = tracking.log_model(run_id, model, PROMPTS[:1])
    version = tracking.register(uri, "animals")
    tracking.set_alias("animals", "live", version)

    assert tracking.log_model(run_id, model, []) == uri
    assert tracking.register(uri, "animals") == version
    expected = [(each.answer, each.confidence) for each in model.predict(PROMPTS)]
    for name in (uri, f"models:/animals/{version}", "models:/animals@live"):
        answers = tracking.load(name).predict(pandas.DataFrame({"prompt": PROMPTS}))
        assert list(answers.itertuples(index=False, name=None)) == expected


def test_a_table_without_prompts_is_refused_by_the_signature(tracking, model):
    import pandas
    from mlflow import MlflowException

    loaded = tracking.load(tracking.log_model(start(tracking, "train:6"), model, PROMPTS))

    with pytest.raises(MlflowException, match="prompt"):
        loaded.predict(pandas.DataFrame({"question": PROMPTS}))


def test_a_model_loads_in_a_process_that_does_not_know_this_project(tracking, model, tmp_path):
    uri = tracking.log_model(start(tracking, "train:7"), model, PROMPTS)
    script = (
        "import sys, mlflow, pandas\n"
        "model = mlflow.pyfunc.load_model(sys.argv[1])\n"
        "print(model.predict(pandas.DataFrame({'prompt': sys.argv[2:]}))['answer'].tolist())\n"
        "assert not any(name.split('.')[0] in ('training', 'governance') for name in sys.modules)\n"
    )

    done = subprocess.run(
        [sys.executable, "-I", "-c", script, tracking._location(uri), *PROMPTS],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env={"PATH": os.environ["PATH"], "MLFLOW_DISABLE_TELEMETRY": "true"},
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str([example.answer for example in ANIMALS])


def test_the_kept_model_pins_what_it_needs(tracking, model):
    uri = tracking.log_model(start(tracking, "train:8"), model, [])

    requirements = Path(tracking._location(uri).removeprefix("file://"), "requirements.txt").read_text()

    assert set(requirements.split()) == set(model.requirements)


QUIET = """
import sys
from pathlib import Path
from training.tracking.mlflow_tracking import Tracking
assert "mlflow" not in sys.modules
tracking = Tracking.in_folder(Path(sys.argv[1]))
tracking.prepare()
run_id = tracking.start_run(experiment="e", name="n", job_key="j", params={})
tracking.log_metrics(run_id, {"a": 1})
tracking.end_run(run_id)
import mlflow
assert mlflow.active_run() is None
assert "mlflow.db" not in mlflow.get_tracking_uri() or sys.argv[1] not in mlflow.get_tracking_uri()
"""


def test_it_prints_nothing_and_leaves_the_working_folder_and_global_tracker_alone(tmp_path):
    work = tmp_path / "work"
    work.mkdir()

    done = subprocess.run(
        [sys.executable, "-c", QUIET, str(tmp_path / "data")],
        cwd=work, capture_output=True, text=True, check=False,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(work.iterdir()) == []


def test_a_job_key_that_cannot_be_searched_is_refused(tracking):
    with pytest.raises(JobKeyRefused, match="must be 1 to 200 letters"):
        start(tracking, "it's")


def test_a_changed_parameter_of_a_continued_run_is_refused(tracking):
    start(tracking, "train:9")

    with pytest.raises(TrackingFailed, match=r"could not start run 'run'.*epochs"):
        start(tracking, "train:9", params={"epochs": 31})


def test_an_unknown_model_is_refused_by_its_uri(tracking):
    with pytest.raises(TrackingFailed, match="could not load models:/nobody/1"):
        tracking.load("models:/nobody/1")
