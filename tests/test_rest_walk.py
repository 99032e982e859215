"""The walk of `examples/rest_walk.py`, run for real: a server process, a worker process, and the script beside them."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import databases

ROOT = Path(__file__).resolve().parent.parent
NOT_FOR_THE_SITE = {"DATABASE_URL", "WORKBENCH_BROKER_URL", "DJANGO_SETTINGS_MODULE", "MLFLOW_TRACKING_URI"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Site:
    """`manage.py start --demo` on a folder of its own, and everything it prints."""

    def __init__(self, folder: Path) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self.environment = {name: value for name, value in os.environ.items() if name not in NOT_FOR_THE_SITE}
        self.environment |= {"WORKBENCH_DATA": str(folder), "PYTHONUNBUFFERED": "1"}
        self.printed: list[str] = []
        self.is_ready = threading.Event()
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "start", "--demo", "--port", self.url.rpartition(":")[2]],
            cwd=ROOT, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.printed.append(line)
            if "is ready at" in line:
                self.is_ready.set()
        self.is_ready.set()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)
        self.reader.join(timeout=10)
        assert self.process.stdout is not None
        self.process.stdout.close()


def approving_token(environment: dict[str, str]) -> str:
    """What an administrator makes on the server for a program that signs."""
    return subprocess.run(
        [sys.executable, "manage.py", "api_token", "--user", "approver", "--scopes", "read,write,approve"],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    (tmp_path / "data").mkdir()
    databases.copy_to(tmp_path / "data")
    running = Site(tmp_path / "data")
    try:
        assert running.is_ready.wait(timeout=180), "".join(running.printed)
        yield running
    finally:
        running.stop()


@pytest.mark.one_database  # a file of SQLite, whatever the others run on
@pytest.mark.timeout(420)
def test_the_example_walks_from_a_table_to_the_questions_of_lineage_by_rest_only(site: Site, tmp_path: Path):
    passwords = tmp_path / "passwords.txt"
    passwords.write_text("".join(site.printed), encoding="utf-8")

    token = tmp_path / "approver-token.txt"
    token.write_text(approving_token(site.environment), encoding="utf-8")

    walked = subprocess.run(
        [sys.executable, "examples/rest_walk.py", site.url, str(passwords), str(token)],
        cwd=ROOT, env=site.environment, capture_output=True, text=True, timeout=240,
    )  # fmt: skip

    assert walked.returncode == 0, walked.stderr + walked.stdout + "".join(site.printed)
    said = walked.stdout
    assert re.findall(r"^(\w+)", said, re.MULTILINE)[0] == "Data"
    assert "30 of 150 items labelled by hand" in said
    assert "30 pre-approved · 119 approved · 0 to review · 1 rejected · 0 flagged of 150" in said
    assert "left out: {'not approved: rejected': 1}" in said
    assert float(re.search(r"accuracy on the test split ([\d.]+)", said)[1]) >= 0.75
    assert all(f"Lineage   {question}. " in said for question in (1, 2, 3, 4))
    assert "allowed by" in said
    assert "Traceback" not in "".join(site.printed)


def test_the_example_explains_itself_when_called_without_a_site():
    asked = subprocess.run(
        [sys.executable, "examples/rest_walk.py"], cwd=ROOT, capture_output=True, text=True, timeout=30
    )

    assert asked.returncode == 2
    assert "make --silent passwords" in asked.stderr
