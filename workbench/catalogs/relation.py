"""The SQL of a Selection: primary source, joins, filter, item key and sample."""
# ruff: noqa: S608 - names and texts are quoted by connection.name and connection.text

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from workbench.catalogs.connection import name, text
from workbench.catalogs.errors import InvalidSelection, UnknownColumn
from workbench.catalogs.port import Column, Join, Selection
from workbench.catalogs.tables import IDENTIFIER

PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
NUMERIC = re.compile(r"(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL.*)")
MAX_JOINS = 10


@dataclass(frozen=True)
class Relation:
    """A query and its columns, in order."""

    sql: str
    columns: tuple[Column, ...]

    def column(self, wanted: str, *, source: str, field: str) -> Column:
        """The column of that name, in any case.

        :raises UnknownColumn: there is none.
        """
        for column in self.columns:
            if column.name.casefold() == wanted.casefold():
                return column
        raise UnknownColumn(wanted, [column.name for column in self.columns], source=source, field=field)


@dataclass(frozen=True)
class KeyPair:
    """Both sides of one join condition, brought to comparable types; `l` and `r` are the two sides."""

    left: str
    right: str
    right_column: str


def check_joins(selection: Selection) -> None:
    """Rules that need no source: identifiers, unique aliases, keys for tables and a pattern for volumes."""
    aliases = [join.alias.casefold() for join in selection.joins]
    if len(aliases) > MAX_JOINS:
        raise _invalid(f"{len(aliases)} sources are joined, the most are {MAX_JOINS}.")
    for join in selection.joins:
        if not IDENTIFIER.fullmatch(join.alias):
            raise _invalid(f"The alias {join.alias[:100]!a} must be letters, digits and underscores.")
        if aliases.count(join.alias.casefold()) > 1:
            raise _invalid(f"The alias '{join.alias}' is used twice; give each source its own.")
        if join.kind == "table" and (not join.keys or join.pattern):
            raise _invalid(f"The table '{join.ref}' needs one or more key pairs, and no pattern.")
        if join.kind == "volume" and (join.keys or not join.pattern):
            raise _invalid(f"The volume '{join.ref}' needs a pattern such as {{id}}.pdf, and no keys.")


def key_pairs(left: Relation, right: Relation, join: Join) -> list[KeyPair]:
    return [_key_pair(left, right, join, pair) for pair in join.keys]


def _key_pair(left: Relation, right: Relation, join: Join, pair: tuple[str, str]) -> KeyPair:
    a = left.column(pair[0], source="The selection so far", field="joins")
    b = right.column(pair[1], source=f"Table '{join.ref}'", field="joins")
    one, two = f"l.{name(a.name)}", f"r.{name(b.name)}"
    if a.type != b.type and not (NUMERIC.fullmatch(a.type) and NUMERIC.fullmatch(b.type)):
        one, two = _as_text(one), _as_text(two)
    return KeyPair(one, two, b.name)


def duplicates_sql(right: Relation, pairs: Sequence[KeyPair], limit: int) -> str:
    """Key values (as text) on more than one row, and how many rows each has."""
    keys = ", ".join(pair.right for pair in pairs)
    shown = " || ' / ' || ".join(_as_text(pair.right) for pair in pairs)
    present = " AND ".join(f"{pair.right} IS NOT NULL" for pair in pairs)
    return (
        f"SELECT {shown} AS value, count(*) AS rows FROM ({right.sql}) r WHERE {present} "
        f"GROUP BY {keys} HAVING count(*) > 1 ORDER BY rows DESC, value LIMIT {limit:d}"
    )


def join_table(left: Relation, right: Relation, join: Join, pairs: Sequence[KeyPair]) -> Relation:
    dropped = {pair.right_column for pair in pairs}
    kept = [column for column in right.columns if column.name not in dropped]
    added = tuple(replace(column, name=f"{join.alias}_{column.name}") for column in kept)
    _refuse_collisions(left, added, join)
    selected = "".join(f", r.{name(a.name)} AS {name(b.name)}" for a, b in zip(kept, added, strict=True))
    condition = " AND ".join(f"{pair.left} = {pair.right}" for pair in pairs)
    sql = f"SELECT l.*{selected} FROM ({left.sql}) l LEFT JOIN ({right.sql}) r ON {condition}"
    return Relation(sql, left.columns + added)


