"""Sealing: every committed entry gets a place in one tree, whose root is signed and leaves the database."""

from __future__ import annotations

import json
import os
import uuid
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from governance.errors import RecordBroken
from governance.models import Checkpoint, RecordEntry, SealedEntry, SigningKey
from governance.record import keys
from governance.record.verifier import ZEROS, Refused, Tree, checkpoint_body, parse_checkpoint, sha256_hex

LOCK = 7_263_001  # of PostgreSQL's advisory locks: one seal at a time


def seal() -> Checkpoint | None:
    """Seal what is committed and not yet sealed, and write it outside the database. None when there is nothing.

    :raises SigningKeyLost: no checkpoint can be signed.
    """
    with transaction.atomic(durable=True):
        checkpoint = _seal()
    write_missing_files()
    return checkpoint


def _seal() -> Checkpoint | None:
    snapshot = _lock_and_look()
    last = Checkpoint.objects.order_by("-number").first()
    size = last.size if last else 0
    if not _place(last, size):
        return None
    tree = _tree_at(last)
    leaves = SealedEntry.objects.filter(position__gte=size).order_by("position").values_list("leaf", flat=True)
    for leaf in leaves.iterator(chunk_size=10_000):
        tree.append(leaf)
    return _sign(last, tree, snapshot)


def _tree_at(last: Checkpoint | None) -> Tree:
    """The tree that the last checkpoint signed.

    :raises RecordBroken: what is kept of it is not what was signed, so nothing may be built on it.
    """
    if last is None:
        return Tree()
    tree = signed_tree(last)
    if tree is None:
        raise RecordBroken(
            f"Checkpoint {last.number} is not what was signed, so nothing is sealed after it. "
            "Run `manage.py verify_record` and restore the checkpoint from its copy outside the database."
        )
    return tree


def signed_tree(checkpoint: Checkpoint) -> Tree | None:
    """The tree at a checkpoint, unless what is kept of it does not give the root that was signed."""
    try:
        signed = parse_checkpoint(checkpoint.body)
        tree = Tree(size=checkpoint.size, frontier=checkpoint.frontier)
    except Refused:
        return None
    return tree if (tree.size, tree.root()) == (signed.size, signed.root) else None


def _lock_and_look() -> str:
    """What PostgreSQL shows from here on: which transactions are done. On SQLite writers take turns."""
    if connection.vendor != "postgresql":
        return ""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        cursor.execute("SELECT pg_current_snapshot()::text")
        return str(cursor.fetchone()[0])


def _place(last: Checkpoint | None, size: int) -> int:
    """Give every committed entry that has no place yet the next one; returns how many."""
    # An entry comes late only from a transaction that was open at the last seal, so not below its oldest one. Ids
    # alone tell after a restore into a new server, whose transactions are counted from the start again.
    new = "e.id > %s"
    bounds: list[Any] = [last.last_entry if last else 0]
    if last and last.snapshot:
        new = f'({new} OR e."transaction" >= pg_snapshot_xmin(%s::pg_snapshot)::text::bigint)'
        bounds.append(last.snapshot)
    entry, sealed = RecordEntry._meta.db_table, SealedEntry._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {sealed} (position, entry_id, leaf) "  # noqa: S608 - two names of our own tables
            f'SELECT %s + row_number() OVER (ORDER BY e."transaction", e.id) - 1, e.id, e.entry_hash FROM {entry} e '
            f"WHERE {new} AND NOT EXISTS (SELECT 1 FROM {sealed} s WHERE s.entry_id = e.id)",
            [size, *bounds],
        )
        return int(cursor.rowcount)


def _sign(last: Checkpoint | None, tree: Tree, snapshot: str) -> Checkpoint:
    key, private = keys.signer()
    body = checkpoint_body(
        site=site_of(last),
        number=last.number + 1 if last else 1,
        size=tree.size,
        root=tree.root(),
        previous=sha256_hex(last.body) if last else ZEROS,
        sealed_at=keys.moment(),
        key_id=key.key_id,
    )
    said = parse_checkpoint(body)
    newest = SealedEntry.objects.filter(position__gte=last.size if last else 0).order_by("-entry_id")
    return Checkpoint.objects.create(
        number=said.number,
        size=said.size,
        root=said.root,
        previous=said.previous,
        sealed_at=said.sealed_at,
        key_id=said.key_id,
        body=body,
        signature=private.sign(body.encode()).hex(),
        frontier=tree.frontier,
        snapshot=snapshot,
        last_entry=max(newest.values_list("entry_id", flat=True)[0], last.last_entry if last else 0),
    )


def site_of(checkpoint: Checkpoint | None) -> str:
    """The name under which this installation signs: made with its first checkpoint."""
    return parse_checkpoint(checkpoint.body).site if checkpoint else uuid.uuid4().hex


def unsealed() -> int:
    """How many entries no checkpoint covers yet."""
    return RecordEntry.objects.count() - SealedEntry.objects.count()


def write_missing_files() -> list[Path]:
    """Write the checkpoints that are not yet in the folder outside the database; returns the new files."""
    folder = Path(settings.RECORD_CHECKPOINTS)
    folder.mkdir(parents=True, exist_ok=True)
    present = {path.name for path in folder.glob("checkpoint-*.json")}
    written = []
    for checkpoint in Checkpoint.objects.order_by("-number"):
        if file_name(checkpoint.number) in present:
            break
        written.append(_write(folder, checkpoint))
    return written


def file_name(number: int) -> str:
    return f"checkpoint-{number:08d}.json"


def _write(folder: Path, checkpoint: Checkpoint) -> Path:
    path, fresh = folder / file_name(checkpoint.number), folder / f".{file_name(checkpoint.number)}.{os.getpid()}"
    with fresh.open("w") as file:
        json.dump(outside_copy(checkpoint), file)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    path.chmod(0o444)
    return path


def outside_copy(checkpoint: Checkpoint) -> dict[str, Any]:
    """The checkpoint with its key and the hashes it added, enough to find and name a change by itself."""
    before = Checkpoint.objects.filter(number=checkpoint.number - 1).values_list("size", flat=True).first() or 0
    leaves = SealedEntry.objects.filter(position__gte=before, position__lt=checkpoint.size).order_by("position")
    return {
        "body": checkpoint.body,
        "signature": checkpoint.signature,
        "key_id": checkpoint.key_id,
        "public_key": SigningKey.objects.get(pk=checkpoint.key_id).public_key,
        "leaves": list(leaves.values_list("leaf", flat=True)),
    }
