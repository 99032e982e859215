"""How fast several people review one queue over HTTP: `python -m benchmarks.review 2000`.

Starts web and worker as they run in production, in a folder of its own with an embedded database, or with
`--database postgres://…` on a PostgreSQL database that is empty. Reviewers claim pairs and decide them one by one;
then, on a second queue, in sets of 20. No pair may be decided twice, none be lost, and no answer be a 5xx.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

AT_ONCE = 20
ROLES = {"steward": "data-steward", "approver": "approver", "engineer": "ml-engineer", "expert": "domain-expert"}
STARTS_WITHIN = 90.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", nargs="?", type=int, default=2_000)
    parser.add_argument("--database", default="")
    parser.add_argument("--folder", default="", help="where the site keeps its files; empty: a folder of its own")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8])
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measured(asked.folder or folder, asked.database, asked.pairs, asked.clients)
    sys.stdout.write(json.dumps(found, indent=2) + "\n")


def measured(folder: str, database: str, pairs: int, clients: list[int]) -> dict[str, Any]:
    """Decisions a second and 95th percentile of one answer in milliseconds, by way of deciding and clients.

    :raises SystemExit: a pair was decided twice or by none, or an answer was no 2xx.
    """
    os.environ |= {
        "WORKBENCH_DATA": folder, "DATABASE_URL": database, "DJANGO_SETTINGS_MODULE": "workbench.settings",
        "WORKBENCH_REQUESTS_A_MINUTE": "0",
    }  # fmt: skip
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    world = World(pairs, max(clients))
    found: dict[str, Any] = {"pairs": pairs, "database": database.partition(":")[0] or "sqlite"}
    queues = [(way, count, world.queue(f"{way} {count}")) for way in WAYS for count in clients]
    with running() as port:
        for way, count, queue in queues:
            found[f"{way}, {count} at once"] = Reviewers(port, world.tokens[:count], queue, WAYS[way]).review(pairs)
            world.check(queue, pairs)
    return found


class World:
    """A Sheet of `count` items, several reviewers with tokens, and as many queues as are asked for."""

    def __init__(self, count: int, reviewers: int) -> None:
        from django.contrib.auth.models import Group

        from governance.sign_in.services import make_token
        from tests.labeling.desk_world import make_account

        self.count = count
        self.team = Group.objects.create(name="Reviewers")
        self.people = {name: make_account(name, role, team=self.team) for name, role in ROLES.items()}
        people = [make_account(f"reviewer-{place}", "domain-expert", team=self.team) for place in range(reviewers)]
        self.tokens = [
            make_token(user=one, by=one, name="benchmark", scopes=["read", "write"], days=1)[1] for one in people
        ]

    def queue(self, name: str) -> str:
        from tests.labeling.desk_world import make_desk

        return str(make_desk(count=self.count, name=name, team=self.team, **self.people).pk)

    def check(self, queue: str, pairs: int) -> None:
        from labeling.models import CanonicalLabel, PairDecision, TrainingSheet

        sheet = TrainingSheet.objects.get(pk=queue)
        times = Counter(PairDecision.objects.filter(pair__training_sheet=sheet).values_list("pair", flat=True))
        labels = CanonicalLabel.objects.filter(sheet=sheet.sheet).count()
        if len(times) != pairs or set(times.values()) != {1} or labels != pairs:
            raise SystemExit(f"{len(times)} of {pairs} pairs decided, {labels} labels; twice: {times.most_common(3)}")


class Client:
    """One reviewer's program on one connection."""

    def __init__(self, port: int, token: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.headers = {"Authorization": f"Token {token}", "Content-Type": "application/json"}
        self.seconds: list[float] = []

    def post(self, path: str, body: dict[str, Any]) -> Any:
        start = time.perf_counter()
        self.connection.request("POST", f"/api/v1/{path}", json.dumps(body), self.headers)
        answer = self.connection.getresponse()
        text = answer.read()
        self.seconds.append(time.perf_counter() - start)
        if answer.status >= 300:
            raise RuntimeError(f"{path}: {answer.status} {text[:300]!r}")
        return json.loads(text)


def one_by_one(client: Client, pairs: list[dict[str, Any]]) -> int:
    for pair in pairs:
        client.post(f"pairs/{pair['id']}/approve/", {"version": pair["version"]})
    return len(pairs)


def in_sets(client: Client, pairs: list[dict[str, Any]]) -> int:
    decided = client.post("pairs/bulk/", {"action": "approve", "pairs": [pair["id"] for pair in pairs]})["decided"]
    return int(decided)


WAYS = {"one by one": one_by_one, f"in sets of {AT_ONCE}": in_sets}


class Reviewers:
    """Several people at one queue at the same time, until nothing is left in it."""

    def __init__(self, port: int, tokens: list[str], queue: str, decide: Any) -> None:
        self.clients = [Client(port, token) for token in tokens]
        self.queue, self.decide = queue, decide
        self.decided = 0
        self.faults: list[str] = []
        self.lock = threading.Lock()

    def review(self, pairs: int) -> dict[str, float]:
        threads = [threading.Thread(target=self._work, args=(client,)) for client in self.clients]
        start = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.perf_counter() - start
        if self.faults or self.decided != pairs:
            raise SystemExit(f"{self.decided} of {pairs} decided. {self.faults[:3]}")
        waits = sorted(wait for client in self.clients for wait in client.seconds)
        return {"per_second": round(pairs / seconds, 1), "p95_ms": round(waits[int(len(waits) * 0.95)] * 1000, 1)}

    def _work(self, client: Client) -> None:
        try:
            while pairs := client.post("pairs/next/", {"training_sheet": self.queue, "count": AT_ONCE}):
                done = self.decide(client, pairs)
                with self.lock:
                    self.decided += done
        except Exception as error:  # noqa: BLE001 - any fault of a client is what is asked for, and ends the benchmark
            self.faults.append(repr(error))


@contextmanager
def running() -> Iterator[int]:
    """The port of a running site."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [sys.executable, "manage.py", "start", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_until_healthy(port, process)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def _wait_until_healthy(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
            connection.request("GET", "/healthz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.2)
    raise SystemExit("The site does not answer.")


if __name__ == "__main__":
    main()
