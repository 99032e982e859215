"""Putting the record's triggers in place, and noticing when one is gone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.core.checks import CheckMessage, Error
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from governance.models.record import RecordEntry
from governance.record import migrating, postgresql, sqlite

MAKERS: dict[str, Any] = {"sqlite": sqlite, "postgresql": postgresql}


def is_there(connection: BaseDatabaseWrapper) -> bool:
    """Whether the record's tables exist yet."""
    return RecordEntry._meta.db_table in connection.introspection.table_names()


def install(using: str = "default") -> None:
    """Make every trigger anew; safe to repeat."""
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        MAKERS[connections[using].vendor].install(cursor)


def remove(using: str = "default") -> None:
    """Drop every trigger. For migrations on SQLite, which rebuild tables, and for nothing else."""
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        MAKERS[connections[using].vendor].remove(cursor)


def missing(using: str = "default") -> list[str]:
    """What should stand and does not, in words."""
    with connections[using].cursor() as cursor:
        return missing_by(connections[using].vendor, cursor)


def missing_by(vendor: str, cursor: Any) -> list[str]:
    return list(MAKERS[vendor].missing(cursor))


_are_down = False
_due = False


def are_down() -> bool:
    """Whether this process itself took the triggers down, as `migrate` does between its two ends."""
    return _are_down


def before_migrations(using: str, plan: Sequence[tuple[Any, bool]] = (), **_: Any) -> None:
    """SQLite dies on a trigger that names a table being rebuilt; PostgreSQL keeps recording. Steps that change rows
    are recorded on both."""
    global _are_down
    _are_down = True
    migrating.record_steps(plan)
    if connections[using].vendor == "sqlite" and is_there(connections[using]):
        remove(using)


def after_migrations(using: str, **_: Any) -> None:
    """Runs once, at the first of the signals, so that what other receivers write is on record.

    Where all stand nothing is done: the application's own account on PostgreSQL may not make triggers.
    """
    global _are_down
    if _are_down and is_there(connections[using]) and missing(using):
        install(using)
        migrating.put_declared_on_record(using)
    _are_down = False


@contextmanager
def lifted(using: str = "default") -> Iterator[None]:
    """Without triggers: what a database's owner can do. Tests use it to tamper and to flush; nothing else may."""
    global _are_down
    connections[using].check_constraints()  # PostgreSQL alters no table while a deferred check of it is due
    remove(using)
    _are_down = True
    try:
        yield
    finally:
        try:
            connections[using].check_constraints()
            install(using)
        finally:
            _are_down = False


@contextmanager
def about_to_be_put_back() -> Iterator[None]:
    """For the checks of `migrate`, which is what puts missing triggers back."""
    global _due
    _due = True
    try:
        yield
    finally:
        _due = False


def check_triggers(
    app_configs: Any = None, databases: Sequence[str] | None = None, **_: Any
) -> list[CheckMessage]:
    """The system check (`manage.py check --database default`)."""
    found: list[CheckMessage] = []
    for using in () if _due else databases or ():
        if is_there(connections[using]) and (gone := missing(using)):
            found.append(
                Error(
                    f"{len(gone)} triggers of the record are missing, for example {gone[0]}.",
                    hint="Run `manage.py migrate`: it puts them back. Changes made meanwhile are not on record.",
                    id="governance.E001",
                )
            )
    return found
