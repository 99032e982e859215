"""The record's triggers on PostgreSQL: one function for all tables, called once for each statement.

It reads rows as JSON, so that it survives changed columns and stays in force during migrations.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any

from governance.context import Acting
from governance.models.record import Erasure, RecordEntry, RecordValues, RowErasure, SealedEntry
from governance.models.retention import LegalHold, RecordArchive
from governance.record import guards, vouching
from governance.record.tables import Table, append_only, captured, emptied, readable_histories

ENTRY, VALUES, ERASURE = RecordEntry._meta.db_table, RecordValues._meta.db_table, Erasure._meta.db_table
HOLD, ARCHIVE, SEALED = LegalHold._meta.db_table, RecordArchive._meta.db_table, SealedEntry._meta.db_table
ROW_ERASURE = RowErasure._meta.db_table

# One row of each image: the key of the object, and the columns before and after. What was updated stands in both tables
# in the same order, so that a changed key does not part the two.
INSERTED = """SELECT image ->> TG_ARGV[1] AS object, NULL::jsonb AS before, image AS after
            FROM (SELECT to_jsonb(r) - derived AS image FROM new_rows r OFFSET 0) n"""
DELETED = """SELECT image ->> TG_ARGV[1] AS object, image AS before, NULL::jsonb AS after
            FROM (SELECT to_jsonb(r) - derived AS image FROM old_rows r OFFSET 0) o"""
UPDATED = """SELECT n.image ->> TG_ARGV[1] AS object, difference.before, difference.after
            FROM (SELECT row_number() OVER () AS place, to_jsonb(r) - derived AS image FROM old_rows r) o
            JOIN (SELECT row_number() OVER () AS place, to_jsonb(r) - derived AS image FROM new_rows r) n USING (place)
            CROSS JOIN LATERAL (
                SELECT jsonb_object_agg(name, o.image -> name) AS before,
                    jsonb_object_agg(name, n.image -> name) AS after
                FROM jsonb_object_keys(n.image) name WHERE o.image -> name IS DISTINCT FROM n.image -> name
            ) difference
            WHERE o.image <> n.image"""


def _shown(image: str) -> str:
    """The image without the values of hidden columns."""
    return (
        f"CASE WHEN hidden = '{{{{}}}}' THEN {image} ELSE {image} || "
        "coalesce((SELECT jsonb_object_agg(name, '(hidden)') FROM unnest(hidden) name "
        f"WHERE {image} ->> name <> ''), '{{{{}}}}') END"
    )


def _keep(images: str) -> str:
    """Write one entry with its values for each image."""
    return f"""
        WITH image AS (
            {images}
        ), said AS MATERIALIZED (
            SELECT nextval(ids) AS id, object, replace(gen_random_uuid()::text, '-', '') AS salt,
                to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS moment,
                jsonb_build_object('actor', actor_name, 'reason', because,
                    'old', {_shown("before")},
                    'new', {_shown("after")})::text AS payload
            FROM image
        ), kept AS (
            INSERT INTO {VALUES} (id, salt, payload) SELECT id, salt, payload FROM said
        ), link AS (
            SELECT said.*, encode(sha256(convert_to(salt || payload, 'UTF8')), 'hex') AS digest,
                coalesce(last.version, 0) + 1 AS version, coalesce(last.entry_hash, repeat('0', 64)) AS previous
            FROM said LEFT JOIN LATERAL (
                SELECT e.version, e.entry_hash FROM {ENTRY} e
                WHERE e.object_id = said.object AND e.kind = TG_ARGV[0] ORDER BY e.version DESC LIMIT 1
            ) last ON true
        )
        INSERT INTO {ENTRY} (id, kind, object_id, version, operation, recorded_at, actor_id, door, request_id,
                             values_digest, previous, entry_hash, transaction)
        SELECT id, TG_ARGV[0], object, version, event, moment, actor::bigint, through, request, digest, previous,
            encode(sha256(convert_to(concat_ws(E'\\n', TG_ARGV[0], object, version, event, moment, coalesce(actor, ''),
                through, request, digest, previous), 'UTF8')), 'hex'),
            pg_current_xact_id()::text::bigint
        FROM link ORDER BY id;"""


# $1 kind, $2 column of the key, $3 derived columns, $4 hidden columns. Called once for each statement, with all its
# rows: row by row, starting the queries takes longer than the work. Planning takes longer still, so one plan stays with
# the session; without sequential scans and nested loops it serves one row and many, whatever it was made for.
CAPTURE = f"""
CREATE OR REPLACE FUNCTION record_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = {{schema}}, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_nestloop = off AS $record$
DECLARE
    acting jsonb := record_said();
    actor text := acting ->> 'actor_id';
    actor_name text := coalesce(acting ->> 'actor', 'db:' || session_user);
    because text := coalesce(acting ->> 'reason', '');
    through text := coalesce(acting ->> 'door', '');
    request text := coalesce(acting ->> 'request_id', '');
    event text := lower(TG_OP);
    ids regclass := pg_get_serial_sequence('{VALUES}', 'id');
    derived text[] := TG_ARGV[2];
    hidden text[] := TG_ARGV[3];
