"""Whatever door a constraint changes by, and whoever is killed meanwhile: what was acknowledged is on record, once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.proofs import keep_proof
from tests.recordwork import KIND, Tally, differences, replay
from tests.servers import Server, own_database, own_server

ROOT = Path(__file__).resolve().parents[2]
PROOF_CHANGES = int(os.environ.get("WORKBENCH_PROOF_CHANGES", "100000"))
SERVER_KILLS = 5


def start(folder: Path, url: str, **settings: Any) -> subprocess.Popen[bytes]:
    path = folder / "settings.json"
    path.write_text(json.dumps({"folder": str(folder), **settings}))
    own = {
        "DATABASE_URL": url, "WORKBENCH_DATA": str(folder), "DJANGO_SETTINGS_MODULE": "workbench.settings",
        "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    command = [sys.executable, "-m", "tests.recordwork", str(path)]
    with (folder / "errors").open("wb") as errors:
        return subprocess.Popen(
            command, cwd=ROOT, env=os.environ | own, stdout=subprocess.PIPE, stderr=errors, start_new_session=True
        )


def result_of(work: subprocess.Popen[bytes], folder: Path, seconds: float) -> dict[str, Any]:
    try:
        out, _ = work.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(work.pid, 9)
        raise
    assert work.returncode == 0, (folder / "errors").read_text()[-3000:]
    found: dict[str, Any] = json.loads(out)
    return found


def assert_everything_is_on_record(found: dict[str, Any], changes: int) -> None:
    assert found["problems"] == []
    assert changes <= found["acknowledged"]
    # Whoever takes a killed writer's place counts its shares anew, so a few less than one and two in a hundred.
    assert found["by way"]["form"] >= changes * 0.006 and found["by way"]["rest"] >= changes * 0.015
    assert found["sealed"] == found["entries"] > changes
    alone = found["stand-alone verifier"]
    assert (alone["status"], alone["faults"]) == (0, [])
    assert alone["entries"] >= changes


def test_every_acknowledged_change_is_on_record_once_although_writers_are_killed(tmp_path, database_url):
    work = start(tmp_path, database_url, changes=2_000, writers=3, pairs=60, kills=2)
    found = result_of(work, tmp_path, 200)

    assert_everything_is_on_record(found, 2_000)
    assert found["killed"] == 2


def kill_server_now_and_then(server: Server, work: subprocess.Popen[bytes], folder: Path) -> int:
    """Each time another part of the work is done; returns how often."""
    tally, kills = Tally(folder), 0
    while work.poll() is None and kills < SERVER_KILLS:
        time.sleep(0.2)
        if tally.rows() >= PROOF_CHANGES * (kills + 1) / (SERVER_KILLS + 1):
            server.kill()
            kills += 1
            server.start()
    return kills


@pytest.mark.proof
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("vendor", ["sqlite", "postgresql"])
def test_100_000_changes_survive_kills_of_writers_and_of_the_server(vendor, tmp_path):
    kills = max(2, PROOF_CHANGES // 800)
    if vendor == "sqlite":
        work = start(tmp_path, "", changes=PROOF_CHANGES, writers=4, pairs=400, kills=kills)
        found, server_kills = result_of(work, tmp_path, 3_000), 0
    else:
        with own_server() as server, own_database(server.url) as url:
            work = start(tmp_path, url, changes=PROOF_CHANGES, writers=8, pairs=400, kills=kills)
            server_kills = kill_server_now_and_then(server, work, tmp_path)
            found = result_of(work, tmp_path, 3_000)
        assert server_kills == SERVER_KILLS

    assert_everything_is_on_record(found, PROOF_CHANGES)
    assert found["killed"] == kills
    alone = found.pop("stand-alone verifier")
    keep_proof(
        f"record-load-{vendor}",
        f"{PROOF_CHANGES:,} constraint changes are on record once each, although "
        + ("writers were killed" if vendor == "sqlite" else "writers and the server were killed"),
        {
            "changes acknowledged": f"{found['acknowledged']:,}",
            "by way": ", ".join(f"{way} {count:,}" for way, count in found["by way"].items()),
            "writing processes": 4 if vendor == "sqlite" else 8,
            "processes killed (SIGKILL)": kills,
            "server killed": server_kills,
            "seconds": f"{found['seconds']:,}, {found['a second']:,} changes a second",
            "committed, but killed before it was acknowledged": found["committed and not acknowledged"],
            "entries": f"{found['entries']:,}, all sealed by {found['checkpoints']:,} checkpoints; no fault",
            "stand-alone verifier": f"{alone['entries']:,} entries in {alone['megabytes']:,} MB hold, "
                                    f"{alone['seconds']} s",
            "database of this run": vendor,
        },
    )  # fmt: skip


# -- the comparison itself is able to fail --------------------------------------------------------------------


def an_entry(version: int, old: dict[str, Any] | None, new: dict[str, Any], **fields: Any) -> dict[str, Any]:
    payload = json.dumps({"old": old, "new": new})
    return {"kind": KIND, "object_id": "a", "version": version, "payload": payload, "door": "task",
            "request_id": "r", **fields}  # fmt: skip


MADE = {"allowed_uses": 31, "prohibited_uses": 0, "usage_reason": ""}
CHANGED = {"allowed_uses": 1, "prohibited_uses": 0, "usage_reason": "0.0.1/1"}
RECORD = [
    an_entry(1, None, MADE),
    an_entry(2, {"allowed_uses": 31, "usage_reason": ""}, {"allowed_uses": 1, "usage_reason": "0.0.1/1"}),
]
LINE = {"way": "update", "tag": "0.0.1/1", "rows": {"a": (MADE, CHANGED)}}


def test_a_change_that_is_on_record_as_acknowledged_is_no_difference():
    assert differences(replay(RECORD), [LINE]) == []


@pytest.mark.parametrize(
    "record, line, problem",
    [
        (RECORD[:1], LINE, "0 times on record"),
        ([*RECORD, an_entry(3, {"usage_reason": "0.0.1/1"}, {"usage_reason": "0.0.1/1"})], LINE, "2 times on record"),
        (RECORD, LINE | {"rows": {"a": (MADE, CHANGED | {"allowed_uses": 2})}}, "acknowledged"),
        (RECORD, LINE | {"rows": {"a": (MADE | {"allowed_uses": 2}, CHANGED)}}, "it was"),
        (RECORD, LINE | {"way": "raw_sql"}, "it came by raw_sql"),
        (RECORD, LINE | {"request_id": "other"}, "its request was other"),
        ([RECORD[0], RECORD[1] | {"version": 3}], LINE, "version 2 was expected"),
        ([RECORD[0], an_entry(2, {"allowed_uses": 30}, {"usage_reason": "0.0.1/1"})], LINE, "its old values are not"),
        ([RECORD[0], an_entry(2, {}, {"usage_reason": "0.0.1/2"})], LINE, "1 of 2 rows"),
    ],
)  # fmt: skip
def test_each_way_in_which_record_and_acknowledgements_may_differ_is_told(record, line, problem):
    assert any(problem in difference for difference in differences(replay(record), [line]))
