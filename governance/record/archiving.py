"""Archives: sealed ranges of the record in Parquet files, each with a signed manifest, so that old values may leave
the database while every hash stays and every proof still holds.

A file is written under a passing name, read back and checked, renamed, and only then named by the database; whoever is
killed in between leaves a file that nobody names and the next run removes.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, OuterRef, Subquery
from django.utils import timezone

from governance import access, context, jobs
from governance.errors import InvalidInput, RecordBroken
from governance.models import (
    Checkpoint,
    Erasure,
    Job,
    RecordArchive,
    RecordValues,
    SealedEntry,
    SigningKey,
)
from governance.record import keys, sealing, verifier
from governance.record.verifier import ARCHIVE_COLUMNS, ARCHIVE_FORMAT, Fault, Tree

if TYPE_CHECKING:
    from governance.models import User

KIND = "archive-record"
ENTRIES_AN_ARCHIVE = 250_000  # where a checkpoint ends before that; a longer one is never parted
ROWS_A_GROUP = 500
ORPHANED_AFTER = timedelta(hours=1)

Row = Mapping[str, Any]


def folder() -> Path:
    return Path(settings.RECORD_ARCHIVE)


def path_of(archive: RecordArchive) -> Path:
    return folder() / archive.file


@transaction.atomic
def start_archiving(*, by: User) -> Job:
    """Archive what is old enough, as a job. One that is under way already is not begun twice.

    :raises NotPermitted: `by` may not.
    """
    access.require(by, "governance.add_recordarchive")
    under_way = Job.objects.filter(kind=KIND, state__in=(Job.State.QUEUED, Job.State.RUNNING)).first()
    return under_way or jobs.enqueue(KIND, subject=None, by=by)


@jobs.register(KIND, label="Archive the record", every="ARCHIVE_EVERY")
def archive_as_job(running: jobs.Running) -> dict[str, Any]:
    """Carry out erasures in archives, and archive what is old enough unless only the former was asked for."""
    made: list[RecordArchive] = []
    if not running.payload.get("only_erasures"):
        age = timedelta(days=settings.RECORD_ARCHIVE_DAYS)
        made = archive_record(older_than=age, drop=settings.RECORD_ARCHIVE_DROP, go_on=running.check)
    return {"archives": [one.number for one in made], "rewritten": [one.number for one in rewrite_erased()]}


def archive_record(
    *, older_than: timedelta, drop: bool, go_on: Callable[[], None] = lambda: None
) -> list[RecordArchive]:
    """Archive what was sealed longer ago than that; with `drop` the database then gives the values up, but for what
    is on legal hold. Safe to be killed and run again at any moment.

    :raises InvalidInput: the age is below zero.
    :raises RecordBroken: what is in the database is not what was sealed, so it is not archived.
    """
    if older_than < timedelta(0):
        raise InvalidInput("The age of what is archived cannot be below zero.", field="older_than")
    folder().mkdir(parents=True, exist_ok=True)
    _remove_orphans()
    made = []
    while (end := _next_end(older_than)) is not None:
        go_on()
        made.append(_archive_up_to(end))
    if drop:
        for archive in RecordArchive.objects.filter(dropped_at__isnull=True).order_by("number"):
            _drop(archive)
    return made


def _next_end(older_than: timedelta) -> Checkpoint | None:
    """The checkpoint at which the next archive ends."""
    last = RecordArchive.objects.order_by("-number").first()
    first = last.last + 1 if last else 0
    before = (timezone.now() - older_than).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    old = Checkpoint.objects.filter(size__gt=first, sealed_at__lte=before).order_by("number")
    within = old.filter(size__lte=first + ENTRIES_AN_ARCHIVE).last()
    return within or old.first()


def _archive_up_to(end: Checkpoint) -> RecordArchive:
    before = RecordArchive.objects.order_by("-number").first()
    number, first = (before.number + 1, before.last + 1) if before else (1, 0)
    rows = _rows(first, end.size)
    erasures = list(_erasures(first, end.size))
    archive = RecordArchive(number=number, first=first, last=end.size - 1, archived_at=timezone.now())
    _write(archive, rows, erasures, end)
    with transaction.atomic(), context.because(f"archived positions {first} to {archive.last}"):
        archive.save(force_insert=True)
    return archive


def _rows(first: int, size: int) -> Iterator[Row]:
    """Entries by position, with their values. Those that are erased come without."""
    values = RecordValues.objects.filter(pk=OuterRef("entry_id"))
    names = [name for name in ARCHIVE_COLUMNS if name not in ("position", "id", "salt", "payload")]
    rows = (
        SealedEntry.objects.filter(position__gte=first, position__lt=size)
        .order_by("position")
        .annotate(
            said_salt=Subquery(values.values("salt")), said_payload=Subquery(values.values("payload")),
            **{f"of_{name}": F(f"entry__{name}") for name in names},
        )
        .values("position", "entry_id", "said_salt", "said_payload", *(f"of_{name}" for name in names))
    )  # fmt: skip
    for row in rows.iterator(chunk_size=ROWS_A_GROUP):
        said = {"position": row["position"], "id": row["entry_id"], "salt": row["said_salt"]}
        said |= {"payload": row["said_payload"]} | {name: row[f"of_{name}"] for name in names}
        yield {name: _column(said[name], kind) for name, kind in ARCHIVE_COLUMNS.items()}


def _column(value: Any, kind: type) -> Any:
    return kind("" if value is None and kind is str else value)


def _erasures(first: int, size: int) -> Iterator[dict[str, Any]]:
    found = Erasure.objects.filter(entry__sealed__position__gte=first, entry__sealed__position__lt=size)
    for erasure in found.order_by("entry_id"):
        yield {
            "entry_id": erasure.pk, "erased_at": erasure.erased_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "actor_id": str(erasure.actor_id), "actor_name": erasure.actor_name, "reason": erasure.reason,
        }  # fmt: skip


def _write(archive: RecordArchive, rows: Iterable[Row], erasures: Sequence[Row], end: Checkpoint) -> None:
    """Write the file and its manifest, check both, and give them their names; fills in the archive's columns."""
    archive.file = f"record-archive-{archive.number:08d}-{secrets.token_hex(4)}.parquet"
    final = path_of(archive)
    part = final.with_name(f".{final.name}.part")
    _write_parquet(part, rows)
    archive.bytes, archive.digest = part.stat().st_size, _digest(part)
    archive.erased_count = len(erasures)
    signed = _signed_manifest(archive, erasures, end)
    with part.open("rb") as file:
        outcome = verifier.check_archive(file, signed, most=1, verify=keys.verify)
    if not outcome.holds:
        part.unlink()
        raise RecordBroken(
            f"Positions {archive.first} to {archive.last} are not archived, because they are not what was sealed: "
            f"{outcome.faults[0]}. Run `manage.py verify_record`."
        )
    beside = final.with_suffix(".json")
    _write_bytes(beside.with_name(f".{beside.name}.part"), signed)
    beside.with_name(f".{beside.name}.part").replace(beside)
    part.replace(final)
    _sync_folder()


