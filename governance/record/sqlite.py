"""The record's triggers on SQLite.

They call functions that only this application registers on its connections, so a write from any other program is
refused. Columns are named at installation: triggers are made anew after each migration.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any

from django.db import models
from django.utils import timezone

from governance import context
from governance.models.record import Erasure, RecordEntry, RecordValues, RowErasure, SealedEntry
from governance.models.retention import LegalHold, RecordArchive
from governance.record import guards
from governance.record.tables import Table, append_only, captured, emptied, ours, readable_histories
from governance.record.verifier import ZEROS, sha256_hex, values_digest

ENTRY, VALUES, ERASURE = RecordEntry._meta.db_table, RecordValues._meta.db_table, Erasure._meta.db_table
HOLD, ARCHIVE, SEALED = LegalHold._meta.db_table, RecordArchive._meta.db_table, SealedEntry._meta.db_table
ROW_ERASURE = RowErasure._meta.db_table
HIDDEN = "'(hidden)'"


def connect(connection: sqlite3.Connection) -> None:
    """Register what the triggers call."""
    connection.create_function("record_context", 1, _context)
    connection.create_function("record_now", 0, _now)
    connection.create_function("record_digest", 2, values_digest, deterministic=True)
    connection.create_function("record_chain", -1, _chain, deterministic=True)
    # Without it REPLACE deletes rows silently, past the triggers that keep or record them.
    connection.execute("PRAGMA recursive_triggers = ON")


def _context(name: str) -> Any:
    now = context.current()
    if name == "actor_id":
        return now.user_id
    return now.name if name == "actor" else getattr(now, name)


def _now() -> str:
    return timezone.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _chain(*fields: Any) -> str:
    return sha256_hex("\n".join("" if field is None else str(field) for field in fields))


@cache
def triggers() -> Mapping[str, str]:
    """Every trigger that must stand: name → SQL."""
    made = of_tables(captured(), append_only())
    for kind, history in readable_histories().items():
        made |= _forgetful(kind, history)
    for kind, model in emptied().items():
        made |= _emptied(kind, model)
    for table in ours():
        made |= _closed(table)
    return MappingProxyType(made | _erasable() | guards.on_sqlite())


def _capture(table: Table) -> dict[str, str]:
    new = ", ".join(f"'{field.column}', {_value(table, field, 'NEW')}" for field in table.columns)
    old = ", ".join(f"'{field.column}', {_value(table, field, 'OLD')}" for field in table.columns)
    changed = " OR ".join(f"OLD.{_q(field)} IS NOT NEW.{_q(field)}" for field in table.columns)
    names = {operation: f"record_{operation}_{table.name}" for operation in ("insert", "update", "delete")}
    return {
        names["insert"]: _after(
            names["insert"], "INSERT", table, "NEW", payload=_payload(f"json_object({new})", "new")
        ),
        names["update"]: _after(
            names["update"], "UPDATE", table, "NEW", payload=_payload_of_update(table), when=f" WHEN {changed}"
        ),
        names["delete"]: _after(
            names["delete"], "DELETE", table, "OLD", payload=_payload(f"json_object({old})", "old")
        ),
    }


def _after(name: str, event: str, table: Table, row: str, *, payload: str, when: str = "") -> str:
    key = _uuid(f"{row}.{_q(table.model._meta.pk)}", table.model._meta.pk)
    last = f"FROM {ENTRY} WHERE object_id = {key} AND kind = '{table.kind}' ORDER BY version DESC LIMIT 1"
    fields = (
        f"'{table.kind}', {key}, s.version, '{event.lower()}', s.moment, record_context('actor_id'), "
        "record_context('door'), record_context('request_id'), s.digest, s.previous"
    )
    return (
        f'CREATE TRIGGER "{name}" AFTER {event} ON "{table.name}"{when} BEGIN '
        f"INSERT INTO {VALUES} (salt, payload) VALUES (lower(hex(randomblob(16))), {payload}); "
        f"INSERT INTO {ENTRY} (id, kind, object_id, version, operation, recorded_at, actor_id, door, request_id, "
        f'values_digest, previous, entry_hash, "transaction") SELECT s.id, {fields}, record_chain({fields}), 0 '
        # DISTINCT, so that SQLite does not fold the inner query into the outer and ask for the time twice.
        f"FROM (SELECT DISTINCT v.id, coalesce((SELECT version {last}), 0) + 1 AS version, "
        f"coalesce((SELECT entry_hash {last}), '{ZEROS}') AS previous, record_now() AS moment, "
        f"record_digest(v.salt, v.payload) AS digest FROM {VALUES} v WHERE v.id = last_insert_rowid()) s; END"
    )


def _payload(image: str, side: str) -> str:
    sides = {"old": "NULL", "new": "NULL"} | {side: image}
    return (
        "json_object('actor', record_context('actor'), 'reason', record_context('reason'), "
        f"'old', {sides['old']}, 'new', {sides['new']})"
    )


def _payload_of_update(table: Table) -> str:
    """Old and new of the changed columns only."""
    rows = " UNION ALL ".join(
        f"SELECT '{field.column}' AS name, json_quote({_value(table, field, 'OLD')}) AS old, "
        f"json_quote({_value(table, field, 'NEW')}) AS new WHERE OLD.{_q(field)} IS NOT NEW.{_q(field)}"
        for field in table.columns
    )
    return (
        "(SELECT json_object('actor', record_context('actor'), 'reason', record_context('reason'), "
        f"'old', json_group_object(name, json(old)), 'new', json_group_object(name, json(new))) FROM ({rows}))"
    )


def _value(table: Table, field: models.Field[Any, Any], row: str) -> str:
    """One column as JSON writes it. Booleans and documents as such, so that both databases agree."""
    column = f"{row}.{_q(field)}"
    if field.column in table.hidden:
        return f"CASE WHEN {column} <> '' THEN {HIDDEN} ELSE {column} END"
    kind = storage(field)
    if isinstance(kind, models.BooleanField):
        return f"json(CASE {column} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END)"
    if isinstance(kind, models.JSONField):
        return f"json({column})"
    return _uuid(column, field)


def storage(field: models.Field[Any, Any]) -> models.Field[Any, Any]:
    """The field whose kind decides how the column is stored: that of a foreign key's target."""
    while isinstance(field, models.ForeignKey):
        field = field.target_field
    return field