BEGIN
    IF TG_OP = 'INSERT' THEN{_keep(INSERTED)}
    ELSIF TG_OP = 'DELETE' THEN{_keep(DELETED)}
    ELSE{_keep(UPDATED)}
    END IF;
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

ON_HOLD = (
    f"EXISTS (SELECT 1 FROM {ENTRY} e JOIN {HOLD} h ON h.lifted_at IS NULL AND h.kind IN ('', e.kind) "
    "AND h.object_id IN ('', e.object_id) WHERE e.id = {})"
)

IS_DROPPED = (
    f"EXISTS (SELECT 1 FROM {SEALED} s JOIN {ARCHIVE} a ON s.position BETWEEN a.first AND a.last "
    "WHERE s.entry_id = {} AND a.dropped_at IS NOT NULL)"
)

KEEP_VALUES = f"""
CREATE OR REPLACE FUNCTION record_keep_values() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = {{schema}}, pg_temp AS $record$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.id = OLD.id AND NEW.salt IS NULL AND NEW.payload IS NULL
       AND (EXISTS (SELECT 1 FROM {ERASURE} WHERE entry_id = OLD.id) OR {IS_DROPPED.format("OLD.id")})
       AND NOT {ON_HOLD.format("OLD.id")} THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% only grows: values are erased with a reason or stay as they are', TG_TABLE_NAME
    USING ERRCODE = 'integrity_constraint_violation';
END $record$
"""

HOLD_ERASURE = f"""
CREATE OR REPLACE FUNCTION record_hold_erasure() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = {{schema}}, pg_temp AS $record$
BEGIN
    IF {ON_HOLD.format("NEW.entry_id")} THEN
        RAISE EXCEPTION '{VALUES} is on legal hold: values are kept until it is lifted'
        USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $record$
"""

DROP_VALUES = f"""
CREATE OR REPLACE FUNCTION record_drop() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = {{schema}}, pg_temp AS $record$
BEGIN
    IF NEW.dropped_at IS NOT NULL AND OLD.dropped_at IS NULL THEN
        UPDATE {VALUES} SET salt = NULL, payload = NULL WHERE payload IS NOT NULL AND id IN
            (SELECT entry_id FROM {SEALED} WHERE position BETWEEN NEW.first AND NEW.last)
            AND NOT {ON_HOLD.format(VALUES + ".id")};
    END IF;
    RETURN NULL;
END $record$
"""

KEEP_HISTORY = f"""
CREATE OR REPLACE FUNCTION record_keep_history() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = {{schema}}, pg_temp AS $record$
BEGIN
    IF TG_OP = 'DELETE' AND EXISTS (
        SELECT 1 FROM {ERASURE} x JOIN {ENTRY} e ON e.id = x.entry_id
        WHERE e.kind = TG_ARGV[0] AND e.object_id = to_jsonb(OLD) ->> TG_ARGV[1] AND x.erased_at >= OLD.history_date
    ) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% only grows: its rows are never changed or deleted', TG_TABLE_NAME
    USING ERRCODE = 'integrity_constraint_violation';
END $record$
"""


