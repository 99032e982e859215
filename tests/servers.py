"""PostgreSQL for tests that need more of it than a test database: databases of their own, and a server to kill."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import conninfo

NEWEST_FIRST = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)


def url_of(settings: dict[str, Any]) -> str:
    """The `postgres://` URL of the server and account in Django's settings of a connection, without a database."""
    account = settings["USER"] + (f":{settings['PASSWORD']}" if settings["PASSWORD"] else "")
    return f"postgres://{account}@{settings['HOST']}:{settings['PORT'] or 5432}"


@contextmanager
def own_database(server: str, template: str = "template1") -> Iterator[str]:
    """The URL of a new database on `server`, empty or a copy of `template`; gone afterwards."""
    name = f"own_{uuid.uuid4().hex}"
    _tell(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield f"{server}/{name}"
    finally:
        _tell(server, f"DROP DATABASE {name} WITH (FORCE)")


def _tell(server: str, statement: str) -> None:
    with psycopg.connect(conninfo.make_conninfo(f"{server}/postgres"), autocommit=True) as connection:
        connection.execute(statement)


class Server:
    """A PostgreSQL server of our own, which may be killed. It refuses to run as root, so it runs as `postgres`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._run("initdb", "-D", str(folder / "data"), "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-locale")

    @property
    def url(self) -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}"

    def start(self) -> None:
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c max_connections=60"
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-w", "-t", "120", "-o", options,
                  "-l", str(self.folder / "log"), "start")  # fmt: skip

    def kill(self) -> None:
        """At once, without a checkpoint: what is not in its write-ahead log is lost."""
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "-w", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(NEWEST_FIRST[0] / program), *arguments]
        if os.getuid() == 0:
            command = ["su", "postgres", "-c", shlex.join(command)]
        done = subprocess.run(command, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=180)
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr.decode(errors='replace')}")


@contextmanager
def own_server() -> Iterator[Server]:
    """A running server in a folder of its own, which its user may enter; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="server-", dir="/tmp"))
    if os.getuid() == 0:
        shutil.chown(folder, "postgres")
    try:
        server = Server(folder)
        server.start()
        try:
            yield server
        finally:
            server.kill()
    finally:
        shutil.rmtree(folder)