def _uuid(expression: str, field: models.Field[Any, Any]) -> str:
    """SQLite stores UUIDs as 32 digits; people and PostgreSQL write them with dashes."""
    if not isinstance(storage(field), models.UUIDField):
        return expression
    cut = [(1, 8), (9, 4), (13, 4), (17, 4), (21, 12)]
    return " || '-' || ".join(f"substr({expression}, {start}, {length})" for start, length in cut)


def _q(field: models.Field[Any, Any]) -> str:
    return f'"{field.column}"'


def _growing(model: type[models.Model]) -> dict[str, str]:
    """Rows of `model` are added by this application, and never changed, deleted or replaced by anyone."""
    table = model._meta.db_table
    refuse = f"SELECT RAISE(ABORT, '{table} only grows: its rows are never changed or deleted');"
    return _kept(model, refuse, update=f'BEFORE UPDATE ON "{table}"')


def _closed(table: str) -> dict[str, str]:
    """Rows of this table are not on record; connections that lack our functions cannot write them."""
    refuse = f"SELECT RAISE(ABORT, 'only the application writes {table}');"
    return {
        f"record_ours_{event}_{table}": f'CREATE TRIGGER "record_ours_{event}_{table}" BEFORE {event.upper()} '
        f"ON \"{table}\" WHEN record_context('door') IS NULL BEGIN {refuse} END"
        for event in ("insert", "update", "delete")
    }


def _kept(model: Any, refuse: str, *, update: str) -> dict[str, str]:
    """REPLACE is refused where a row stands in its way; connections that lack our functions cannot insert at all."""
    table = model._meta.db_table
    heads = {
        "update": update,
        "delete": f'BEFORE DELETE ON "{table}"',
        "insert": f"BEFORE INSERT ON \"{table}\" WHEN record_context('door') IS NULL{_taken(model)}",
    }
    return {
        f"record_keep_{event}_{table}": f'CREATE TRIGGER "record_keep_{event}_{table}" {head} BEGIN {refuse} END'
        for event, head in heads.items()
    }


def _taken(model: Any) -> str:
    """Or a row stands where NEW would be put. What is kept once, under its digest, is offered again and again."""
    opts = model._meta
    if hasattr(model, "emptied_columns"):
        return ""
    rules = [rule for rule in opts.constraints if isinstance(rule, models.UniqueConstraint) and not rule.condition]
    sets = [[field.name] for field in opts.concrete_fields if field.unique] + [list(rule.fields) for rule in rules]
    found = ""
    for names in sets:
        columns = [opts.get_field(name).column for name in names]
        same = " AND ".join(f'kept."{column}" = NEW."{column}"' for column in columns)
        found += f' OR EXISTS (SELECT 1 FROM "{opts.db_table}" kept WHERE {same})'
    return found


