"""A worker that is killed at any moment loses no pair and makes none twice. Real processes, a real database file."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import databases
from tests.proofs import keep_proof
from tests.workbench.fake_openai import FakeServer, running

ROOT = Path(__file__).resolve().parents[2]
IN_FLIGHT = 8
WRITTEN_AT_ONCE = 50
SET_UP = """
import sys
import django
django.setup()
from governance.models import Person, User
from governance.roles import group_for
from labeling.generation import services
from tests.labeling.factories import make_sheet, make_template
from workbench.endpoints.services import create_endpoint

def person(name, *roles):
    user = User.objects.create_user(name, person=Person.objects.create(name=name), is_staff=True)
    user.groups.add(*[group_for(role) for role in roles])
    return user

count, url, in_flight = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
maker, approver = person("maker", "data-steward", "ml-engineer"), person("approver", "approver")
rows = [{"id": f"i{place:06d}", "text": f"ticket {place}"} for place in range(count)]
version = make_sheet(maker, approver, name="Many", rows=rows, annotations="")
template = make_template(maker, approver)
endpoint = create_endpoint(by=maker, name="Fake", base_url=url, model_name="small", max_in_flight=in_flight)
services.start_generation(
    by=maker, name="Many pairs", sheet=version.sheet, template_version=template, endpoint=endpoint
)
"""


@dataclass
class Site:
    """One data folder with its database file, and the workers that come and go."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        own = {"WORKBENCH_DATA": str(self.folder), "DJANGO_SETTINGS_MODULE": "workbench.settings",
               "DATABASE_URL": "", "WORKBENCH_BROKER_URL": "filesystem://", "PYTHONPATH": str(ROOT),
               "WORKBENCH_OUTBOUND_ALLOWED": "127.0.0.1"}  # fmt: skip
        return os.environ | own

    def set_up(self, count: int, server: FakeServer) -> None:
        databases.copy_to(self.folder)
        command = [sys.executable, "-c", SET_UP, str(count), server.url, str(IN_FLIGHT)]
        subprocess.run(command, env=self.environment, cwd=ROOT, check=True, timeout=120)

    def start_worker(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "celery", "-A", "workbench", "worker", "-P", "threads", "-c", "2"]
        with (self.folder / "worker.log").open("ab") as log:
            return subprocess.Popen(
                command, env=self.environment, cwd=ROOT, stdout=log, stderr=log, start_new_session=True
            )

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=30)) as database:
            return database.execute(query).fetchall()

    @property
    def database(self) -> Path:
        return next(self.folder.glob("*.sqlite3"))

    def number(self, query: str) -> int:
        return int(self.ask(query)[0][0])

    @property
    def answered(self) -> int:
        return self.number("SELECT count(*) FROM labeling_qapair WHERE work_state = 'done'")

    @property
    def state(self) -> str:
        return str(self.ask("SELECT state FROM governance_job WHERE kind = 'labeling.generate'")[0][0])

    def where_it_stands(self) -> str:
        jobs = self.ask("SELECT state, done, total, attempt, lease_owner, error FROM governance_job")
        log = (self.folder / "worker.log").read_text(errors="replace")[-3000:]
        return f"jobs: {jobs}; {self.answered} answers; the workers said:\n{log}"


def wait_until(site: Site, is_so: Callable[[], bool], seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            pytest.fail(f"waited {seconds} s for {what}; {site.where_it_stands()}")
        time.sleep(0.05)


def kill(worker: subprocess.Popen[bytes]) -> None:
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()


@contextmanager
def site_with(tmp_path: Path, count: int, server: FakeServer) -> Iterator[Site]:
    site = Site(tmp_path / "data")
    site.folder.mkdir()
    site.set_up(count, server)
    yield site


def run_with_kills(site: Site, count: int, moments: list[int], limit: float) -> None:
    """Kill the worker each time this many pairs are answered, then let one finish.

    Each of them has stored an answer before it dies: moments that lie close together are still kills at work.
    """
    for moment in moments:
        target = max(moment, site.answered + 1)
        worker = site.start_worker()
        try:
            wait_until(site, lambda target=target: site.answered >= target, limit, f"{target} answers")
        finally:
            kill(worker)
    worker = site.start_worker()
    try:
        wait_until(site, lambda: site.state == "succeeded", limit, "the end of the job")
    finally:
        kill(worker)


def check_nothing_lost_or_doubled(site: Site, count: int, server: FakeServer, kills: int) -> None:
    pairs = site.ask(
        "SELECT item_ref, position, work_state, answer_id FROM labeling_qapair ORDER BY position"
    )
    assert [(ref, place) for ref, place, _, _ in pairs] == [
        (f"i{place:06d}", place) for place in range(count)
    ]
    assert {(state, answer is not None) for _, _, state, answer in pairs} == {("done", True)}
    assert site.ask("SELECT status FROM labeling_trainingsheet") == [("ready",)]
    result = json.loads(site.ask("SELECT result FROM labeling_trainingsheet")[0][0])
    assert (result["ai_generated"], result["failed"], result["total"]) == (count, 0, count)
    assert site.number("SELECT attempt FROM governance_job WHERE kind = 'labeling.generate'") == kills + 1
    # What a kill can cost: answers that had arrived and were not yet written, and those under way.
    assert count <= server.calls <= count + kills * (WRITTEN_AT_ONCE + IN_FLIGHT)


@pytest.mark.timeout(240)
def test_three_kills_lose_and_double_nothing(tmp_path):
    count, moments = 300, [40, 130, 220]
    with (
        running(content='{"label": "card"}', delay=0.06) as server,
        site_with(tmp_path, count, server) as site,
    ):
        run_with_kills(site, count, moments, limit=60)

        check_nothing_lost_or_doubled(site, count, server, kills=len(moments))


@pytest.mark.proof
@pytest.mark.timeout(1800)
def test_twenty_random_kills_in_five_thousand_pairs_lose_and_double_nothing(tmp_path):
    count, chance = 5_000, random.Random(20)
    moments = sorted(chance.sample(range(1, count - 100), 20))
    with (
        running(content='{"label": "card"}', delay=0.02) as server,
        site_with(tmp_path, count, server) as site,
    ):
        run_with_kills(site, count, moments, limit=180)

        check_nothing_lost_or_doubled(site, count, server, kills=len(moments))
        calls = server.calls
    keep_proof(
        "kills",
        "20 kill -9 of the worker at random moments of a 5,000-pair generation lose and double no pair",
        {"pairs": count, "kills": len(moments), "killed after so many pairs": moments, "calls of the model": calls},
    )
