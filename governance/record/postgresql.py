"""The record's triggers on PostgreSQL: one function for all tables.

It reads rows as JSON, so that it survives changed columns and stays in force during migrations.
"""

from __future__ import annotations

import json
from typing import Any

from governance.context import Acting
from governance.models.record import Erasure, RecordEntry, RecordValues
from governance.record.tables import Table, append_only, captured

ENTRY, VALUES, ERASURE = RecordEntry._meta.db_table, RecordValues._meta.db_table, Erasure._meta.db_table
# Local to its transaction, so that a connection never acts for the person who used it before.
SETTING = "workbench.context"

# $1 kind, $2 column of the key, $3 derived columns, $4 hidden columns. Sequential scans are off because a plan that
# was made while the table was empty would stay with the session.
CAPTURE = f"""
CREATE OR REPLACE FUNCTION record_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = {{schema}}, pg_temp SET enable_seqscan = off AS $record$
DECLARE
    acting jsonb := coalesce(nullif(current_setting('{SETTING}', true), ''), '{{{{}}}}')::jsonb;
    old_image jsonb;
    new_image jsonb;
    object text;
    hidden text;
    salt text := replace(gen_random_uuid()::text, '-', '');
    moment text := to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
    door text := coalesce(acting ->> 'door', '');
    request text := coalesce(acting ->> 'request_id', '');
    said text;
    digest text;
    last record;
    entry bigint;
BEGIN
    IF TG_OP <> 'INSERT' THEN
        old_image := to_jsonb(OLD);
        object := old_image ->> TG_ARGV[1];
        old_image := old_image - TG_ARGV[2]::text[];
    END IF;
    IF TG_OP <> 'DELETE' THEN
        new_image := to_jsonb(NEW);
        object := new_image ->> TG_ARGV[1];
        new_image := new_image - TG_ARGV[2]::text[];
    END IF;
    IF TG_OP = 'UPDATE' THEN
        SELECT jsonb_object_agg(name, old_image -> name), jsonb_object_agg(name, new_image -> name)
        INTO old_image, new_image
        FROM jsonb_object_keys(new_image) name WHERE old_image -> name IS DISTINCT FROM new_image -> name;
        IF new_image IS NULL THEN
            RETURN NULL;
        END IF;
    END IF;
    FOREACH hidden IN ARRAY TG_ARGV[3]::text[] LOOP
        IF coalesce(old_image ->> hidden, '') <> '' THEN
            old_image := old_image || jsonb_build_object(hidden, '(hidden)');
        END IF;
        IF coalesce(new_image ->> hidden, '') <> '' THEN
            new_image := new_image || jsonb_build_object(hidden, '(hidden)');
        END IF;
    END LOOP;
    said := jsonb_build_object(
        'actor', coalesce(acting ->> 'actor', 'db:' || session_user), 'reason', coalesce(acting ->> 'reason', ''),
        'old', old_image, 'new', new_image)::text;
    digest := encode(sha256(convert_to(salt || said, 'UTF8')), 'hex');
    SELECT e.version, e.entry_hash INTO last FROM {ENTRY} e
    WHERE e.object_id = object AND e.kind = TG_ARGV[0] ORDER BY e.version DESC LIMIT 1;
    INSERT INTO {VALUES} (salt, payload) VALUES (salt, said) RETURNING id INTO entry;
    INSERT INTO {ENTRY} (id, kind, object_id, version, operation, recorded_at, actor_id, door, request_id,
                         values_digest, previous, entry_hash, transaction)
    VALUES (entry, TG_ARGV[0], object, coalesce(last.version, 0) + 1, lower(TG_OP), moment,
            (acting ->> 'actor_id')::bigint, door, request, digest, coalesce(last.entry_hash, repeat('0', 64)),
            encode(sha256(convert_to(concat_ws(E'\\n', TG_ARGV[0], object, coalesce(last.version, 0) + 1, lower(TG_OP),
                moment, coalesce(acting ->> 'actor_id', ''), door, request, digest,
                coalesce(last.entry_hash, repeat('0', 64))), 'UTF8')), 'hex'),
            pg_current_xact_id()::text::bigint);
    RETURN NULL;
END $record$
"""

KEEP = """
CREATE OR REPLACE FUNCTION record_keep() RETURNS trigger LANGUAGE plpgsql AS $record$
BEGIN
    RAISE EXCEPTION '% only grows: its rows are never changed or deleted', TG_TABLE_NAME
    USING ERRCODE = 'integrity_constraint_violation';
END $record$
"""

KEEP_WHOLE = """
CREATE OR REPLACE FUNCTION record_keep_whole() RETURNS trigger LANGUAGE plpgsql AS $record$
BEGIN
    RAISE EXCEPTION '% is on record row by row and cannot be truncated', TG_TABLE_NAME
    USING ERRCODE = 'integrity_constraint_violation';
END $record$
"""

