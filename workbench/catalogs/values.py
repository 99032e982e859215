"""What DuckDB returns, as JSON-safe Python.

Moments become ISO 8601 text, DECIMAL exact text (a float would lose digits), INTERVAL and UUID text,
BLOB base64, NaN and infinities None, because JSON has none.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TypeAlias
from uuid import UUID

from workbench.catalogs.port import Row

Converter: TypeAlias = Callable[[object], object]

# Values of these types are JSON-safe as they come.
PLAIN_TYPES = frozenset(
    "VARCHAR BOOLEAN TINYINT SMALLINT INTEGER BIGINT HUGEINT "
    "UTINYINT USMALLINT UINTEGER UBIGINT UHUGEINT".split()
)


def as_rows(names: Sequence[str], types: Sequence[str], records: Iterable[tuple[object, ...]]) -> list[Row]:
    """Dictionaries of JSON-safe values; columns of plain types are not touched, which keeps this fast."""
    converters = {
        name: _as_parsed if kind == "JSON" else as_plain
        for name, kind in zip(names, types, strict=True)
        if kind not in PLAIN_TYPES
    }
    rows = [dict(zip(names, record, strict=True)) for record in records]
    for row in rows:
        for name, convert in converters.items():
            row[name] = convert(row[name])
    return rows


def as_plain(value: object) -> object:
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if isinstance(value, Decimal | UUID | timedelta):
        return str(value)
    return _plain_container(value)


def _plain_container(value: object) -> object:
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, dict):
        return {str(key): as_plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [as_plain(inner) for inner in value]
    raise TypeError(f"No JSON form is decided for a value of type {type(value).__name__}.")


def _as_parsed(value: object) -> object:
    return as_plain(json.loads(value)) if isinstance(value, str) else value