ROW_ON_HOLD = (
    f"EXISTS (SELECT 1 FROM {HOLD} h WHERE h.lifted_at IS NULL AND h.kind IN ('', {{0}}.kind) "
    "AND h.object_id IN ('', {0}.object_id))"
)

# $1 kind, $2 column of the key, $3 columns that an erasure empties.
KEEP_EMPTIED = f"""
CREATE OR REPLACE FUNCTION record_keep_emptied() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = {{schema}}, pg_temp AS $record$
DECLARE
    emptied text[] := TG_ARGV[2];
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - emptied - 'erased_at' = to_jsonb(OLD) - emptied - 'erased_at'
       AND OLD.erased_at IS NULL AND NEW.erased_at IS NOT NULL
       AND NOT EXISTS (SELECT 1 FROM unnest(emptied) name WHERE to_jsonb(NEW) ->> name IS NOT NULL)
       AND EXISTS (SELECT 1 FROM {ROW_ERASURE} x
                   WHERE x.kind = TG_ARGV[0] AND x.object_id = to_jsonb(OLD) ->> TG_ARGV[1]) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% only grows: its rows are emptied by an erasure or stay as they are', TG_TABLE_NAME
    USING ERRCODE = 'integrity_constraint_violation';
END $record$
"""

HOLD_ROW = f"""
CREATE OR REPLACE FUNCTION record_hold_row() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = {{schema}}, pg_temp AS $record$
BEGIN
    IF {ROW_ON_HOLD.format("NEW")} THEN
        RAISE EXCEPTION '% is on legal hold: it is kept until the hold is lifted', NEW.kind
        USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $record$
"""


def _empty() -> str:
    """Empties the rows whose erasure was written down."""
    statements = "".join(
        f"""
    UPDATE "{model._meta.db_table}" r SET {", ".join(f'"{column}" = NULL' for column in model.emptied_columns)},
        erased_at = x.erased_at FROM erasures x
        WHERE x.kind = '{kind}' AND r."{model._meta.pk.column}"::text = x.object_id AND r.erased_at IS NULL;"""
        for kind, model in sorted(emptied().items())
    )
    return f"""
CREATE OR REPLACE FUNCTION record_empty() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = {{schema}}, pg_temp AS $record$
BEGIN{statements}
    RETURN NULL;
END $record$
"""


def _tracked_key(history: Any) -> str:
    """The column that holds the key of the row whose versions these are."""
    return str(history.instance_type._meta.pk.column)


def _erase() -> str:
    """Empties the values of the entries whose erasure was written down, and forgets their rows' readable versions."""
    forget = "".join(
        f"""
    DELETE FROM "{history._meta.db_table}" v USING erasures x, {ENTRY} e WHERE e.id = x.entry_id
        AND e.kind = '{kind}' AND v."{_tracked_key(history)}"::text = e.object_id
        AND v.history_date <= x.erased_at;"""
        for kind, history in sorted(readable_histories().items())
    )
    return f"""
CREATE OR REPLACE FUNCTION record_erase() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = {{schema}}, pg_temp AS $record$
BEGIN
    UPDATE {VALUES} SET salt = NULL, payload = NULL WHERE id IN (SELECT entry_id FROM erasures);{forget}
    RETURN NULL;
END $record$
"""


# The triggers that record: name, event, the rows that they are given.
EVENTS = (
    ("record_insert", "INSERT", "NEW TABLE AS new_rows"),
    ("record_change", "UPDATE", "OLD TABLE AS old_rows NEW TABLE AS new_rows"),
    ("record_delete", "DELETE", "OLD TABLE AS old_rows"),
)
FUNCTIONS = (
    CAPTURE, KEEP, KEEP_WHOLE, KEEP_VALUES, HOLD_ERASURE, DROP_VALUES, KEEP_HISTORY, KEEP_EMPTIED, HOLD_ROW,
    *vouching.FUNCTIONS, *guards.FUNCTIONS,
)  # fmt: skip
CAPTURING = {"record_said", "record_change"}
"""Functions that recording a change needs."""


