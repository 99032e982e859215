"""What every database connection of this application does for the record: it says who acts, and it refuses
governed writes while a trigger is missing."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from governance import context
from governance.errors import RecordIncomplete
from governance.record import postgresql, sqlite, tables, triggers, vouching

WRITES = re.compile(r"\s*(?:--[^\n]*\n|\s)*(INSERT|UPDATE|DELETE|WITH|MERGE|REPLACE|COPY|TRUNCATE|DO|CALL)\b", re.I)
TARGET = re.compile(r"\b(?:INTO|UPDATE|FROM|COPY|TRUNCATE(?:\s+TABLE)?)\s+\"?(\w+)", re.I)
# How long a look at the triggers holds. Each process looks for itself.
LOOK_AGAIN_SECONDS = 2.0


class Recorder:
    """Stands before every statement of one connection."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self.connection = connection
        self.said: context.Acting | None = None
        self.looked_at = 0.0

    def __call__(self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, given: dict[str, Any]) -> Any:
        text = sql if isinstance(sql, str) else str(sql)
        if self.connection.vendor == "postgresql":
            self._forget_ended_transaction(text)
        if not WRITES.match(text):
            return execute(sql, params, many, given)
        self._refuse_while_incomplete(text)
        if self.connection.vendor != "postgresql" or self.said is context.current():
            return execute(sql, params, many, given)
        if self.connection.in_atomic_block:
            self._say()
            return execute(sql, params, many, given)
        with transaction.atomic(using=self.connection.alias):
            self._say()
            return execute(sql, params, many, given)

    def _forget_ended_transaction(self, sql: str) -> None:
        """What was said is gone with its transaction, and with a rollback to a savepoint."""
        status = self.connection.connection.info.transaction_status.name
        if status == "IDLE" or sql.startswith("ROLLBACK"):
            self.said = None

    def _say(self) -> None:
        now = context.current()
        with self.connection.connection.cursor() as cursor:  # below Django, so as not to come back here
            [transaction_number] = cursor.execute("SELECT pg_current_xact_id()::text").fetchone()
            said = postgresql.say(now, transaction=transaction_number)
            cursor.execute("SELECT set_config(%s, %s, true)", [vouching.SETTING, said])
        self.said = now

    def _refuse_while_incomplete(self, sql: str) -> None:
        if triggers.are_down() or time.monotonic() - self.looked_at < LOOK_AGAIN_SECONDS:
            return
        if tables.table_names().isdisjoint(TARGET.findall(sql)):
            return
        with closing(self.connection.connection.cursor()) as cursor:  # below Django: no question of the caller's
            gone = triggers.missing_by(self.connection.vendor, cursor)
        if gone:
            raise RecordIncomplete(
                f"{len(gone)} parts of the record's triggers are missing ({gone[0]}, …), so nothing governed may be "
                "changed. An administrator runs `manage.py migrate` with this server's settings, which puts them back."
            )
        self.looked_at = time.monotonic()


def connected(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Prepare a new connection; one that reconnects has its recorder already."""
    if connection.vendor == "sqlite":
        sqlite.connect(connection.connection)
    recorders = [wrapper for wrapper in connection.execute_wrappers if isinstance(wrapper, Recorder)]
    if not recorders:
        connection.execute_wrappers.append(Recorder(connection))
    for recorder in recorders:
        recorder.said = None
