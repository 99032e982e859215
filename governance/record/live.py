"""Comparing live rows with the record: whoever takes the triggers down and changes a row is found by what it was.

The record is read once, object by object; what its entries leave behind is compared with the rows, some hundred at a
time, so that memory does not grow with either. Values that were dropped are taken from their archives.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import connection, models
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from governance import derivations, lifting
from governance.models import Derivation, RecordEntry, RowErasure
from governance.record import postgresql, sqlite
from governance.record.archiving import KeptValues
from governance.record.tables import Table, captured
from governance.record.verifier import Fault

MAKERS: dict[str, Any] = {"sqlite": sqlite, "postgresql": postgresql}
ROWS_A_QUERY = 500
FAULTS_KEPT = 1_000
LOOKS = 20  # at a row that changes while it is looked at


@dataclass
class Told:
    """What the entries of one object say it is now. After an erasure only what was written since is known."""

    kind: str
    object_id: str
    entry_id: int = 0
    version: int = 0
    is_there: bool = False
    columns: dict[str, Any] = field(default_factory=dict)

    def add(self, entry: Mapping[str, Any]) -> None:
        self.entry_id, self.version = entry["id"], entry["version"]
        self.is_there = entry["operation"] != "delete"
        if (new := _new_of(entry["payload"] or entry.get("kept"))) is None or not self.is_there:
            self.columns = {}
        else:
            self.columns.update(new)


def _new_of(payload: str | None) -> dict[str, Any] | None:
    """The columns written by one entry; None where its values were erased, dropped or cannot be read."""
    try:
        said = json.loads(payload or "")
    except ValueError:
        return None
    new = said.get("new") if isinstance(said, dict) else None
    return new if isinstance(new, dict) else None


class Comparison:
    """Listens to the record while it is read and keeps what differs in the rows: `faults`, `rows`, `unknown`.

    An entry whose values were dropped brings those of its archive, if any holds them, as `kept`.
    """

    def __init__(self, kept: KeptValues) -> None:
        self.kept = kept
        self.tables = {table.kind: table for table in captured()}
        self.waiting: dict[str, list[Told]] = {}
        self.faults: list[Fault] = []
        self.rows = self.unknown = 0

    def following(self, entries: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
        """The same entries; those of one object stand together, by version."""
        told: Told | None = None
        for entry in entries:
            if told is None or (told.kind, told.object_id) != (entry["kind"], entry["object_id"]):
                self._put(told)
                told = Told(entry["kind"], entry["object_id"])
            told.add(entry)
            yield entry
        self._put(told)
        for kind in list(self.waiting):
            self._compare(kind)

    def _put(self, told: Told | None) -> None:
        if told is None or told.kind not in self.tables:
            return
        waiting = self.waiting.setdefault(told.kind, [])
        waiting.append(told)
        if len(waiting) >= ROWS_A_QUERY:
            self._compare(told.kind)

    def _compare(self, kind: str) -> None:
        table, waiting = self.tables[kind], self.waiting.pop(kind)
        live = images(table, [told.object_id for told in waiting])
        self.rows += len(live)
        for told in waiting:
            image = live.get(told.object_id)
            self.unknown += told.is_there and image is not None and not image.keys() <= told.columns.keys()
            if _problem(told, image) and len(self.faults) < FAULTS_KEPT and (fault := _still(table, told, self.kept)):
                self.faults.append(fault)


def _still(table: Table, told: Told, kept: KeptValues) -> Fault | None:
    """The difference, unless the row was only changed between reading its entries and reading the row."""
    for _ in range(LOOKS):
        now = told_now(told.kind, told.object_id, kept)
        image = images(table, [told.object_id]).get(told.object_id)
        if told_now(told.kind, told.object_id, kept).version == now.version:
            problem = _problem(now, image)
            return _fault(now, problem) if problem else None
    return None


def told_now(kind: str, object_id: str, kept: KeptValues) -> Told:
    """What the entries of one object say at this moment."""
    told = Told(kind, object_id)
    entries = RecordEntry.objects.filter(kind=kind, object_id=object_id).with_values().select_related("sealed")
    for entry in entries.order_by("version").iterator():
        said = {name: getattr(entry, name) for name in ("id", "version", "operation", "payload")}
        place = getattr(entry, "sealed", None)
        if entry.payload is None and place is not None and not entry.why_erased:  # type: ignore[attr-defined]
            said["kept"] = kept.payload(place.position, entry.values_digest)
        told.add(said)
    return told


def _fault(told: Told, problem: str) -> Fault:
    return Fault(
        entry_id=told.entry_id, kind=told.kind, object_id=told.object_id, version=told.version, problem=problem
    )


def _problem(told: Told, image: dict[str, Any] | None) -> str:
    """How the live row differs from what the record says, in words."""
    if image is None:
        return "the live row is missing: it was deleted past the record" if told.is_there else ""
    if not told.is_there:
        return "the live row is there, and the record says that it was deleted"
    changed = sorted(
        name for name, value in told.columns.items() if name in image and not _same(value, image[name])
    )
    return f"the live row is not what the record says: {', '.join(changed)} changed past it" if changed else ""


def _same(one: Any, two: Any) -> bool:
    if type(one) is type(two) and one == two:
        return True
    # A console may have written a moment in its own time zone.
    if isinstance(one, str) and isinstance(two, str):
        moments = _moment(one), _moment(two)
        return moments[0] is not None and moments[0] == moments[1]
    return False


def _moment(text: str) -> Any:
    try:
        return parse_datetime(text)
    except ValueError:
        return None


def images(table: Table, object_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The rows of these keys as the triggers would write them now, by key."""
    wanted = [value for value in (as_stored(table, text) for text in object_ids) if value is not None]
    if not wanted:
        return {}
    key, image = MAKERS[connection.vendor].as_recorded(table)
    marks = ", ".join(["%s"] * len(wanted))
    with connection.cursor() as cursor:
        cursor.execute(
            f'SELECT {key}, {image} FROM "{table.name}" r WHERE r."{table.key}" IN ({marks})', wanted  # noqa: S608
        )
        return {text: _without_hidden(table, json.loads(said)) for text, said in cursor.fetchall()}