def say(acting: Acting, *, transaction: str) -> str:
    """The context as the triggers read it in the transaction with this number, after its digest."""
    said = {
        "actor_id": acting.user_id, "actor": acting.name, "door": acting.door,
        "request_id": acting.request_id, "reason": acting.reason,
    }  # fmt: skip
    text = json.dumps(said)
    return vouching.digest(text, transaction=transaction) + text


@cache
def triggers() -> Mapping[tuple[str, str], str]:
    """Every trigger that must stand: (table, name) → what follows `CREATE TRIGGER name`."""
    made: dict[tuple[str, str], str] = {}
    for table in captured():
        for name, event, rows in EVENTS:
            made[table.name, name] = _capture(table, event, rows)
        made[table.name, "record_keep_whole"] = _statement(table.name, "record_keep_whole")
    for model in append_only():
        name = model._meta.db_table
        made[name, "record_keep"] = _rows(name, "record_keep")
        made[name, "record_keep_whole"] = _statement(name, "record_keep_whole")
    for kind, history in readable_histories().items():
        name, key = history._meta.db_table, _tracked_key(history)
        made[name, "record_keep"] = _rows(name, f"record_keep_history('{kind}', '{key}')")
    for kind, model in emptied().items():
        name, columns = model._meta.db_table, _array(frozenset(model.emptied_columns))
        made[name, "record_keep"] = _rows(
            name, f"record_keep_emptied('{kind}', '{model._meta.pk.column}', '{columns}')"
        )
    made[ROW_ERASURE, "record_hold"] = (
        f'BEFORE INSERT ON "{ROW_ERASURE}" FOR EACH ROW EXECUTE FUNCTION record_hold_row()'
    )
    made[ROW_ERASURE, "record_empty"] = (
        f'AFTER INSERT ON "{ROW_ERASURE}" REFERENCING NEW TABLE AS erasures FOR EACH STATEMENT '
        "EXECUTE FUNCTION record_empty()"
    )
    made[ERASURE, "record_hold"] = f'BEFORE INSERT ON "{ERASURE}" FOR EACH ROW EXECUTE FUNCTION record_hold_erasure()'
    made[ERASURE, "record_erase"] = (
        f'AFTER INSERT ON "{ERASURE}" REFERENCING NEW TABLE AS erasures FOR EACH STATEMENT '
        "EXECUTE FUNCTION record_erase()"
    )
    made[ARCHIVE, "record_drop"] = f'AFTER UPDATE ON "{ARCHIVE}" FOR EACH ROW EXECUTE FUNCTION record_drop()'
    made[VALUES, "record_keep"] = _rows(VALUES, "record_keep_values")
    made[VALUES, "record_keep_whole"] = _statement(VALUES, "record_keep_whole")
    return MappingProxyType(made | guards.on_postgresql())


def _capture(table: Table, event: str, rows: str) -> str:
    arguments = ", ".join(
        f"'{argument}'" for argument in (table.kind, table.key, _array(table.left_out), _array(table.hidden))
    )
    return (
        f'AFTER {event} ON "{table.name}" REFERENCING {rows} FOR EACH STATEMENT '
        f"EXECUTE FUNCTION record_change({arguments})"
    )


def as_recorded(table: Table) -> tuple[str, str]:
    """SQL of the key and of the image of a row r, as the triggers write them."""
    return f'r."{table.key}"::text', f"(to_jsonb(r) - '{_array(table.left_out)}'::text[])::text"


def value_said(side: str, column: str) -> str:
    """SQL of one column, old or new, in the values v, as text."""
    return f"(v.payload::jsonb -> '{side}' ->> '{column}')"


def json_said(side: str, column: str) -> str:
    """SQL of one column, old or new, in the values v, as JSON."""
    return f"v.payload::jsonb -> '{side}' -> '{column}'"


