"""Two who decide at the same moment: one defined outcome, never two steps, never a step without its signatures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.proofs import keep_proof
from tests.recordwork_races import RACES
from tests.servers import own_database, own_server

ROOT = Path(__file__).resolve().parents[2]
TIMES = 3
PROOF_TIMES = 200


def run_races(folder: Path, url: str, times: int) -> dict[str, Any]:
    """In a process of its own, on a file or a server: threads that share a database in memory block one another."""
    own = {"DATABASE_URL": url, "WORKBENCH_DATA": str(folder), "PYTHONPATH": str(ROOT),
           "DJANGO_SETTINGS_MODULE": "workbench.settings"}  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "tests.recordwork_races", str(times)],
        cwd=ROOT, env=os.environ | own, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def assert_each_ended_as_defined(told: dict[str, Any], times: int) -> None:
    assert set(told) == set(RACES)
    assert {name: race["problems"] for name, race in told.items() if race["problems"]} == {}
    assert all(sum(race["ended"].values()) == times for race in told.values())


def test_each_race_between_two_deciders_has_one_defined_outcome(tmp_path, database_url):
    told = run_races(tmp_path, database_url, TIMES)

    assert_each_ended_as_defined(told, TIMES)


@pytest.mark.proof
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("vendor", ["sqlite", "postgresql"])
def test_200_races_of_each_kind_have_one_defined_outcome(vendor, tmp_path):
    if vendor == "sqlite":
        told = run_races(tmp_path, "", PROOF_TIMES)
    else:
        with own_server() as server, own_database(server.url) as url:
            told = run_races(tmp_path, url, PROOF_TIMES)

    assert_each_ended_as_defined(told, PROOF_TIMES)
    keep_proof(
        f"approval-races-{vendor}",
        f"{PROOF_TIMES} races of each kind between two who decide at once: each ended as defined",
        {
            name.replace("_", " "): ", ".join(f"{end}: {count}" for end, count in race["ended"].items())
            for name, race in told.items()
        }
        | {"database of this run": vendor},
    )