def _write_parquet(path: Path, rows: Iterable[Row]) -> None:
    """Plain and uncompressed, so that the stand-alone verifier reads it with Python alone."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {int: pa.int64(), str: pa.string()}
    schema = pa.schema([pa.field(name, types[kind], nullable=False) for name, kind in ARCHIVE_COLUMNS.items()])
    with path.open("wb") as file:
        options = {"compression": "none", "use_dictionary": False, "write_statistics": False, "version": "1.0"}
        with pq.ParquetWriter(file, schema, **options) as writer:
            remaining = iter(rows)
            while group := list(islice(remaining, ROWS_A_GROUP)):
                writer.write_table(pa.Table.from_pylist(group, schema=schema), row_group_size=ROWS_A_GROUP)
        file.flush()
        os.fsync(file.fileno())


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _signed_manifest(archive: RecordArchive, erasures: Sequence[Row], end: Checkpoint) -> bytes:
    key, private = keys.signer()
    start = Checkpoint.objects.filter(size=archive.first).order_by("number").first() if archive.first else None
    tree = sealing.signed_tree(start) if start else Tree()
    if tree is None or tree.size != archive.first:
        raise RecordBroken(f"No checkpoint that holds ends at position {archive.first}; run `manage.py verify_record`.")
    names = list(verifier.Key.__dataclass_fields__)
    body = json.dumps(
        {
            "format": ARCHIVE_FORMAT, "site": sealing.site_of(end), "number": archive.number, "first": archive.first,
            "last": archive.last, "frontier": tree.frontier,
            "checkpoint": {"body": end.body, "signature": end.signature, "key_id": end.key_id},
            "erasures": list(erasures), "keys": list(SigningKey.objects.order_by("introduced_at").values(*names)),
            "sha256": archive.digest, "made_at": keys.moment(), "key_id": key.key_id,
        },
        sort_keys=True,
    )  # fmt: skip
    return json.dumps({"manifest": body, "signature": private.sign(body.encode()).hex()}).encode()


def _write_bytes(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder() -> None:
    """So that the new names outlive a power cut."""
    handle = os.open(folder(), os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@transaction.atomic
def _drop(archive: RecordArchive) -> None:
    """Have the triggers empty the values that the archive holds, unless the file is not what was archived."""
    archive = RecordArchive.objects.select_for_update().get(pk=archive.pk)
    if archive.dropped_at is not None:
        return
    for fault in faults_of(archive):
        raise RecordBroken(f"The values stay in the database, because {archive} does not hold: {fault}.")
    archive.dropped_at = timezone.now()
    with context.because(f"values of positions {archive.first} to {archive.last} are kept in {archive.file}"):
        archive.save(update_fields=["dropped_at"])


def _remove_orphans() -> None:
    """Files of runs that were killed: nothing names them, and they are old enough to be nobody's work."""
    known = {Path(name).stem for name in RecordArchive.objects.values_list("file", flat=True)}
    before = (timezone.now() - ORPHANED_AFTER).timestamp()
    for path in folder().iterdir():
        name = path.name.removeprefix(".").removesuffix(".part")
        if name.startswith("record-archive-") and Path(name).stem not in known and path.stat().st_mtime < before:
            path.unlink()


