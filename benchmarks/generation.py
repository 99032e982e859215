"""How fast pairs are made and answered: `python -m benchmarks.generation 2000`.

Runs in a folder of its own with an embedded database, and against a model server on this machine that answers
at once: what is measured is ours, not the model's.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from typing import Any


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"WORKBENCH_DATA": folder, "DATABASE_URL": "", "DJANGO_SETTINGS_MODULE": "workbench.settings"}
        sys.stdout.write(json.dumps(measured(count), indent=2) + "\n")


def measured(count: int) -> dict[str, Any]:
    """Seconds, and pairs for each second, for enumerating, reusing labels, and answering by a model."""
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    world = World(count)
    return {
        "pairs": count,
        "enumerate": timed(count, lambda: world.make("Manual", mode="manual")),
        "answer": timed(count, lambda: world.answer("Model")),
        "approve": timed(count, lambda: world.approve("Model")),
        "reuse": timed(count, lambda: world.make("Reuse", mode="manual")),
    }


class World:
    """A Sheet of `count` items with a labelset and a template, and one person for everything but approving."""

    def __init__(self, count: int) -> None:
        from governance.models import Person, User
        from governance.roles import group_for
        from tests.labeling.factories import bind, make_labelset, make_sheet, make_template

        def person(name: str, *roles: str) -> User:
            user = User.objects.create_user(name, person=Person.objects.create(name=name), is_staff=True)
            user.groups.add(*[group_for(role) for role in roles])
            return user

        rows = [{"id": f"i{place:06d}", "text": f"ticket {place}"} for place in range(count)]
        approver = person("approver", "approver")
        self.maker = person("maker", "data-steward", "ml-engineer", "domain-expert")
        self.sheet = make_sheet(self.maker, approver, name="Many", rows=rows, annotations="").sheet
        bind(self.sheet, make_labelset(self.maker, approver, seen_columns=["text"]), self.maker)
        self.template = make_template(self.maker, approver)

    def make(self, name: str, **recipe: Any) -> None:
        from governance import jobs
        from labeling.generation import services

        made = services.start_generation(
            by=self.maker, name=name, sheet=self.sheet, template_version=self.template, **recipe
        )
        jobs.run_waiting()
        made.refresh_from_db()
        if made.status != "ready":
            raise SystemExit(f"{name} ended as {made.status}: {made.error}")

    def answer(self, name: str) -> None:
        from tests.workbench.fake_openai import running
        from workbench.endpoints.services import create_endpoint

        with running(content=json.dumps({"label": "card"})) as server:
            endpoint = create_endpoint(by=self.maker, name="Fake", base_url=server.url, model_name="small")
            self.make(name, mode="ai_generated", endpoint=endpoint)

    def approve(self, name: str) -> None:
        from governance import jobs
        from labeling.generation.models import QAPair
        from labeling.review.services import decide_many

        decide_many(pairs=QAPair.objects.filter(training_sheet__name=name), action="approve", by=self.maker)
        jobs.run_waiting()


def timed(count: int, work: Any) -> dict[str, float]:
    start = time.perf_counter()
    work()
    seconds = time.perf_counter() - start
    return {"seconds": round(seconds, 2), "per_second": round(count / seconds, 1)}


if __name__ == "__main__":
    main()
