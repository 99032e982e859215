"""Checking the whole record in the database: triggers, chains, live rows, the tree, checkpoints and their files."""

from __future__ import annotations

import sys
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import BooleanField, Exists, OuterRef
from django.db.models.expressions import RawSQL

from governance.models import Checkpoint, Erasure, RecordArchive, RecordEntry, RecordValues, SealedEntry, SigningKey
from governance.record import archiving, delivering, live, sealing, triggers, verifier
from governance.record import keys as signing
from governance.record.verifier import Fault

HASHED = (
    "id", "kind", "object_id", "version", "operation", "recorded_at", "actor_id", "door", "request_id",
    "values_digest", "previous", "entry_hash",
)  # fmt: skip


@dataclass
class Findings:
    """What a check of the record found."""

    entries: int = 0
    sealed: int = 0
    unsealed: int = 0
    checkpoints: int = 0
    unattributed: int = 0
    rows: int = 0
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not self.faults


def verify(*, most: int = 100) -> Findings:
    """Check everything; keeps the first `most` faults. Reads each entry and each live row once, in small batches."""
    found = Findings(
        entries=RecordEntry.objects.count(),
        sealed=SealedEntry.objects.count(),
        checkpoints=Checkpoint.objects.count(),
        unattributed=RecordEntry.objects.filter(door="").count(),
    )
    found.unsealed = found.entries - found.sealed
    with closing(archiving.KeptValues()) as kept:
        rows = live.Comparison(kept)
        for fault in _faults(rows):
            found.faults.append(fault)
            if len(found.faults) >= most:
                found.notes.append(f"Stopped after {most} faults.")
                break
    found.rows = rows.rows
    if rows.unknown:
        found.notes.append(
            f"{rows.unknown} live rows hold columns that no entry here or in an archive names: added by a migration, "
            "erased, or archived in a file that cannot be read, and not changed since. What they hold cannot be "
            "compared."
        )
    found.notes += [
        f"{archive} still holds values whose erasure was approved; the next archiving writes it anew."
        for archive in archiving.awaiting_erasure()
    ]
    found.notes += [
        f"The {place.name} has no checkpoint after {place.delivered}: {place.error}" for place in delivering.failing()
    ]
    keys, _ = _keys()
    found.notes += [
        f"Key {key.key_id} was introduced without endorsement: {key.reason}" for key in verifier.unendorsed(keys)
    ]
    return found


def _faults(rows: live.Comparison) -> Iterator[Fault]:
    for name in triggers.missing():
        yield Fault(problem=f"the trigger {name} is missing or is not what it should be")
    keys, unreadable_keys = _keys()
    checkpoints, unreadable_checkpoints = _checkpoints()
    yield from verifier.check_chains(rows.following(entries(rows.kept)))
    yield from rows.faults
    yield from live.unrecorded()
    yield from live.misaddressed()
    yield from live.loosened()
    yield from verifier.check_range(_leaves(), checkpoints)
    yield from unreadable_keys
    yield from verifier.check_keys(keys, verify=signing.verify)
    yield from unreadable_checkpoints
    yield from verifier.check_checkpoints(checkpoints, keys, verify=signing.verify)
    yield from _gaps()
    yield from _forgotten()
    yield from _smuggled()
    yield from _stray_values()
    yield from _files()
    for archive in RecordArchive.objects.order_by("number"):
        yield from archiving.faults_of(archive)


def entries(kept: archiving.KeptValues | None = None) -> Iterator[dict[str, Any]]:
    """Every entry with its values, object by object, as the verifier reads it; with what archives hold as `kept`."""
    values = RecordValues.objects.filter(pk=OuterRef("pk"))
    rows = (
        RecordEntry.objects.order_by("object_id", "kind", "version", "id")
        .annotate(
            salt=values.values("salt"),
            payload=values.values("payload"),
            erased=Exists(Erasure.objects.filter(pk=OuterRef("pk"))),
            position=SealedEntry.objects.filter(entry=OuterRef("pk")).values("position")[:1],
        )
        .values(*HASHED, "salt", "payload", "erased", "position")
    )
    archives = RecordArchive.objects.filter(dropped_at__isnull=False).order_by("first")
    dropped = list(archives.values_list("first", "last"))
    for entry in rows.iterator(chunk_size=5_000):
        # Values that an archive keeps are checked there.
        if kept is not None and entry["payload"] is None and not entry["erased"]:
            entry["kept"] = kept.payload(entry["position"], entry["values_digest"])
        entry["erased"] = entry["erased"] or (entry["payload"] is None and _is_within(dropped, entry["position"]))
        yield entry


def _is_within(ranges: list[tuple[int, int]], position: int | None) -> bool:
    if position is None:
        return False
    place = bisect_right(ranges, (position, sys.maxsize)) - 1
    return place >= 0 and ranges[place][0] <= position <= ranges[place][1]


def _leaves() -> Iterator[tuple[int, str | None, str]]:
    now = RecordEntry.objects.filter(pk=OuterRef("entry_id")).values("entry_hash")
    rows = SealedEntry.objects.order_by("position").annotate(now=now).values_list("position", "now", "leaf")
    return rows.iterator(chunk_size=10_000)