def _on_hold(entry: str) -> str:
    """Whether a legal hold covers this entry."""
    return (
        f"EXISTS (SELECT 1 FROM {ENTRY} e JOIN {HOLD} h ON h.lifted_at IS NULL AND h.kind IN ('', e.kind) "
        f"AND h.object_id IN ('', e.object_id) WHERE e.id = {entry})"
    )


def _is_dropped(entry: str) -> str:
    """Whether an archive holds the values of this entry, and the database need not any longer."""
    return (
        f"EXISTS (SELECT 1 FROM {SEALED} s JOIN {ARCHIVE} a ON s.position BETWEEN a.first AND a.last "
        f"WHERE s.entry_id = {entry} AND a.dropped_at IS NOT NULL)"
    )


def _erasable() -> dict[str, str]:
    """Values are only ever emptied: when an erasure is written down or once an archive holds them, and never while
    they are on hold."""
    refuse = f"SELECT RAISE(ABORT, '{VALUES} only grows: values are erased with a reason or stay as they are');"
    erased = (
        "NEW.id IS OLD.id AND NEW.salt IS NULL AND NEW.payload IS NULL "
        f"AND (EXISTS (SELECT 1 FROM {ERASURE} WHERE entry_id = OLD.id) OR {_is_dropped('OLD.id')}) "
        f"AND NOT {_on_hold('OLD.id')}"
    )
    return _kept(RecordValues, refuse, update=f"BEFORE UPDATE ON {VALUES} WHEN NOT ({erased})") | {
        "record_hold_erasure": (
            f'CREATE TRIGGER "record_hold_erasure" BEFORE INSERT ON {ERASURE} WHEN {_on_hold("NEW.entry_id")} '
            f"BEGIN SELECT RAISE(ABORT, '{VALUES} is on legal hold: values are kept until it is lifted'); END"
        ),
        "record_drop_values": (
            f'CREATE TRIGGER "record_drop_values" AFTER UPDATE OF dropped_at ON {ARCHIVE} '
            "WHEN NEW.dropped_at IS NOT NULL AND OLD.dropped_at IS NULL BEGIN "
            f"UPDATE {VALUES} SET salt = NULL, payload = NULL WHERE payload IS NOT NULL AND id IN "
            f"(SELECT entry_id FROM {SEALED} WHERE position BETWEEN NEW.first AND NEW.last) "
            f"AND NOT {_on_hold(f'{VALUES}.id')}; END"
        ),
        "record_erase_values": (
            f'CREATE TRIGGER "record_erase_values" AFTER INSERT ON {ERASURE} BEGIN '
            f"UPDATE {VALUES} SET salt = NULL, payload = NULL WHERE id = NEW.entry_id; END"
        ),
    }


def _row_on_hold(row: str) -> str:
    """Whether a legal hold covers the row that an erasure of a row names."""
    return (
        f"EXISTS (SELECT 1 FROM {HOLD} h WHERE h.lifted_at IS NULL AND h.kind IN ('', {row}.kind) "
        f"AND h.object_id IN ('', {row}.object_id))"
    )


def _emptied(kind: str, model: Any) -> dict[str, str]:
    """Rows of this kind are never changed but emptied, when their erasure is written down and no hold covers them."""
    table, gone = model._meta.db_table, [*model.emptied_columns, "erased_at"]
    key = _uuid(f"OLD.{_q(model._meta.pk)}", model._meta.pk)
    kept = [f"NEW.{_q(field)} IS OLD.{_q(field)}" for field in model._meta.concrete_fields if field.column not in gone]
    empty = [f'NEW."{column}" IS NULL' for column in model.emptied_columns]
    written = f"EXISTS (SELECT 1 FROM {ROW_ERASURE} x WHERE x.kind = '{kind}' AND x.object_id = {key})"
    allowed = " AND ".join([*kept, *empty, "OLD.erased_at IS NULL", "NEW.erased_at IS NOT NULL", written])
    refuse = f"SELECT RAISE(ABORT, '{table} only grows: its rows are emptied by an erasure or stay as they are');"
    hold, empties = f"record_hold_{table}", f"record_empty_{table}"
    cleared = ", ".join([f'"{column}" = NULL' for column in model.emptied_columns])
    is_uuid = isinstance(storage(model._meta.pk), models.UUIDField)
    stored = "replace(NEW.object_id, '-', '')" if is_uuid else "NEW.object_id"
    return _kept(model, refuse, update=f'BEFORE UPDATE ON "{table}" WHEN NOT ({allowed})') | {
        hold: (
            f'CREATE TRIGGER "{hold}" BEFORE INSERT ON {ROW_ERASURE} WHEN NEW.kind = \'{kind}\' '
            f"AND {_row_on_hold('NEW')} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is on legal hold: it is kept until the hold is lifted'); END"
        ),
        empties: (
            f'CREATE TRIGGER "{empties}" AFTER INSERT ON {ROW_ERASURE} WHEN NEW.kind = \'{kind}\' BEGIN '
            f'UPDATE "{table}" SET {cleared}, erased_at = NEW.erased_at '
            f"WHERE {_q(model._meta.pk)} = {stored} AND erased_at IS NULL; END"
        ),
    }


