"""Several reviewers at one queue over HTTP, against real processes: no pair decided twice, none lost, no 5xx.

`python -m benchmarks.review 2000` does the same with eight and says how fast it goes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from django.conf import settings

PAIRS, REVIEWERS = 60, 3


def test_reviewers_at_one_queue_decide_each_pair_once(database_url: str, tmp_path: Path):
    command = [
        sys.executable, "-m", "benchmarks.review", str(PAIRS), "--clients", str(REVIEWERS), "--folder", str(tmp_path),
        "--database", database_url,
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=settings.BASE_DIR, env=dict(os.environ), capture_output=True, text=True, timeout=240
    )

    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert found["pairs"] == PAIRS and len(found) == 4