def as_stored(table: Table, text: str) -> Any:
    """The key as the database holds it; None for what cannot be one."""
    return key_of(table.model, text)


def key_of(model: Any, text: str) -> Any:
    """The key of a row of this model as the database holds it; None for what cannot be one."""
    kind = sqlite.storage(model._meta.pk)
    try:
        return kind.get_db_prep_value(kind.to_python(text), connection)
    except (ValidationError, ValueError, OverflowError):
        return None


def _without_hidden(table: Table, image: dict[str, Any]) -> dict[str, Any]:
    hidden = {name: "(hidden)" for name in table.hidden if image.get(name) not in (None, "")}
    return image | hidden


def unrecorded() -> Iterator[Fault]:
    """Live rows of which nothing at all is on record: they were inserted past it."""
    for table in captured():
        key, _ = MAKERS[connection.vendor].as_recorded(table)
        entry = RecordEntry._meta.db_table
        with connection.cursor() as cursor:
            cursor.execute(
                f'SELECT {key} FROM "{table.name}" r WHERE NOT EXISTS '  # noqa: S608 - names of our own tables
                f'(SELECT 1 FROM {entry} e WHERE e.object_id = {key} AND e.kind = %s) LIMIT {FAULTS_KEPT}',
                [table.kind],
            )
            found = cursor.fetchall()
        for (text,) in found:
            yield Fault(
                kind=table.kind, object_id=text, problem="the live row is extra: nothing on record says how it came"
            )


def loosened() -> Iterator[Fault]:
    """Derivations that permit more than what they were made from: exits trust them.

    Whoever opened one past the rules is on record as for any change, and yet asked nobody.
    """
    leave, now = lifting.in_force(), timezone.now()
    for some in _batched(Derivation.objects.order_by("pk").iterator(chunk_size=ROWS_A_QUERY)):
        keys = derivations.keys_of(some)
        rows = derivations.rows_of({key for found in keys.values() for key in found})
        for one in some:
            above = [rows[key] for key in keys[one.pk] if key in rows]
            permits = lifting.permits(above, lifting.reaching(one.scope, leave))
            has_ended = one.until is not None and one.until <= now
            if not has_ended and one.constraint.is_looser_than(permits):
                yield Fault(
                    kind=Derivation._meta.label_lower, object_id=str(one.pk),
                    problem="it permits more than what it was made from: somebody changed it past the rules",
                )  # fmt: skip


def _batched(rows: Iterable[Any]) -> Iterator[list[Any]]:
    rest = iter(rows)
    while some := list(islice(rest, ROWS_A_QUERY)):
        yield some


def misaddressed() -> Iterator[Fault]:
    """Rows kept under the digest of their content whose content has another one."""
    for model in apps.get_models():
        if hasattr(model, "has_its_digest"):
            yield from _misaddressed(model)


def _misaddressed(model: type[models.Model]) -> Iterator[Fault]:
    for row in model._base_manager.order_by("pk").iterator(chunk_size=ROWS_A_QUERY):
        kind, erased = model._meta.label_lower, getattr(row, "erased_at", None)
        if erased is not None and not RowErasure.objects.filter(kind=kind, object_id=str(row.pk)).exists():
            yield Fault(
                kind=kind, object_id=str(row.pk), problem="it was emptied, and no erasure of it is on record",
            )  # fmt: skip
        elif erased is None and not row.has_its_digest():  # type: ignore[attr-defined]
            yield Fault(
                kind=model._meta.label_lower, object_id=str(row.pk),
                problem="its content does not have the digest under which it is kept: it was changed",
            )  # fmt: skip