def _checkpoints() -> tuple[list[verifier.Checkpoint], list[Fault]]:
    """Checkpoints as they were signed; and those that cannot be read, or whose columns say something else."""
    read, faults = [], []
    for row in Checkpoint.objects.order_by("number"):
        try:
            signed = verifier.parse_checkpoint(row.body, row.signature)
        except verifier.Refused as refusal:
            faults.append(Fault(problem=f"checkpoint {row.number}: {refusal}"))
            continue
        read.append(signed)
        names = ("number", "size", "root", "previous", "sealed_at", "key_id")
        wrong = [name for name in names if getattr(row, name) != getattr(signed, name)]
        if sealing.signed_tree(row) is None:
            wrong.append("frontier")
        if wrong:
            faults.append(Fault(problem=f"checkpoint {row.number}: {', '.join(wrong)} is not what was signed"))
    return read, faults


def _keys() -> tuple[list[verifier.Key], list[Fault]]:
    read, faults = [], []
    names = ("key_id", "public_key", "introduced_at", "previous_key_id", "endorsement", "reason")
    for row in SigningKey.objects.order_by("introduced_at").values(*names):
        try:
            read.append(verifier.parse_key(row))
        except verifier.Refused as refusal:
            faults.append(Fault(problem=f"key {row['key_id']}: {refusal}"))
    return read, faults


def _gaps() -> Iterator[Fault]:
    """Checkpoints that are gone: their numbers run from 1 without a gap."""
    expected = 1
    for number in Checkpoint.objects.order_by("number").values_list("number", flat=True):
        for missing in range(expected, number):
            yield Fault(problem=f"checkpoint {missing}: it is gone; its number was given and is not there")
        expected = number + 1


def _forgotten() -> Iterator[Fault]:
    """Where the next seal begins is not signed, but follows from what is sealed."""
    last = Checkpoint.objects.order_by("-number").first()
    if last is None:
        return
    sealed = SealedEntry.objects.filter(position__lt=last.size)
    highest = sealed.order_by("-entry_id").values_list("entry_id", flat=True).first()
    if highest != last.last_entry:
        yield Fault(
            problem=f"checkpoint {last.number}: last_entry is {last.last_entry}; the highest sealed is {highest}"
        )


def _smuggled() -> Iterator[Fault]:
    """Entries that have no place in the tree although everything around them has."""
    last = Checkpoint.objects.order_by("-number").first()
    if last is None:
        return
    rows = RecordEntry.objects.filter(pk__lte=last.last_entry, sealed__isnull=True)
    if last.snapshot:  # a transaction that was open then may have committed since
        was_shown = 'pg_visible_in_snapshot("transaction"::text::xid8, %s::pg_snapshot)'
        rows = rows.filter(RawSQL(was_shown, [last.snapshot], output_field=BooleanField()))  # noqa: S611 - a constant
    for row in rows.values("id", "kind", "object_id", "version").iterator():
        yield Fault(
            entry_id=row["id"], kind=row["kind"], object_id=row["object_id"], version=row["version"],
            problem="it stands among sealed entries and was never sealed: it was inserted afterwards",
        )  # fmt: skip


def _stray_values() -> Iterator[Fault]:
    """Values that belong to no entry; a transaction writes both or none."""
    rows = RecordValues.objects.filter(~Exists(RecordEntry.objects.filter(pk=OuterRef("pk"))))
    for key in rows.values_list("pk", flat=True).iterator():
        yield Fault(entry_id=key, problem="its values are there, but the entry is gone")


def _files() -> Iterator[Fault]:
    """The copies outside the database say the same as the database."""
    folder = Path(settings.RECORD_CHECKPOINTS)
    known = set(Checkpoint.objects.values_list("number", flat=True))
    for path in sorted(folder.glob("checkpoint-*.json")):
        if (digits := path.stem.removeprefix("checkpoint-")).isdigit() and int(digits) not in known:
            yield Fault(problem=f"{path.name} is outside the database, which no longer holds checkpoint {int(digits)}")
    for checkpoint in Checkpoint.objects.order_by("number"):
        path = folder / sealing.file_name(checkpoint.number)
        if not path.exists():
            yield Fault(problem=f"{path.name} is missing outside the database; `manage.py seal_record` writes it again")
            continue
        yield from _compare(path, checkpoint)


def _compare(path: Path, checkpoint: Checkpoint) -> Iterator[Fault]:
    try:
        kept = verifier.parse_outside_copy(path.read_bytes(), path.name)
    except (verifier.Refused, OSError) as error:
        yield Fault(problem=str(error))
        return
    if kept.checkpoint.body != checkpoint.body:
        yield Fault(problem=f"{path.name} and the database hold different checkpoints of number {checkpoint.number}")
    first = checkpoint.size - len(kept.leaves)
    sealed = SealedEntry.objects.filter(position__gte=first, position__lt=checkpoint.size).order_by("position")
    rows = sealed.values_list("position", "entry_id", "leaf")
    inside = {position: (entry, leaf) for position, entry, leaf in rows.iterator(chunk_size=10_000)}
    for position, leaf in enumerate(kept.leaves, start=first):
        entry, now = inside.get(position, (None, None))
        if now != leaf:
            yield Fault(entry_id=entry, position=position, problem=f"{path.name} holds another hash for it")
