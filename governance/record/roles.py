"""Two accounts of PostgreSQL: one owns the tables and runs migrations, the other runs the application.

Who owns a table can take its triggers down. The application's account owns none, may only add to what only grows, and
may not write the record at all: the triggers do, with the owner's rights.
"""

from __future__ import annotations

import re
from typing import Any

from django.db import connection

from governance.errors import InvalidInput
from governance.models.record import RecordEntry, RecordValues
from governance.record import tables, vouching

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
WRITTEN_BY_TRIGGERS = (RecordEntry, RecordValues)


def statements(*, owner: str, application: str) -> list[str]:
    """SQL that gives every table to `owner` and to `application` no more than it needs. Safe to repeat.

    :raises InvalidInput: the database is no PostgreSQL, an account is missing, or `application` could take more.
    """
    _check(owner, application)
    growing = {model._meta.db_table for model in tables.append_only()}
    by_triggers = {model._meta.db_table for model in WRITTEN_BY_TRIGGERS}
    made = [
        f'GRANT USAGE ON SCHEMA {_schema()} TO "{application}"',
        f'REVOKE CREATE ON SCHEMA {_schema()} FROM PUBLIC, "{application}"',
        f'GRANT USAGE, CREATE ON SCHEMA {_schema()} TO "{owner}"',
        f'REVOKE ALL ON ALL TABLES IN SCHEMA {_schema()} FROM PUBLIC, "{application}"',
        f'REVOKE ALL ON ALL SEQUENCES IN SCHEMA {_schema()} FROM PUBLIC, "{application}"',
    ]
    for function in _functions():
        made.append(f'ALTER FUNCTION {function}() OWNER TO "{owner}"')
        made.append(f'REVOKE ALL ON FUNCTION {function}() FROM PUBLIC, "{application}"')
    for table in _tables():
        made.append(f'ALTER TABLE "{table}" OWNER TO "{owner}"')
        rights = "SELECT" if table in by_triggers else "SELECT, INSERT" if table in growing else ORDINARY
        if table != vouching.TABLE:
            made.append(f'GRANT {rights} ON "{table}" TO "{application}"')
    made.append(f'GRANT EXECUTE ON FUNCTION record_context_fingerprint() TO "{application}"')
    sequences = f'GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {_schema()} TO "{application}"'
    return [*made, sequences]


ORDINARY = "SELECT, INSERT, UPDATE, DELETE"


def _check(owner: str, application: str) -> None:
    if connection.vendor != "postgresql":
        raise InvalidInput("Accounts are PostgreSQL's; on SQLite who holds the file holds everything in it.")
    for name in (owner, application):
        if not NAME.fullmatch(name):
            raise InvalidInput(f"{name!r} is no name of an account: letters, digits and _ only.")
    found = dict(_rows("SELECT rolname, rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = ANY(%s)",
                       [[owner, application]]))  # fmt: skip
    for name in (owner, application):
        if name not in found:
            raise InvalidInput(f"There is no account {name}; make it with CREATE ROLE {name} LOGIN PASSWORD '…'.")
    [(is_member,)] = _rows("SELECT pg_has_role(%s, %s, 'MEMBER')", [application, owner])
    if found[application] or is_member:
        raise InvalidInput(
            f"{application} is a superuser, may make accounts, or is a member of {owner}, so it could take every "
            "right that it lacks. Use an account without that."
        )


def _rows(sql: str, params: list[Any] | None = None) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params or [])
        return list(cursor.fetchall())


def _schema() -> str:
    return str(_rows("SELECT quote_ident(current_schema())")[0][0])


def _tables() -> list[str]:
    found = _rows("SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename")
    return [name for (name,) in found]


def _functions() -> list[str]:
    found = _rows(
        "SELECT proname FROM pg_proc WHERE proname LIKE 'record\\_%%' "
        "AND pronamespace = current_schema()::regnamespace ORDER BY proname"
    )
    return [name for (name,) in found]
