"""Databases for tests: migrated once for all processes of a run, then copied, and put back as they were.

Migrating takes longer than most tests, and so does emptying a database whose tables are guarded.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from django.conf import settings
from django.db import connection

from tests.servers import own_database, url_of

ROOT = Path(__file__).resolve().parents[1]
FOLDER = "WORKBENCH_TESTS_FOLDER"  # where the processes of one run find what the first of them made
FILE = "workbench.sqlite3"
# Rows that a fresh database has are kept beside it. What a test changed is deleted, and those are put back: much
# quicker than emptying all tables and seeding anew. Foreign keys are checked at the end, as Django declares them.
BASELINE = """
CREATE SCHEMA baseline;
CREATE TABLE baseline.sequences AS
    SELECT schemaname, sequencename, coalesce(last_value, start_value) AS last_value, last_value IS NOT NULL AS called
    FROM pg_sequences WHERE schemaname = 'public';
DO $$
DECLARE
    live regclass;
    is_filled boolean;
BEGIN
    FOR live IN SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %s)', live) INTO is_filled;
        IF is_filled THEN
            EXECUTE format('CREATE TABLE baseline.%s AS TABLE %s', live, live);
        END IF;
    END LOOP;
END $$;
CREATE FUNCTION baseline.put_back() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    live regclass;
    kept regclass;
    guard record;
    changed regclass[] := '{}';
    is_changed boolean;
BEGIN
    FOR live, kept IN
        SELECT oid, to_regclass('baseline.' || quote_ident(relname)) FROM pg_class
        WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
    LOOP
        IF kept IS NULL THEN
            EXECUTE format('SELECT EXISTS (SELECT FROM %s)', live) INTO is_changed;
        ELSE
            EXECUTE format('SELECT EXISTS (TABLE %1$s EXCEPT ALL TABLE %2$s) OR EXISTS (TABLE %2$s EXCEPT ALL TABLE '
                '%1$s)', live, kept) INTO is_changed;
        END IF;
        IF is_changed THEN
            changed := changed || live;
            EXECUTE format('ALTER TABLE %s DISABLE TRIGGER USER', live);
        END IF;
    END LOOP;
    FOREACH live IN ARRAY changed LOOP
        EXECUTE format('DELETE FROM %s', live);
        kept := to_regclass('baseline.' || live::text);
        IF kept IS NOT NULL THEN
            EXECUTE format('INSERT INTO %s TABLE %s', live, kept);
        END IF;
    END LOOP;
    SET CONSTRAINTS ALL IMMEDIATE;
    FOR guard IN SELECT tgrelid::regclass AS live, tgname FROM pg_trigger
        WHERE NOT tgisinternal AND tgrelid = ANY (changed)
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', guard.live, guard.tgname);
    END LOOP;
    PERFORM setval(format('%I.%I', schemaname, sequencename)::regclass, last_value, called) FROM baseline.sequences;
END $$;
"""


def begin_run() -> None:
    """For the process that pytest was started in, before any other."""
    # Copies of one database know one key (`governance.record.vouching`), so all processes of a run share theirs.
    os.environ["WORKBENCH_SECRET_KEY"] = settings.SECRET_KEY
    os.environ[FOLDER] = tempfile.mkdtemp(prefix="workbench-tests-")


def end_run() -> None:
    """Remove what `begin_run` made room for."""
    folder = Path(os.environ.pop(FOLDER))
    if (made := folder / "postgresql").exists():
        with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server:
            server.execute(f'DROP DATABASE IF EXISTS "{made.read_text()}" WITH (FORCE)')
    shutil.rmtree(folder)


def template(vendor: str) -> str:
    """The path or name of a database as `migrate` leaves it; the first process that asks makes it."""
    folder = Path(os.environ[FOLDER])
    with (folder / f"{vendor}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = folder / vendor
        if not made.exists():
            made.write_text(_make_file(folder) if vendor == "sqlite" else _make_database())
        return made.read_text()


def _make_file(folder: Path) -> str:
    _migrate({"WORKBENCH_DATA": str(folder), "DATABASE_URL": ""})
    with closing(sqlite3.connect(folder / FILE)) as file:
        file.execute("PRAGMA journal_mode = DELETE")  # a copy in memory cannot have another
    return str(folder / FILE)


def _make_database() -> str:
    name = f"workbench_tests_{uuid.uuid4().hex[:12]}"
    server = os.environ["DATABASE_URL"]
    with psycopg.connect(server, autocommit=True) as at_work:
        at_work.execute(f'CREATE DATABASE "{name}"')
    url = urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
    _migrate({"DATABASE_URL": url})
    with psycopg.connect(url) as filled:
        filled.execute(BASELINE)
    return name


def _migrate(environment: dict[str, str]) -> None:
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(command, cwd=ROOT, env=os.environ | environment, check=True, timeout=300)


def copy_to(folder: Path) -> None:
    """Put a migrated SQLite database where a site with this data folder has its own."""
    shutil.copy(template("sqlite"), folder / FILE)


@contextmanager
def own(folder: Path, *, migrated: bool = True) -> Iterator[str]:
    """A database of the kind that the tests run on, for other processes: its URL, or "" for a file in `folder`."""
    if connection.vendor == "sqlite":
        if migrated:
            copy_to(folder)
        yield ""
        return
    with own_database(url_of(connection.settings_dict), template("postgresql") if migrated else "template1") as url:
        yield url


def copy_instead_of_migrating() -> None:
    """Have Django make its test database from the template."""
    connection.creation.create_test_db = partial(_create_test_db, connection.creation)  # type: ignore[method-assign]


def _create_test_db(
    creation: Any, verbosity: int = 1, autoclobber: bool = False, serialize: Any = None, keepdb: bool = False
) -> str:
    if connection.vendor == "postgresql":
        connection.settings_dict["TEST"]["TEMPLATE"] = template("postgresql")
    name: str = creation._create_test_db(verbosity, autoclobber, keepdb)
    connection.close()
    settings.DATABASES[connection.alias]["NAME"] = connection.settings_dict["NAME"] = name
    connection.ensure_connection()
    if connection.vendor == "sqlite":
        put_back()
    return name


def put_back() -> None:
    """Make the test database what it was at first, whatever was committed to it."""
    if connection.vendor == "sqlite":
        connection.ensure_connection()
        with closing(sqlite3.connect(template("sqlite"))) as file:
            file.backup(connection.connection)
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT baseline.put_back()")