# -- erasures in archives -------------------------------------------------------------------------------------


def awaiting_erasure() -> list[RecordArchive]:
    """Archives that still hold values whose erasure was approved since they were written."""
    found = []
    for archive in RecordArchive.objects.order_by("number"):
        erased = Erasure.objects.filter(
            entry__sealed__position__gte=archive.first, entry__sealed__position__lte=archive.last
        )
        if erased.count() != archive.erased_count:
            found.append(archive)
    return found


def rewrite_soon(by: User) -> None:
    """Have a job carry out in the archives what was just erased, if any holds it."""
    if awaiting_erasure():
        jobs.enqueue(KIND, subject=None, by=by, payload={"only_erasures": True})


def rewrite_erased() -> list[RecordArchive]:
    """Write archives anew without the values that were erased since, sign them anew, and remove the old files."""
    if folder().exists():
        _remove_orphans()
    done = awaiting_erasure()
    for archive in done:
        _rewrite(archive)
    return done


def _rewrite(archive: RecordArchive) -> None:
    for fault in faults_of(archive):
        raise RecordBroken(f"{archive} is not written anew, because it does not hold: {fault}.")
    old = path_of(archive)
    erasures = list(_erasures(archive.first, archive.last + 1))
    gone = {erasure["entry_id"] for erasure in erasures}
    with old.open("rb") as file:
        rows = (row | {"salt": "", "payload": ""} if row["id"] in gone else row for row in verifier.archive_rows(file))
        _write(archive, rows, erasures, _end_of(archive))
    with transaction.atomic(), context.because(f"written anew without the values of {len(gone)} erased entries"):
        archive.save(update_fields=["file", "bytes", "digest", "erased_count"])
    # What was erased must not outlive this, so the old file goes at once.
    old.unlink()
    old.with_suffix(".json").unlink()


def _end_of(archive: RecordArchive) -> Checkpoint:
    return Checkpoint.objects.filter(size=archive.last + 1).order_by("number")[0]


# -- reading and checking -------------------------------------------------------------------------------------