def holds_text(document: str) -> str:
    """SQL: a key or a value anywhere in the JSON document contains the text of one parameter, `%(text)s`."""
    keys = 'strict $.** ? (@.type() == "object").keyvalue().key'
    return (
        f"(EXISTS (SELECT 1 FROM jsonb_path_query({document}, 'strict $.**') t "
        "WHERE jsonb_typeof(t) IN ('string', 'number', 'boolean') AND strpos(t #>> '{}', %(text)s) > 0) "
        f"OR EXISTS (SELECT 1 FROM jsonb_path_query({document}, '{keys}') t WHERE strpos(t #>> '{{}}', %(text)s) > 0))"
    )


def _array(columns: frozenset[str]) -> str:
    return "{" + ",".join(sorted(columns)) + "}"


def _rows(table: str, function: str) -> str:
    call = function if function.endswith(")") else f"{function}()"
    return f'BEFORE DELETE OR UPDATE ON "{table}" FOR EACH ROW EXECUTE FUNCTION {call}'


def _statement(table: str, function: str) -> str:
    return f'BEFORE TRUNCATE ON "{table}" FOR EACH STATEMENT EXECUTE FUNCTION {function}()'


def install(cursor: Any) -> None:
    """Make the functions and every trigger anew. The caller holds a transaction."""
    remove(cursor)
    cursor.execute(vouching.MAKE_TABLE)
    vouching.give_key(cursor)
    for function in _functions(cursor).values():
        cursor.execute(function)
    for (table, name), rest in triggers().items():
        cursor.execute(f"CREATE TRIGGER {name} {rest}")
        cursor.execute(f'ALTER TABLE "{table}" ENABLE ALWAYS TRIGGER {name}')


def install_for_now(cursor: Any, tables: Sequence[Table]) -> None:
    """Record these tables as a migration finds them: new ones have no trigger yet, and others may have an older one."""
    wanted = {(table.name, name): _capture(table, event, rows) for table in tables for name, event, rows in EVENTS}
    standing, older = _standing(cursor), _older_functions(cursor)
    if all(standing.get(place) == _as_told(place[1], rest) for place, rest in wanted.items()) and not older & CAPTURING:
        return
    cursor.execute(vouching.MAKE_TABLE)
    vouching.give_key(cursor)
    for name, function in _functions(cursor).items():
        if name in CAPTURING:
            cursor.execute(function)
    for (table, name), rest in wanted.items():
        cursor.execute(f'DROP TRIGGER IF EXISTS {name} ON "{table}"')
        cursor.execute(f"CREATE TRIGGER {name} {rest}")
        cursor.execute(f'ALTER TABLE "{table}" ENABLE ALWAYS TRIGGER {name}')


def record_inserts(cursor: Any, table: Table) -> None:
    """Record what is inserted into this table from now on."""
    name, event, rows = EVENTS[0]
    cursor.execute(f"CREATE TRIGGER {name} {_capture(table, event, rows)}")


def _as_told(name: str, rest: str) -> str:
    """A trigger as PostgreSQL tells it, without quotes."""
    return f"CREATE TRIGGER {name} {rest}".replace('"', "")


def _functions(cursor: Any) -> dict[str, str]:
    """Name → SQL of each function."""
    cursor.execute("SELECT quote_ident(current_schema())")
    schema = cursor.fetchone()[0]
    made = [
        function.format(schema=schema) if "{schema}" in function else function
        for function in (*FUNCTIONS, _erase(), _empty())
    ]
    return {function.split("FUNCTION ", 1)[1].split("(", 1)[0]: function for function in made}


def _older_functions(cursor: Any) -> set[str]:
    """Functions that are gone, or not what they should be."""
    cursor.execute("SELECT proname, prosrc FROM pg_proc WHERE proname LIKE 'record\\_%'")
    sources = dict(cursor.fetchall())
    wanted = _functions(cursor)
    return {name for name, function in wanted.items() if sources.get(name) != function.split("$record$")[1]}


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
        if standing.get((table, name)) != _as_told(name, rest)
    ]
    gone += [f"function {name}" for name in _older_functions(cursor)]
    # Asked last: a question to a function that is not there would end the transaction.
    if not gone and not vouching.knows_key(cursor):
        gone.append("this application's key, which comes of WORKBENCH_SECRET_KEY")
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
