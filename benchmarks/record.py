"""What the record costs: `python -m benchmarks.record 10000` (with DATABASE_URL for PostgreSQL).

The same work with and without triggers, in one run, alternating; each figure is the median of three. Pairs are the
widest rows that are made in bulk.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

ROUNDS = 3


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"WORKBENCH_DATA": folder, "DJANGO_SETTINGS_MODULE": "workbench.settings"}
        import django

        django.setup()
        from django.db import connection

        with a_database(connection):
            figures = measured(count)
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")


@contextmanager
def a_database(connection: Any) -> Iterator[None]:
    """A file of its own, or a database of its own on the server; gone afterwards."""
    from django.core.management import call_command

    if connection.vendor == "sqlite":
        call_command("migrate", verbosity=0)
        yield
        connection.close()
        return
    name = str(connection.settings_dict["NAME"])
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def measured(count: int) -> dict[str, Any]:
    """Seconds with and without the record, and their ratio, for each way of changing `count` rows."""
    from django.db import connection

    world = World(count)
    seconds: dict[str, dict[str, list[float]]] = {name: {"plain": [], "recorded": []} for name in world.works}
    for _ in range(ROUNDS):
        for state in ("plain", "recorded"):
            world.run(state, seconds)
    return {
        "database": connection.vendor,
        "rows": count,
        "seconds": {
            name: {
                "plain": round(statistics.median(found["plain"]), 3),
                "recorded": round(statistics.median(found["recorded"]), 3),
                "ratio": round(statistics.median(found["recorded"]) / statistics.median(found["plain"]), 2),
            }
            for name, found in seconds.items()
        },
    }


class World:
    """One Training Sheet; its pairs are made, changed in three ways and removed again in each round."""

    def __init__(self, count: int) -> None:
        from governance.models import Person, User
        from labeling.models import QAPair
        from tests.world import make_world

        self.count = count
        owner = User.objects.create_user("owner", person=Person.objects.create(name="owner"))
        self.pattern = make_world("pattern", owner)[QAPair]
        self.works: dict[str, Callable[[list[Any]], object]] = {
            "bulk_create": self.create, "bulk_update": self.update_each,
            "update": self.update_all, "save": self.save_each,
        }  # fmt: skip

    def run(self, state: str, seconds: dict[str, dict[str, list[float]]]) -> None:
        from django.db import transaction

        from governance import context
        from governance.record import triggers

        pairs = self.fresh()
        guard = triggers.lifted() if state == "plain" else nullcontext()
        with guard, context.acting(user=None, door="command", reason="benchmark"):
            for name, work in self.works.items():
                began = time.perf_counter()
                with transaction.atomic():
                    work(pairs)
                seconds[name][state].append(time.perf_counter() - began)
        with triggers.lifted():
            type(self.pattern).objects.exclude(pk=self.pattern.pk).delete()

    def fresh(self) -> list[Any]:
        from copy import copy

        from governance.ids import uuid7

        pairs = []
        for place in range(self.count):
            pair = copy(self.pattern)
            pair._state = copy(pair._state)
            pair._state.adding = True
            pair.pk, pair.item_ref = uuid7(), f"item {place:07d} " + "x" * 200
            pairs.append(pair)
        return pairs

    def create(self, pairs: list[Any]) -> None:
        type(self.pattern).objects.bulk_create(pairs, batch_size=1_000)

    def update_each(self, pairs: list[Any]) -> None:
        for pair in pairs:
            pair.usage_reason = f"because of {pair.pk}"
        type(self.pattern).objects.bulk_update(pairs, ["usage_reason"], batch_size=500)

    def update_all(self, pairs: list[Any]) -> None:
        type(self.pattern).objects.exclude(pk=self.pattern.pk).update(usage_reason="for all")

    def save_each(self, pairs: list[Any]) -> None:
        for pair in pairs[: self.count // 10]:
            pair.usage_reason = "saved"
            pair.save(update_fields=["usage_reason"])


if __name__ == "__main__":
    main()
