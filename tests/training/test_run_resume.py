"""A worker that is killed while it trains costs nothing: the next one ends with one model version, and its record."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import databases

ROOT = Path(__file__).resolve().parents[2]
PAIRS = 1500
SET_UP = """
import sys
import django
django.setup()
from django.conf import settings
from governance import access
from governance.models import Person, User
from governance.roles import group_for
from tests.training.factories import approved, make_dataset, make_pair, make_sheet, make_training_sheet
from training.runs.services import start_run
from training.tracking.configured import tracking

def person(name, *roles):
    user = User.objects.create_user(name, person=Person.objects.create(name=name), is_staff=True)
    user.groups.add(*[group_for(role) for role in roles])
    return user

maker, approver = person("maker", "data-steward", "ml-engineer"), person("approver", "approver")
sheet = make_training_sheet(maker, make_sheet(maker))
for place in range(int(sys.argv[1])):
    text = f"word{place % 40} and number {place}"
    make_pair(sheet, f"i{place:06d}", f"topic {place % 40}", text=text, position=place)
version = make_dataset(maker, sheet)
access.share(collection=version.dataset, to=approver, level="view", by=maker)
version = approved(version, maker, approver)
tracking().prepare()
start_run(dataset_version=version, name="killed once", model_name="topics", trainer="text_classifier", by=maker)
"""


@dataclass
class Site:
    """One data folder with its database file, and the workers that come and go."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        own = {"WORKBENCH_DATA": str(self.folder), "DJANGO_SETTINGS_MODULE": "workbench.settings",
               "DATABASE_URL": "", "WORKBENCH_BROKER_URL": "filesystem://", "MLFLOW_TRACKING_URI": "",
               "PYTHONPATH": str(ROOT)}  # fmt: skip
        return {name: value for name, value in (os.environ | own).items() if value or name not in own}

    def set_up(self) -> None:
        databases.copy_to(self.folder)
        command = [sys.executable, "-c", SET_UP, str(PAIRS)]
        subprocess.run(command, env=self.environment, cwd=ROOT, check=True, timeout=200)

    def start_worker(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "celery", "-A", "workbench", "worker", "-P", "threads", "-c", "2"]
        with (self.folder / "worker.log").open("ab") as log:
            return subprocess.Popen(
                command, env=self.environment, cwd=ROOT, stdout=log, stderr=log, start_new_session=True
            )

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        file = next(self.folder.glob("*.sqlite3"))
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=30)) as database:
            return database.execute(query).fetchall()

    def one(self, query: str) -> Any:
        return self.ask(query)[0][0]


def wait_until(site: Site, is_so: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 120
    while not is_so():
        if time.monotonic() > end:
            log = (site.folder / "worker.log").read_text(errors="replace")[-3000:]
            pytest.fail(f"waited for {what}; runs: {site.ask('SELECT status, error FROM training_trainingrun')}\n{log}")
        time.sleep(0.02)


def kill(worker: subprocess.Popen[bytes]) -> None:
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()


@pytest.mark.timeout(300)
def test_a_worker_killed_while_it_trains_is_taken_over_by_the_next(tmp_path):
    site = Site(tmp_path / "data")
    site.folder.mkdir()
    site.set_up()
    worker = site.start_worker()
    try:
        tracked = "SELECT count(*) FROM training_trainingrun WHERE mlflow_run_id != ''"
        wait_until(site, lambda: site.one(tracked) == 1, "the training to begin")
    finally:
        kill(worker)
    assert site.ask("SELECT status FROM training_trainingrun") == [("running",)]
    assert site.ask("SELECT count(*) FROM training_modelversion") == [(0,)]
    first_run = site.one("SELECT mlflow_run_id FROM training_trainingrun")

    worker = site.start_worker()
    try:
        evaluated = "SELECT count(*) FROM training_evaluation WHERE status = 'succeeded'"
        wait_until(site, lambda: site.one(evaluated) == 1, "the model and its first evaluation")
    finally:
        kill(worker)

    assert site.ask("SELECT status, mlflow_run_id FROM training_trainingrun") == [("succeeded", first_run)]
    assert site.ask("SELECT number FROM training_modelversion") == [(1,)]
    assert site.one("SELECT attempt FROM governance_job WHERE kind = 'training.train'") == 2
    assert site.one("SELECT count(DISTINCT pair_id) FROM training_lineagepair") == PAIRS
    assert site.one("SELECT count(*) FROM training_lineagepair") == PAIRS
    assert site.ask("SELECT status FROM training_datasetversion") == [("in_use",)]