KEEP_VALUES = f"""
CREATE OR REPLACE FUNCTION record_keep_values() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = {{schema}}, pg_temp AS $record$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.id = OLD.id AND NEW.salt IS NULL AND NEW.payload IS NULL
       AND EXISTS (SELECT 1 FROM {ERASURE} WHERE entry_id = OLD.id) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% only grows: values are erased with a reason or stay as they are', TG_TABLE_NAME
    USING ERRCODE = 'integrity_constraint_violation';
END $record$
"""

FUNCTIONS = (CAPTURE, KEEP, KEEP_WHOLE, KEEP_VALUES)


def say(acting: Acting) -> str:
    """The context as the triggers read it."""
    said = {
        "actor_id": acting.user_id, "actor": acting.name, "door": acting.door,
        "request_id": acting.request_id, "reason": acting.reason,
    }  # fmt: skip
    return json.dumps(said)


def triggers() -> dict[tuple[str, str], str]:
    """Every trigger that must stand: (table, name) → what follows `CREATE TRIGGER name`."""
    made: dict[tuple[str, str], str] = {}
    for table in captured():
        made[table.name, "record_change"] = _capture(table)
        made[table.name, "record_keep_whole"] = _statement(table.name, "record_keep_whole")
    for model in append_only():
        name = model._meta.db_table
        made[name, "record_keep"] = _rows(name, "record_keep")
        made[name, "record_keep_whole"] = _statement(name, "record_keep_whole")
    made[VALUES, "record_keep"] = _rows(VALUES, "record_keep_values")
    made[VALUES, "record_keep_whole"] = _statement(VALUES, "record_keep_whole")
    return made


def _capture(table: Table) -> str:
    """Derived columns are no change: an update that sets no other column does not even call the function."""
    columns = ", ".join(f'"{field.column}"' for field in table.columns)
    update = f"UPDATE OF {columns}" if table.left_out else "UPDATE"
    arguments = ", ".join(
        f"'{argument}'" for argument in (table.kind, table.key, _array(table.left_out), _array(table.hidden))
    )
    return (
        f'AFTER INSERT OR DELETE OR {update} ON "{table.name}" FOR EACH ROW EXECUTE FUNCTION record_change({arguments})'
    )


def _array(columns: frozenset[str]) -> str:
    return "{" + ",".join(sorted(columns)) + "}"


def _rows(table: str, function: str) -> str:
    return f'BEFORE DELETE OR UPDATE ON "{table}" FOR EACH ROW EXECUTE FUNCTION {function}()'


def _statement(table: str, function: str) -> str:
    return f'BEFORE TRUNCATE ON "{table}" FOR EACH STATEMENT EXECUTE FUNCTION {function}()'


def install(cursor: Any) -> None:
    """Make the functions and every trigger anew. The caller holds a transaction."""
    remove(cursor)
    for function in _functions(cursor):
        cursor.execute(function)
    for (table, name), rest in triggers().items():
        cursor.execute(f"CREATE TRIGGER {name} {rest}")
        cursor.execute(f'ALTER TABLE "{table}" ENABLE ALWAYS TRIGGER {name}')


def _functions(cursor: Any) -> list[str]:
    cursor.execute("SELECT quote_ident(current_schema())")
    schema = cursor.fetchone()[0]
    return [function.format(schema=schema) if "{schema}" in function else function for function in FUNCTIONS]


def remove(cursor: Any) -> None:
    """Drop every trigger of the record."""
    for table, name in _standing(cursor):
        cursor.execute(f'DROP TRIGGER {name} ON "{table}"')


def missing(cursor: Any) -> list[str]:
    """Triggers that are gone, switched off, or not what they should be."""
    standing = _standing(cursor)
    gone = [
        f"{name} on {table}"
        for (table, name), rest in triggers().items()
        if standing.get((table, name)) != f"CREATE TRIGGER {name} {rest}".replace('"', "")
    ]
    cursor.execute("SELECT proname, prosrc FROM pg_proc WHERE proname LIKE 'record\\_%'")
    sources = dict(cursor.fetchall())
    for function in _functions(cursor):
        name, body = function.split("FUNCTION ", 1)[1].split("(", 1)[0], function.split("$record$")[1]
        if sources.get(name) != body:
            gone.append(f"function {name}")
    return sorted(gone)


def _standing(cursor: Any) -> dict[tuple[str, str], str]:
    """The record's triggers; those that do not fire always without their definition."""
    cursor.execute(
        "SELECT c.relname, t.tgname, "
        "CASE WHEN t.tgenabled = 'A' THEN replace(pg_get_triggerdef(t.oid, true), '\"', '') END "
        "FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
        "WHERE NOT t.tgisinternal AND t.tgname LIKE 'record\\_%' AND c.relnamespace = current_schema()::regnamespace"
    )
    return {(table, name): rest for table, name, rest in cursor.fetchall()}