def join_volume(left: Relation, view: str, join: Join, tags: tuple[str, ...]) -> Relation:
    """`view` has one text column `path` of distinct values."""
    path = Column(f"{join.alias}_path", "VARCHAR", f"File of volume {join.ref}", tags, join.ref)
    _refuse_collisions(left, (path,), join)
    sql = (
        f"SELECT l.*, r.path AS {name(path.name)} FROM ({left.sql}) l "
        f"LEFT JOIN {name(view)} r ON r.path = {_file_name(left, join)}"
    )
    return Relation(sql, (*left.columns, path))


def _file_name(left: Relation, join: Join) -> str:
    """SQL of the pattern with its placeholders filled; NULL where a placeholder is."""
    pieces = PLACEHOLDER.split(join.pattern)
    literals, placeholders = pieces[::2], pieces[1::2]
    if not placeholders or any(set(literal) & set("{}/\\") for literal in literals):
        raise _invalid(
            f"The pattern {join.pattern[:200]!a} must be a file name with one or more {{column}} "
            "placeholders, such as {invoice_id}.pdf, without a folder."
        )
    columns = [left.column(wanted, source="The selection so far", field="joins") for wanted in placeholders]
    parts = [text(literals[0])]
    for column, literal in zip(columns, literals[1:], strict=True):
        parts += [_as_text(f"l.{name(column.name)}"), text(literal)]
    return " || ".join(parts)


def _refuse_collisions(left: Relation, added: Sequence[Column], join: Join) -> None:
    taken = {column.name.casefold() for column in left.columns}
    twice = [column.name for column in added if column.name.casefold() in taken]
    if twice:
        raise _invalid(f"The column '{twice[0]}' of '{join.ref}' exists already; choose another alias.")


def with_items(relation: Relation, selection: Selection) -> Relation:
    """The filtered rows, with the item key as text in `item_ref` (NULL where it is missing or empty)."""
    key = relation.column(selection.item_key, source="The selection", field="item_key")
    others = [column for column in relation.columns if column.name.casefold() != "item_ref"]
    if len(others) < len(relation.columns) and key.name.casefold() != "item_ref":
        raise _invalid("The name item_ref is kept for the item key: make that column the key, or rename it.")
    condition = ""
    if selection.filter_sql.strip():
        from workbench.catalogs.filters import parse_filter  # its SQL parser is slow to import

        types = {column.name: column.type for column in relation.columns}
        condition = f" WHERE ({parse_filter(selection.filter_sql, types).sql})"
    item_ref = f"nullif({_as_text(name(key.name))}, '') AS item_ref"
    listed = ", ".join([item_ref, *(name(column.name) for column in others)])
    sql = f"SELECT {listed} FROM (SELECT * FROM ({relation.sql}){condition})"
    return Relation(sql, (Column("item_ref", "VARCHAR", source=key.source), *others))


def sampled(items: Relation, size: int | None) -> Relation:
    """The n smallest md5 of the item key; rows without a key come first, so that they are noticed."""
    if size is None:
        return items
    if size < 1:
        raise InvalidSelection(f"The sample size is {size}; it must be 1 or more.", field="sample_size")
    sql = f"SELECT * FROM ({items.sql}) ORDER BY md5(item_ref) NULLS FIRST, item_ref LIMIT {size:d}"
    return Relation(sql, items.columns)


def select_list(items: Relation, wanted: Sequence[str]) -> str:
    """`item_ref` and the wanted columns (all if none); moments with a zone as ISO text in UTC."""
    chosen = [
        items.column(column, source="The selection", field="columns") for column in wanted
    ] or items.columns
    names = dict.fromkeys(["item_ref", *(column.name for column in chosen)])
    types = {column.name: column.type for column in items.columns}
    return ", ".join(shown(column, types[column]) for column in names)


def shown(column: str, kind: str) -> str:
    """A column as it is fetched; the driver cannot fetch moments with a zone by itself."""
    if kind != "TIMESTAMP WITH TIME ZONE":
        return name(column)
    return f"strftime(timezone('UTC', {name(column)}), '%Y-%m-%dT%H:%M:%S.%fZ') AS {name(column)}"


def _as_text(expression: str) -> str:
    return f"CAST({expression} AS VARCHAR)"


def _invalid(message: str) -> InvalidSelection:
    return InvalidSelection(message, field="joins")
