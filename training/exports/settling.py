"""Which rows an export may hold at one moment of the record, told from which it was written with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Func, QuerySet, Subquery, TextField, Value
from django.db.models.functions import Cast, Coalesce

from governance.models import RecordEntry
from governance.uses import Use
from labeling.exports import ExportRow


@dataclass(frozen=True)
class Holding:
    """The rows of one file, by number and by a digest of their ids in order."""

    count: int
    digest: str


@dataclass(frozen=True)
class Settled:
    """What one statement saw: the permitted rows and how far the record was.

    `entry` is the newest entry it saw; `transactions` is PostgreSQL's snapshot, which tells exactly which of the
    transactions then open it did not see (empty on SQLite, where writers take turns).
    """

    holding: Holding
    entry: int
    transactions: str

    def as_json(self) -> dict[str, Any]:
        return {"entry": self.entry, "transactions": self.transactions}


class Held:
    """Follows the rows of a file while they are written."""

    def __init__(self) -> None:
        self._digest, self._count = hashlib.sha256(), 0

    def add(self, row_id: object) -> None:
        self._digest.update(f"{row_id}\n".encode())
        self._count += 1

    def follow(self, rows: Iterable[ExportRow]) -> Iterator[ExportRow]:
        for row in rows:
            self.add(row.pair_id)
            yield row

    def holding(self) -> Holding:
        return Holding(self._count, self._digest.hexdigest())


def permitted_now(members: QuerySet[Any], use: Use) -> Settled:
    """The rows that permit `use` and the position in the record, in one statement and so in one snapshot."""
    newest = Subquery(RecordEntry.objects.order_by("-id").values("id")[:1])
    rows = members.permitting(use).order_by("position")  # type: ignore[attr-defined]
    seen = rows.values_list(Coalesce("pair_id", "label_id"), newest, _transactions())
    held, entry, transactions = Held(), 0, ""
    for row_id, entry, transactions in seen.iterator():  # noqa: B007 - the same in each row
        held.add(row_id)
    return Settled(held.holding(), entry, transactions)


def _transactions() -> Any:
    if connection.vendor != "postgresql":
        return Value("", output_field=TextField())
    return Cast(Func(function="pg_current_snapshot", output_field=TextField()), TextField())
