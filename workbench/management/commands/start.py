"""`manage.py start`: brings the database up to date, then keeps the web and worker processes running."""

import fcntl
import os
import socket
import threading
import time
import urllib.request
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections
from django.db.migrations.executor import MigrationExecutor
from django.utils.module_loading import import_string

from workbench.supervisor import Program, Supervisor

READY_WITHIN = 60.0
"""Seconds the web process may take to answer before the user is told that something is wrong."""


class Command(BaseCommand):
    help = "Start the Workbench: migrate when needed, then run the web server and the worker until Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default=os.environ.get("WORKBENCH_HOST", "127.0.0.1"))
        parser.add_argument("--port", type=int, default=os.environ.get("WORKBENCH_PORT", "8000"))
        parser.add_argument("--demo", action="store_true", help="fill an empty database with a demonstration")
        parser.add_argument(
            "--threads", type=int, default=4, help="jobs that the worker does at the same time"
        )

    def handle(self, *, host: str, port: int, demo: bool, threads: int, **options: Any) -> None:
        with only_one_start(address(host, port)):
            refuse_taken_port(host, port)
            self.prepare(demo=demo)
            threading.Thread(target=self.announce, args=(address(host, port),), daemon=True).start()
            supervisor = Supervisor(programs=programs(host, port, threads), say=self.stderr.write)
            supervisor.run()
            self.stdout.write("Stopped.")

    def prepare(self, *, demo: bool) -> None:
        if has_pending_migrations():
            self.stdout.write("Bringing the database up to date.")
            call_command("migrate", interactive=False, verbosity=0)
        prepare_tracking()
        if demo:
            call_command("seed_demo", stdout=self.stdout)
        connections.close_all()

    def announce(self, url: str) -> None:
        """Print the address once it answers, so that nobody opens a page too early."""
        if answers_within(READY_WITHIN, f"{url}/healthz"):
            self.stdout.write(f"The Workbench is ready at {url} (Ctrl-C stops it).")
        else:
            self.stderr.write(
                f"{url}/healthz has not answered for {READY_WITHIN:g} s; the messages above say why."
            )


def programs(host: str, port: int, threads: int) -> list[Program]:
    """Pages that stay open for live updates must not hold up the end, hence the three seconds."""
    web = ["workbench.asgi:application", "--host", host, "--port", str(port), "--lifespan", "off"]
    web += ["--log-level", "warning", "--no-server-header", "--timeout-graceful-shutdown", "3"]
    worker = ["-A", "workbench", "--quiet", "worker", "-P", "threads", "--concurrency", str(threads)]
    worker += ["--loglevel", "WARNING", "--without-mingle", "--without-gossip"]
    return [
        Program(name="web", module="uvicorn", arguments=web),
        Program(name="worker", module="celery", arguments=worker),
    ]


@contextmanager
def only_one_start(url: str) -> Iterator[None]:
    """One data folder has one supervisor; the lock ends with this process, however it ends.

    :raises CommandError: another start holds this data folder; says where it answers.
    """
    with (settings.DATA_DIR / "start.lock").open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise CommandError(
                f"The Workbench runs already on the data folder {settings.DATA_DIR}: {file.read().strip()}. "
                "Use that one, stop it with Ctrl-C in its terminal, or name another folder in WORKBENCH_DATA."
            ) from None
        file.truncate(0)
        file.write(f"{url}, process {os.getpid()}\n")
        file.flush()
        yield


def refuse_taken_port(host: str, port: int) -> None:
    """:raises CommandError: the web server could not listen there, and why."""
    if not 0 < port < 65536:
        raise CommandError(
            f"There is no port {port}: name one from 1 to 65535 with --port or WORKBENCH_PORT."
        )
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
    except OSError as error:
        raise CommandError(
            f"Cannot listen on {host} port {port}: {error}. Choose another port: "
            f'make run ARGS="--port {port + 1}", or set WORKBENCH_PORT.'
        ) from error


def address(host: str, port: int) -> str:
    """Where a browser on this machine finds it: a server on all interfaces is also on the loopback one."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - names it, binds nothing
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def has_pending_migrations() -> bool:
    executor = MigrationExecutor(connections["default"])
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def prepare_tracking() -> None:
    """Make the tracking store's schema, once for each version and store: MLflow takes seconds to import."""
    stamp = settings.DATA_DIR / "mlflow-prepared"
    wanted = f"mlflow {version('mlflow')} at {settings.MLFLOW_TRACKING_URI}"
    store = settings.MLFLOW_TRACKING_URI.removeprefix("sqlite:///")
    is_gone = store != settings.MLFLOW_TRACKING_URI and not Path(store).exists()
    if not is_gone and stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return
    tracking = import_string("training.tracking.mlflow_tracking.Tracking")
    tracking(
        tracking_uri=settings.MLFLOW_TRACKING_URI, artifact_root=str(settings.MLFLOW_ARTIFACTS)
    ).prepare()
    stamp.write_text(wanted, encoding="utf-8")


def answers_within(seconds: float, url: str) -> bool:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy for this machine itself
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with direct.open(url, timeout=2):
                return True
        except OSError:  # also what urllib raises for a refusal or an error status
            time.sleep(0.1)
    return False
