"""A DuckDB connection that can read one folder and nothing else, and quoting for it."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

SETTINGS: dict[str, str | int | float | list[str]] = {
    "memory_limit": "512MB",
    "threads": 2,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}


@contextmanager
def connected(root: Path | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """An in-memory database that may read files under `root` only (else none) and change no setting.

    What it makes (temporary tables, registered objects) is its own and ends with it.
    """
    connection = _database(str(root) if root is not None else "").cursor()
    try:
        yield connection
    finally:
        connection.close()


@lru_cache(maxsize=8)
def _database(root: str) -> duckdb.DuckDBPyConnection:
    """The database behind all connections to one folder: starting one takes longer than most questions to it.

    One that falls out of the cache lives on until its last connection is closed.
    """
    import duckdb

    # One place for what does not fit into memory; DuckDB removes its own files, the process the folder.
    spill = tempfile.mkdtemp(prefix="catalog-")
    atexit.register(shutil.rmtree, spill, ignore_errors=True)
    database = duckdb.connect(":memory:", config={**SETTINGS, "temp_directory": spill})
    database.execute("SET GLOBAL TimeZone = 'UTC'")
    if root:
        database.execute(f"SET allowed_directories = [{text(f'{root}/')}]")
    database.execute("SET enable_external_access = false")
    database.execute("SET lock_configuration = true")
    return database


def name(identifier: str) -> str:
    """A column or view name, quoted."""
    return '"' + identifier.replace('"', '""') + '"'


def text(value: str) -> str:
    """A string literal, quoted."""
    return "'" + value.replace("'", "''") + "'"


def first_line(error: Exception) -> str:
    """DuckDB's message without its excerpt of our SQL."""
    return str(error).partition("\n")[0].strip()
