"""What the record costs: the same work with and without it, in one run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.proofs import keep_proof
from tests.servers import own_database, own_server

ROOT = Path(__file__).resolve().parents[2]
ROWS = 10_000
# At most so many times as long as without the record.
LIMITS = {"bulk_create": 2.5, "bulk_update": 1.5}


def measure(rows: int, url: str) -> dict[str, Any]:
    own = {"DATABASE_URL": url, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.record", str(rows)],
        cwd=ROOT, env=os.environ | own, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


@pytest.mark.proof
@pytest.mark.timeout(1_800)
def test_the_record_costs_no_more_than_its_limits():
    with own_server() as server, own_database(server.url) as url:
        measured = [measure(ROWS, ""), measure(ROWS, url)]

    keep_proof(
        "record-overhead",
        f"Seconds for {ROWS:,} rows with and without the record, in one run, medians of 3",
        {
            f"{figures['database']}, {work}": f"{found['recorded']} s with, {found['plain']} s without: "
            f"{found['ratio']} times" + (f" (limit {LIMITS[work]})" if work in LIMITS else "")
            for figures in measured
            for work, found in figures["seconds"].items()
        },
    )
    for figures in measured:
        for work, limit in LIMITS.items():
            assert figures["seconds"][work]["ratio"] <= limit, (figures["database"], work)
