"""What a data migration changes is on record like any other change.

SQLite's triggers are down while tables are rebuilt, and a new table has none on either database before the end. So each
step that may change rows runs with triggers made for the tables as they are at that point of the plan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.apps import apps
from django.contrib.auth import get_permission_codename
from django.db import connections, models, transaction
from django.db.migrations.operations import RunPython, RunSQL, SeparateDatabaseAndState
from django.db.migrations.operations.base import OperationCategory
from django.db.models import CharField, Exists, OuterRef
from django.db.models.functions import Cast

from governance import context
from governance.errors import RecordIncomplete
from governance.models.record import RecordEntry, RecordValues
from governance.record import postgresql, sqlite
from governance.record.tables import Table, append_only, captured

MAKERS: dict[str, Any] = {"sqlite": sqlite, "postgresql": postgresql}
# What Django's own steps do to rows follows from the schema; any other step may do anything.
OF_THE_SCHEMA = {
    OperationCategory.ADDITION, OperationCategory.ALTERATION, OperationCategory.REMOVAL, OperationCategory.MIXED,
}  # fmt: skip


def record_steps(plan: Sequence[tuple[Any, bool]]) -> None:
    """Have every step of the plan that may change rows recorded while it runs."""
    for migration, _ in plan:
        for operation in _data_steps(migration.operations):
            name = f"{migration.app_label}.{migration.name}"
            operation.database_forwards = _recorded(operation.database_forwards, name)
            operation.database_backwards = _recorded(operation.database_backwards, name)


def _data_steps(operations: Sequence[Any]) -> Iterator[Any]:
    for operation in operations:
        if isinstance(operation, SeparateDatabaseAndState):
            yield from _data_steps(operation.database_operations)
        elif isinstance(operation, RunPython | RunSQL) or operation.category not in OF_THE_SCHEMA:
            yield operation


def _recorded(step: Callable[..., None], name: str) -> Callable[..., None]:
    @wraps(step)
    def run(app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        now = context.current()
        with (
            context.acting(
                user=now.user, door=now.door or "command", reason=f"data migration {name}", account=now.account
            ),
            _triggers_for(schema_editor, from_state.apps, name),
        ):
            step(app_label, schema_editor, from_state, to_state)

    return run


def put_on_record(*kinds: str) -> Callable[..., None]:
    """A step for `RunPython`: rows of these kinds that are there before their table is on record are recorded as found.

    Without it every check would call them extra. Elsewhere nothing may do this: it would excuse a row that somebody
    inserted past the record.
    """

    def step(state: Any, schema_editor: Any) -> None:
        with schema_editor.connection.cursor() as cursor:
            for table in _tables_of(state, {table.name for table in captured()}):
                if table.kind in kinds:
                    _record_as_found(schema_editor.connection.vendor, cursor, table)

    return step


@dataclass(frozen=True)
class _Found(Table):
    """Rows of a table that are not on record yet, for as long as they are put there."""

    @property
    def name(self) -> str:
        return "record_found_rows"


def _record_as_found(vendor: str, cursor: Any, table: Table) -> None:
    """Insert the rows into an empty table beside theirs, whose trigger records them under their own kind."""
    maker = MAKERS[vendor]
    key, entry = maker.as_recorded(table)[0], RecordEntry._meta.db_table
    unknown = f"NOT EXISTS (SELECT 1 FROM {entry} e WHERE e.object_id = {key} AND e.kind = %s)"  # noqa: S608 - our names
    _put(maker, cursor, table, unknown, [table.kind])


def _put(maker: Any, cursor: Any, table: Table, which: str, params: list[Any]) -> None:
    """Record the rows r of which this SQL is true as if they had just been inserted."""
    found = _Found(model=table.model, left_out=table.left_out, hidden=table.hidden)
    cursor.execute(f'CREATE TABLE {found.name} AS SELECT * FROM "{table.name}" WHERE 1 = 0')  # noqa: S608 - our names
    maker.record_inserts(cursor, found)
    cursor.execute(
        f'INSERT INTO {found.name} SELECT r.* FROM "{table.name}" r '  # noqa: S608 - names of tables
        f"WHERE {which}",
        params,
    )
    cursor.execute(f"DROP TABLE {found.name}")


def put_declared_on_record(using: str) -> None:
    """What permissions mean is on record too, though Django makes the first of these rows before triggers can stand.

    Only rows that a model declares are recorded as found: one that somebody inserted past the record stays extra.
    """
    from django.contrib.auth.models import Permission
    from django.contrib.contenttypes.models import ContentType

    connection = connections[using]
    tables = {table.kind: table for table in captured()}
    said = context.acting(
        user=None, door=context.current().door or "command", reason="made by Django while migrating",
        account=context.current().account,
    )  # fmt: skip
    with said, transaction.atomic(using=using), connection.cursor() as cursor:
        for model, declared in ((ContentType, _declared_types()), (Permission, _declared_permissions())):
            table = tables[model._meta.label_lower]
            keys = [row.pk for row in _unrecorded(model, using) if row.natural_key() in declared]
            if keys:
                marks = ", ".join(["%s"] * len(keys))
                _put(MAKERS[connection.vendor], cursor, table, f'r."{table.key}" IN ({marks})', keys)


def _unrecorded(model: Any, using: str) -> Any:
    entries = RecordEntry.objects.filter(kind=model._meta.label_lower, object_id=Cast(OuterRef("pk"), CharField()))
    return model.objects.using(using).filter(~Exists(entries))


def _declared_types() -> set[tuple[str, ...]]:
    return {(model._meta.app_label, str(model._meta.model_name)) for model in apps.get_models()}


def _declared_permissions() -> set[tuple[str, ...]]:
    return {
        (codename, model._meta.app_label, str(model._meta.model_name))
        for model in apps.get_models()
        for codename in (
            *(get_permission_codename(action, model._meta) for action in model._meta.default_permissions),
            *(codename for codename, _ in model._meta.permissions),
        )
    }


@contextmanager
def _triggers_for(schema_editor: Any, state: Any, name: str) -> Iterator[None]:
    """Triggers for the tables of this state, for as long as one step runs."""
    connection = schema_editor.connection
    with connection.cursor() as cursor:
        there = set(connection.introspection.table_names(cursor))
    # Before the record has its tables there is nothing to write it to.
    if schema_editor.collect_sql or not {RecordEntry._meta.db_table, RecordValues._meta.db_table} <= there:
        yield
        return
    tables = list(_tables_of(state, there))
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            postgresql.install_for_now(cursor, tables)
        yield
        return
    growing = [model for model in append_only() if model._meta.db_table in there]
    made = sqlite.of_tables(tables, growing)
    with connection.cursor() as cursor:
        sqlite.install_for_now(cursor, made)
    yield
    with connection.cursor() as cursor:
        gone = made.keys() - sqlite.standing(cursor)
        sqlite.remove(cursor)
    if gone:
        raise RecordIncomplete(
            f"The migration {name} rebuilt a table in a step that may change rows, which took the record's triggers "
            f"with it ({sorted(gone)[0]}, …). Rebuild tables in steps of their own."
        )


def _tables_of(state: Any, there: set[str]) -> Iterator[Table]:
    """The tables on record with the columns that they have in this state."""
    for table in captured():
        app_label, _, name = table.kind.partition(".")
        model: type[models.Model] | None = state.all_models.get(app_label, {}).get(name)
        if model is not None and model._meta.db_table in there:
            yield Table(model=model, left_out=table.left_out, hidden=table.hidden)
