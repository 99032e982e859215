"""A 10,000-pair export streams: a process of its own measures how far its memory grows, and writes it twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.proofs import keep_proof

PROJECT = Path(__file__).resolve().parents[2]
PAIRS = 10_000
MOST_GROWTH = 50  # MiB
MAKE = """
import sys
from benchmarks import export as bench

bench._prepare()
engineer, approver, version = bench._world(int(sys.argv[1]))
bench._approve(bench._frozen(version, engineer), engineer, approver)
"""
MEASURE = """
import json, threading
import django, psutil

django.setup()
from benchmarks import export as bench
from governance.models import User
from training.models import DatasetVersion

version, engineer = DatasetVersion.objects.get(), User.objects.get(username="engineer")
process, most, done = psutil.Process(), [0], threading.Event()

def watch():
    while not done.wait(0.01):
        most[0] = max(most[0], process.memory_info().rss)

before = process.memory_info().rss
watcher = threading.Thread(target=watch)
watcher.start()
exports = [bench._export(version, engineer, "jsonl") for _ in range(2)]
done.set()
watcher.join()
print(json.dumps({
    "rows": exports[0].rows,
    "bytes": exports[0].bytes,
    "sha256": [export.sha256 for export in exports],
    "growth": (most[0] - before) / 2**20,
}))
"""


def in_a_process_of_its_own(script: str, folder: Path, *arguments: str) -> str:
    own = {"WORKBENCH_DATA": str(folder), "DATABASE_URL": "", "PYTHONPATH": str(PROJECT)}
    environment = os.environ | own | {"DJANGO_SETTINGS_MODULE": "workbench.settings"}
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], env=environment, cwd=PROJECT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.proof
@pytest.mark.timeout(900)
def test_ten_thousand_pairs_leave_in_flat_memory_and_twice_as_the_same_bytes(tmp_path):
    in_a_process_of_its_own(MAKE, tmp_path, str(PAIRS))

    found = json.loads(in_a_process_of_its_own(MEASURE, tmp_path).splitlines()[-1])

    keep_proof(
        "export",
        "An export of 10,000 pairs grows by less than 50 MiB and is twice the same to the byte",
        {
            "pairs": found["rows"],
            "bytes": found["bytes"],
            "growth in MiB": round(found["growth"], 1),
            "SHA-256, both times": found["sha256"][0],
        },
    )
    assert found["rows"] == PAIRS
    assert len(set(found["sha256"])) == 1
    assert found["growth"] < MOST_GROWTH