def faults_of(archive: RecordArchive) -> Iterator[Fault]:
    """What is wrong with one archive: the file, its manifest, or that the database names another."""
    path = path_of(archive)
    try:
        with path.open("rb") as file:
            signed = path.with_suffix(".json").read_bytes()
            outcome = verifier.check_archive(file, signed, trusted_keys=_public_keys(), verify=keys.verify)
            manifest, _, _ = verifier.parse_archive_manifest(signed)
    except (OSError, verifier.Refused) as error:
        yield Fault(problem=f"{archive} cannot be read: {error}")
        return
    if (manifest["sha256"], manifest["first"], manifest["last"]) != (archive.digest, archive.first, archive.last):
        yield Fault(problem=f"{archive}: {archive.file} is not the file that the database names")
    for fault in outcome.faults:
        yield Fault(**{**vars(fault), "problem": f"{archive}: {fault.problem}"})
    claimed = {erasure["entry_id"] for erasure in manifest["erasures"]}
    for key in claimed.difference(erasure["entry_id"] for erasure in _erasures(archive.first, archive.last + 1)):
        yield Fault(entry_id=key, problem=f"{archive} says that it was erased, and no erasure is on record")


def _public_keys() -> list[str]:
    return list(SigningKey.objects.values_list("public_key", flat=True))


def values_at(positions: Iterable[int]) -> dict[int, tuple[str | None, str | None]]:
    """Salt and payload of entries whose values are in archives only, by position."""
    wanted = sorted(positions)
    found: dict[int, tuple[str | None, str | None]] = {}
    if not wanted:
        return {}
    for archive in RecordArchive.objects.filter(first__lte=wanted[-1], last__gte=wanted[0]):
        of_this = {position for position in wanted if archive.first <= position <= archive.last}
        if of_this:
            found.update(_values_in(archive, of_this))
    return found


def _values_in(archive: RecordArchive, positions: set[int]) -> Iterator[tuple[int, tuple[str | None, str | None]]]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path_of(archive)) as file:
        for group in sorted({(position - archive.first) // ROWS_A_GROUP for position in positions}):
            table = file.read_row_group(group, columns=["position", "salt", "payload"])
            for row in table.to_pylist():
                if row["position"] in positions:
                    yield row["position"], (row["salt"] or None, row["payload"] or None)


class KeptValues:
    """The values that only archives hold, by position, from every file that can be read; what is wrong with the others
    `faults_of` says. They are read once, one group of entries after the other, into a database without a name that
    goes with this.
    """

    def __init__(self) -> None:
        self.rows = sqlite3.connect("")
        self.rows.execute("CREATE TABLE said (position INTEGER PRIMARY KEY, salt TEXT, payload TEXT)")
        for archive in RecordArchive.objects.filter(dropped_at__isnull=False).order_by("number"):
            self._read(archive)

    def _read(self, archive: RecordArchive) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        columns = ["position", "salt", "payload"]
        # ValueError: texts that are none. Each value is compared with its digest before it counts, so a part will do.
        with suppress(OSError, ValueError, KeyError, pa.ArrowException), pq.ParquetFile(path_of(archive)) as file:
            for group in range(file.num_row_groups):
                rows = file.read_row_group(group, columns=columns).to_pylist()
                self.rows.executemany(
                    "INSERT OR IGNORE INTO said VALUES (?, ?, ?)",
                    [tuple(row[name] for name in columns) for row in rows if row["payload"]],
                )

    def payload(self, position: int | None, digest: str) -> str | None:
        """The payload of the entry at this position whose values have this digest; None where no file holds it."""
        found = self.rows.execute("SELECT salt, payload FROM said WHERE position = ?", [position]).fetchone()
        return found[1] if found and verifier.values_digest(*found) == digest else None

    def close(self) -> None:
        self.rows.close()


def rows_of_kind(kind: str) -> Iterator[tuple[str, str]]:
    """(id of the row, payload) of each entry of one kind whose values are in archives only."""
    import pyarrow.parquet as pq

    for archive in RecordArchive.objects.filter(dropped_at__isnull=False):
        with pq.ParquetFile(path_of(archive)) as file:
            for group in range(file.num_row_groups):
                table = file.read_row_group(group, columns=["kind", "object_id", "payload"])
                yield from (
                    (row["object_id"], row["payload"])
                    for row in table.to_pylist()
                    if row["kind"] == kind and row["payload"]
                )
