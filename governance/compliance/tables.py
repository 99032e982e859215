"""Constraint changes as CSV and JSON, row by row."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from governance.models import ConstraintChange
from governance.spreadsheets import csv_lines
from governance.uses import Classification, uses_in

COLUMNS = (
    "changed_at", "kind", "object_id", "subject", "direction", "permitted_before", "permitted_after",
    "classification_before", "classification_after", "until_before", "until_after", "reason", "person_id", "person",
    "door", "request_id", "reached",
)  # fmt: skip


def as_csv(changes: QuerySet[ConstraintChange]) -> Iterator[bytes]:
    """RFC 4180, safe to open in a spreadsheet; holds one page of rows in memory."""
    rows = map(_told, changes.iterator(chunk_size=2_000))
    return csv_lines(COLUMNS, ([_cell(row[name]) for name in COLUMNS] for row in rows))


def as_json(changes: QuerySet[ConstraintChange]) -> Iterator[bytes]:
    """One array of objects."""
    yield b"["
    for number, change in enumerate(changes.iterator(chunk_size=2_000)):
        yield (b",\n" if number else b"\n") + json.dumps(_told(change), ensure_ascii=False).encode()
    yield b"\n]\n"


def _cell(value: Any) -> str | int | None:
    if isinstance(value, list):
        return " ".join(value)
    return json.dumps(value, sort_keys=True) if isinstance(value, dict) else value


def _told(change: ConstraintChange) -> dict[str, Any]:
    return {
        "changed_at": change.changed_at.isoformat(),
        "kind": change.kind,
        "object_id": str(change.object_id),
        "subject": change.subject_label,
        "direction": change.direction,
        "permitted_before": uses_in(change.old_allowed & ~change.old_prohibited),
        "permitted_after": uses_in(change.new_allowed & ~change.new_prohibited),
        "classification_before": Classification(change.old_classification).label,
        "classification_after": Classification(change.new_classification).label,
        "until_before": change.old_until.isoformat() if change.old_until else None,
        "until_after": change.new_until.isoformat() if change.new_until else None,
        "reason": change.reason,
        "person_id": change.actor_id,
        "person": change.actor_name,
        "door": change.door,
        "request_id": change.request_id,
        "reached": change.reached_shown,
    }
