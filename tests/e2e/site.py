"""The real thing, as `make run` starts it: its own data folder, database, web process and worker."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import databases

PROJECT = Path(__file__).resolve().parents[2]
STARTS_WITHIN = 90.0
ADD_ROWS = """
import sys, pathlib, django
django.setup()
from tests.e2e import desk_rows, stranger
desk_rows.make_rows()
stranger.make_rows(pathlib.Path(sys.argv[1]))
"""


@dataclass(frozen=True)
class Site:
    """A running Workbench with the demonstration in it."""

    url: str
    passwords: dict[str, str]
    log: Path
    environment: dict[str, str]

    def approving_token(self) -> str:
        """For the program that signs as the approver; made on the server by its administrator."""
        scopes = ("--user", "approver", "--scopes", "read,write,approve")
        return _manage(self.environment, "api_token", *scopes).strip()

    def log_text(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")


@contextmanager
def running_site(folder: Path) -> Iterator[Site]:
    """Migrate, seed, add another team's rows, start web and worker, and end both."""
    with databases.own(folder) as database:
        environment = environment_of(folder, database)
        passwords = _passwords_in(_manage(environment, "seed_demo"))
        run(environment, "-c", ADD_ROWS, str(folder))
        with serving(folder, environment, passwords) as site:
            yield site


@contextmanager
def demonstration(folder: Path) -> Iterator[Site]:
    """The demonstration alone, as `make run` begins with it, on SQLite."""
    environment = environment_of(folder, "")
    _manage(environment, "migrate", "--verbosity", "0")
    with serving(folder, environment, _passwords_in(_manage(environment, "seed_demo"))) as site:
        yield site


@contextmanager
def serving(folder: Path, environment: dict[str, str], passwords: dict[str, str]) -> Iterator[Site]:
    """Web and worker on the database that is there; both ended afterwards."""
    port = _free_port()
    log = folder / "site.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "start", "--port", str(port)],
            cwd=PROJECT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        site = Site(f"http://127.0.0.1:{port}", passwords, log, environment)
        try:
            _wait_until_healthy(site, process)
            yield site
        finally:
            _end(process)


def environment_of(folder: Path, database: str) -> dict[str, str]:
    """Of processes that serve from this folder and database, whatever this process was started with."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("WORKBENCH_", "DJANGO_", "PYTEST_", "MLFLOW_", "DATABASE_URL"))
    }
    own = {
        "WORKBENCH_DATA": str(folder),
        "WORKBENCH_CATALOG_FOLDERS": str(folder),
        "DATABASE_URL": database,
        "DJANGO_SETTINGS_MODULE": "workbench.settings",
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": str(PROJECT),
    }
    return kept | own


def _manage(environment: dict[str, str], *arguments: str) -> str:
    return run(environment, "manage.py", *arguments)


def run(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=600
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def _passwords_in(printed: str) -> dict[str, str]:
    """User name → password, as the table of `seed_demo` prints them in its last two columns."""
    lines = printed.split("Password\n", 1)[1].split("\n\n", 1)[0].splitlines()
    return {words[-2]: words[-1] for line in lines if (words := line.split())}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_healthy(site: Site, process: subprocess.Popen[bytes]) -> None:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with direct.open(f"{site.url}/healthz", timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"The site does not answer at {site.url}:\n{site.log_text()}")


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