def _forgetful(kind: str, history: Any) -> dict[str, str]:
    """The readable versions of a row go with the first of its entries that is erased, and not otherwise."""
    table, key = history._meta.db_table, history.instance_type._meta.pk
    of_row = f"e.kind = '{kind}' AND e.object_id = CAST({_uuid(f'OLD.{_q(key)}', key)} AS TEXT)"
    erased = (
        f"EXISTS (SELECT 1 FROM {ERASURE} x JOIN {ENTRY} e ON e.id = x.entry_id "
        f"WHERE {of_row} AND x.erased_at >= OLD.history_date)"
    )
    name, forget = f"record_keep_delete_{table}", f"record_erase_{table}"
    stored = "replace(e.object_id, '-', '')" if isinstance(storage(key), models.UUIDField) else "e.object_id"
    return {
        name: (
            f'CREATE TRIGGER "{name}" BEFORE DELETE ON "{table}" WHEN NOT {erased} BEGIN '
            f"SELECT RAISE(ABORT, '{table} only grows: its rows are never changed or deleted'); END"
        ),
        forget: (
            f'CREATE TRIGGER "{forget}" AFTER INSERT ON {ERASURE} '
            f"WHEN (SELECT kind FROM {ENTRY} WHERE id = NEW.entry_id) = '{kind}' BEGIN "
            f'DELETE FROM "{table}" WHERE {_q(key)} = (SELECT {stored} FROM {ENTRY} e WHERE e.id = NEW.entry_id) '
            "AND history_date <= NEW.erased_at; END"
        ),
    }


def as_recorded(table: Table) -> tuple[str, str]:
    """SQL of the key and of the image of a row r, as the triggers write them."""
    pairs = ", ".join(f"'{field.column}', {_value(table, field, 'r')}" for field in table.columns)
    key = _uuid(f"r.{_q(table.model._meta.pk)}", table.model._meta.pk)
    return f"CAST({key} AS TEXT)", f"json_object({pairs})"


def value_said(side: str, column: str) -> str:
    """SQL of one column, old or new, in the values v, as text."""
    return f"CAST(json_extract(v.payload, '$.{side}.\"{column}\"') AS TEXT)"


def json_said(side: str, column: str) -> str:
    """SQL of one column, old or new, in the values v, as JSON."""
    return f"v.payload -> '$.{side}.\"{column}\"'"


def holds_text(document: str) -> str:
    """SQL: a key or a value anywhere in the JSON document contains the text of one parameter, `%(text)s`."""
    return (
        f"EXISTS (SELECT 1 FROM json_tree({document}) t "
        "WHERE instr(CAST(t.atom AS TEXT), %(text)s) > 0 OR instr(CAST(t.key AS TEXT), %(text)s) > 0)"
    )


def install(cursor: Any) -> None:
    """Make every trigger anew. The caller holds a transaction."""
    install_for_now(cursor, triggers())


def install_for_now(cursor: Any, made: Mapping[str, str]) -> None:
    """Only these, in place of all that stand."""
    remove(cursor)
    for sql in made.values():
        cursor.execute(sql)


def of_tables(tables: Sequence[Table], growing: Sequence[type[models.Model]]) -> dict[str, str]:
    """The triggers that record these tables and keep those, as a migration finds them."""
    made: dict[str, str] = {}
    for table in tables:
        made |= _capture(table)
    for model in growing:
        made |= _growing(model)
    return made


def record_inserts(cursor: Any, table: Table) -> None:
    """Record what is inserted into this table from now on."""
    cursor.execute(_capture(table)[f"record_insert_{table.name}"])


def standing(cursor: Any) -> set[str]:
    """Names of the record's triggers that are there."""
    return set(_standing(cursor))


def remove(cursor: Any) -> None:
    """Drop every trigger of the record."""
    for name in _standing(cursor):
        cursor.execute(f'DROP TRIGGER "{name}"')


def missing(cursor: Any) -> list[str]:
    """Names of triggers that are gone, or are not what they should be."""
    standing = _standing(cursor)
    return sorted(name for name, sql in triggers().items() if standing.get(name) != sql)


def _standing(cursor: Any) -> dict[str, str]:
    cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'record!_%' ESCAPE '!'")
    return dict(cursor.fetchall())
