"""How long freezing and exporting take, and how much memory, at full size: `python benchmarks/export.py 100000`.

Works in a folder of its own that is removed afterwards.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

BATCH = 2000


def main(count: int) -> None:
    """Prints one line per step: seconds, and the highest memory of the process so far."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"WORKBENCH_DATA": folder, "DJANGO_SETTINGS_MODULE": "workbench.settings", "DATABASE_URL": ""}
        _prepare()
        engineer, approver, version = _world(count)
        version = _timed("freeze", lambda: _frozen(version, engineer))
        _approve(version, engineer, approver)
        for format in ("jsonl", "parquet", "csv"):
            _timed(f"export {format}", lambda format=format: _export(version, engineer, format))


def _prepare() -> None:
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def _world(count: int) -> tuple[Any, Any, Any]:
    from governance import access
    from tests.training.factories import make_dataset, make_pair, make_sheet, make_training_sheet

    engineer, approver = _person("engineer", "ml-engineer"), _person("approver", "approver")
    sheet = make_training_sheet(engineer, make_sheet(engineer))
    model = make_pair(sheet, "i0", position=0)
    for batch in _batches(model, count):
        _store(batch)
    version = make_dataset(engineer, sheet, split={"train": 1})
    access.share(collection=version.dataset, to=approver, level="view", by=engineer)
    return engineer, approver, version


def _person(name: str, role: str) -> Any:
    from governance.models import Person, User
    from governance.roles import group_for

    user = User.objects.create_user(name, person=Person.objects.create(name=name), is_staff=True)
    user.groups.add(group_for(role))
    return user


def _batches(model: Any, count: int) -> Iterator[list[Any]]:
    from django.forms.models import model_to_dict

    from labeling.labels.contents import digest
    from labeling.models import Content, QAPair

    fields = {name: value for name, value in model_to_dict(model).items() if name not in ("id", "prompt", "position")}
    keys = {QAPair._meta.get_field(name).attname: value for name, value in fields.items()}
    for first in range(1, count, BATCH):
        batch = []
        for place in range(first, min(first + BATCH, count)):
            body = {"messages": [{"role": "user", "content": f"Note {place}: " + "some words of a note " * 40}]}
            pair = QAPair(**keys | {"item_ref": f"i{place}", "position": place})
            pair.prompt = Content(digest=digest(body), body=body)
            batch.append(pair)
        yield batch


def _store(batch: list[Any]) -> None:
    from labeling.models import Content, QAPair

    Content.objects.bulk_create([pair.prompt for pair in batch], ignore_conflicts=True)
    QAPair.objects.bulk_create(batch)


def _frozen(version: Any, by: Any) -> Any:
    from tests.training.factories import frozen

    return frozen(version, by)


def _approve(version: Any, by: Any, approver: Any) -> None:
    from tests.training.factories import approved

    approved(version, by, approver)


def _export(version: Any, by: Any, format: str) -> Any:
    from governance import jobs
    from training.exports.services import request_export

    version.refresh_from_db()
    export = request_export(version=version, by=by, format=format)
    jobs.run(export.job_id)
    export.refresh_from_db()
    if export.job.state != "succeeded":
        raise SystemExit(export.job.error)
    return export


def _timed(what: str, work: Callable[[], Any]) -> Any:
    started = time.perf_counter()
    made = work()
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(f"{what:<16} {seconds:8.1f} s   {peak:8.0f} MiB peak\n")
    return made


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
