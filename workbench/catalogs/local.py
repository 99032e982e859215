"""The embedded catalog: DuckDB over a folder, one short-lived in-memory connection per operation."""
# ruff: noqa: S608 - names and texts are quoted by connection.name and connection.text

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from workbench.catalogs import relation, tables, volumes, writing
from workbench.catalogs.connection import connected, first_line
from workbench.catalogs.errors import (
    DuplicateItemKey,
    DuplicateJoinKey,
    InvalidFilter,
    SourceUnreadable,
    TableExists,
)
from workbench.catalogs.port import (
    Column,
    Join,
    Kind,
    Row,
    Selection,
    SourceVersion,
    Table,
    Volume,
    VolumeFile,
)
from workbench.catalogs.relation import Relation
from workbench.catalogs.tables import TableFile
from workbench.catalogs.values import as_rows

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

DUPLICATES_SHOWN = 5
FILE_COLUMNS = (
    ("path", "VARCHAR"),
    ("name", "VARCHAR"),
    ("size", "BIGINT"),
    ("modified", "TIMESTAMP WITH TIME ZONE"),
)


class LocalCatalog:
    """Implements `port.Catalog` over `root`; see `tables` for the layout of the folder."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root).resolve(strict=True)
        if set(str(self.root)) & set("*?[]{}"):
            raise ValueError(f"The catalog folder {self.root} has a wildcard in its path; move it.")
        # Both are keyed by the stamp of a file, so that a changed file is looked at again.
        self._types: dict[str, tuple[object, tables.Types]] = {}
        self._unique: dict[object, tables.Stamp] = {}

    # Browsing

    def list_schemas(self) -> list[str]:
        return tables.schemas(self.root)

    def list_tables(self, schema: str) -> list[str]:
        return tables.table_refs(self.root, schema)

    def list_volumes(self, schema: str) -> list[str]:
        return tables.volume_refs(self.root, schema)

    def get_table(self, ref: str) -> Table:
        table = tables.find_table(self.root, ref)
        with self._reading(ref) as connection:
            source = self._table_relation(connection, table)
            counted = connection.execute(f"SELECT count(*) FROM ({source.sql})").fetchall()
        version = tables.table_version(table.stamp)
        return Table(ref, table.note.description, table.note.tags, source.columns, counted[0][0], version)

    def get_volume(self, ref: str) -> Volume:
        folder, note = tables.find_volume(self.root, ref)
        return Volume(ref, note.description, note.tags, sum(1 for _ in volumes.walk(folder)))

    def list_files(
        self, volume_ref: str, prefix: str = "", limit: int = 100, after: str | None = None
    ) -> list[VolumeFile]:
        folder, _ = tables.find_volume(self.root, volume_ref)
        found = sorted(
            path
            for path in volumes.walk(folder)
            if path.startswith(prefix) and (after is None or path > after)
        )
        return [volumes.describe(folder, path) for path in found[:limit]]

    def sample_rows(self, ref: str, limit: int = 20) -> list[Row]:
        table = tables.find_table(self.root, ref)
        with self._reading(ref) as connection:
            source = self._table_relation(connection, table)
            listed = ", ".join(relation.shown(column.name, column.type) for column in source.columns)
            connection.execute(f"SELECT {listed} FROM ({source.sql}) LIMIT {limit:d}")
            return _fetched(connection, limit)

    def open_file(self, volume_ref: str, path: str) -> BinaryIO:
        folder, _ = tables.find_volume(self.root, volume_ref)
        return volumes.open_inside(folder, path, volume_ref=volume_ref)

    def read_file(self, volume_ref: str, path: str) -> bytes:
        with self.open_file(volume_ref, path) as file:
            return file.read()

    def source_version(self, ref: str, kind: Kind = "table") -> SourceVersion:
        if kind == "volume":
            return tables.volume_version(tables.find_volume(self.root, ref)[0])
        return tables.table_version(tables.find_table(self.root, ref).stamp)

    # Selections

    def columns(self, selection: Selection) -> tuple[Column, ...]:
        with self._reading(selection.primary, selection) as connection:
            joined = self._joined(connection, selection)
            relation.with_items(joined, selection)  # a selection that cannot be read has no columns
        if not selection.columns:
            return joined.columns
        return tuple(
            joined.column(wanted, source="The selection", field="columns") for wanted in selection.columns
        )

    def count(self, selection: Selection) -> int:
        with self._reading(selection.primary, selection) as connection:
            items = relation.sampled(self._items(connection, selection), selection.sample_size)
            return int(connection.execute(f"SELECT count(*) FROM ({items.sql})").fetchall()[0][0])

    def duplicate_keys(self, selection: Selection, limit: int = 20) -> list[tuple[str | None, int]]:
        with self._reading(selection.primary, selection) as connection:
            items = self._items(connection, selection)
            return connection.execute(
                f"SELECT item_ref, count(*) AS rows FROM ({items.sql}) GROUP BY item_ref "
                f"HAVING count(*) > 1 OR item_ref IS NULL ORDER BY rows DESC, item_ref LIMIT {limit:d}"
            ).fetchall()

    def iter_rows(
        self,
        selection: Selection,
        *,
        after: str | None = None,
        batch_size: int = 1000,
        columns: Sequence[str] | None = None,
    ) -> Iterator[list[Row]]:
        with self._reading(selection.primary, selection) as connection:
            items = relation.sampled(self._items(connection, selection), selection.sample_size)
            listed = relation.select_list(items, columns or selection.columns)
            # A row without a key is reached on resuming too: it is an error, wherever one starts.
            connection.execute(
                f"SELECT {listed} FROM ({items.sql}) "
                "WHERE $after IS NULL OR item_ref > $after OR item_ref IS NULL ORDER BY item_ref NULLS FIRST",
                {"after": after},
            )
            last = after
            while batch := _fetched(connection, batch_size):
                last = _checked_keys(batch, selection.item_key, last)
                yield batch

    def get_rows(self, selection: Selection, item_refs: Sequence[str]) -> dict[str, Row]:
        with self._reading(selection.primary, selection) as connection:
            items = self._items(connection, selection)
            listed = relation.select_list(items, selection.columns)
            connection.execute(
                f"SELECT {listed} FROM ({items.sql}) "
                "WHERE item_ref IN (SELECT unnest($refs::VARCHAR[])) ORDER BY item_ref",
                {"refs": list(item_refs)},
            )
            rows = _fetched(connection, None)
        _checked_keys(rows, selection.item_key, None)
        return {str(row["item_ref"]): row for row in rows}

    def preview(self, selection: Selection, limit: int = 20) -> list[Row]:
        with self._reading(selection.primary, selection) as connection:
            items = relation.sampled(self._items(connection, selection), selection.sample_size)
            listed = relation.select_list(items, selection.columns)
            connection.execute(
                f"SELECT {listed} FROM ({items.sql}) ORDER BY item_ref NULLS FIRST LIMIT {limit:d}"
            )
            return _fetched(connection, limit)

    # Writing

    def write_table(
        self,
        ref: str,
        rows: pa.Table | Sequence[Mapping[str, object]],
        *,
        description: str = "",
        tags: Sequence[str] = (),
        columns: Sequence[Column] = (),
        replace: bool = False,
    ) -> Table:
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema, table = tables.split_ref(ref)
        content = rows if isinstance(rows, pa.Table) else pa.Table.from_pylist([dict(row) for row in rows])
        writing.refuse_unusable(ref, content, columns)
        target = self._made(schema) / f"{table}.parquet"
        self._refuse_existing(ref, target, replace=replace)
        # The tags first: data must never be readable without them.
        writing.write_note(target.with_suffix(".yaml"), description, tags, columns)
        with writing.replacing(target) as temporary:
            pq.write_table(content, temporary)
        return self.get_table(ref)

    def create_volume(self, ref: str, *, description: str = "", tags: Sequence[str] = ()) -> Volume:
        schema, volume = tables.split_ref(ref, kind="volume")
        folder = self._made(schema, tables.VOLUMES_FOLDER)
        writing.write_note(folder / f"{volume}.yaml", description, tags, ())
        self._made(schema, tables.VOLUMES_FOLDER, volume)
        return self.get_volume(ref)

    def write_file(self, volume_ref: str, path: str, content: bytes) -> VolumeFile:
        folder, _ = tables.find_volume(self.root, volume_ref)
        target = volumes.resolve(folder, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with writing.replacing(target) as temporary:
            temporary.write_bytes(content)
        return volumes.describe(folder, path)

    def _made(self, *parts: str) -> Path:
        folder = volumes.resolve(self.root, "/".join(parts))
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _refuse_existing(self, ref: str, target: Path, *, replace: bool) -> None:
        found = [target.with_suffix(f".{ending}") for ending in tables.FORMATS]
        for path in (path for path in found if os.path.lexists(path)):
            if not replace or path != target:
                raise TableExists(ref, path.name)

    # Reading with DuckDB

    @contextmanager
    def _reading(self, ref: str, selection: Selection | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection whose errors become ours. Only a filter casts, so a failed cast is the filter's."""
        import duckdb

        with connected(self.root) as connection:
            try:
                yield connection
            except duckdb.DataError as error:
                if selection is None or not selection.filter_sql.strip() or "CSV Error" in str(error):
                    raise SourceUnreadable(ref, first_line(error)) from error
                problem = f"{first_line(error)}. Use TRY_CAST to pass over values that do not fit."
                raise InvalidFilter(problem, line=1, column=1, text=selection.filter_sql[:100]) from error
            except duckdb.Error as error:
                raise SourceUnreadable(ref, first_line(error)) from error

    def _items(self, connection: duckdb.DuckDBPyConnection, selection: Selection) -> Relation:
        return relation.with_items(self._joined(connection, selection), selection)

    def _joined(self, connection: duckdb.DuckDBPyConnection, selection: Selection) -> Relation:
        relation.check_joins(selection)
        joined = self._primary(connection, selection)
        for number, join in enumerate(selection.joins):
            if join.kind == "volume":
                joined = self._with_volume(connection, joined, join, f"files_{number}")
            else:
                joined = self._with_table(connection, joined, join)
        return joined

    def _primary(self, connection: duckdb.DuckDBPyConnection, selection: Selection) -> Relation:
        if selection.primary_kind == "table":
            return self._table_relation(connection, tables.find_table(self.root, selection.primary))
        folder, note = tables.find_volume(self.root, selection.primary)
        connection.register("primary_files", _file_listing(folder))
        kinds = {
            "path": "VARCHAR",
            "name": "VARCHAR",
            "size": "BIGINT",
            "modified": "TIMESTAMP WITH TIME ZONE",
        }
        listed = tuple(
            Column(column, kind, tags=note.tags, source=selection.primary) for column, kind in kinds.items()
        )
        return Relation("SELECT * FROM primary_files", listed)

    def _with_table(self, connection: duckdb.DuckDBPyConnection, left: Relation, join: Join) -> Relation:
        table = tables.find_table(self.root, join.ref)
        right = self._table_relation(connection, table)
        pairs = relation.key_pairs(left, right, join)
        self._refuse_duplicates(connection, table, right, pairs)
        return relation.join_table(left, right, join, pairs)

    def _with_volume(
        self, connection: duckdb.DuckDBPyConnection, left: Relation, join: Join, view: str
    ) -> Relation:
        import pyarrow as pa

        folder, note = tables.find_volume(self.root, join.ref)
        connection.register(view, pa.table({"path": pa.array(volumes.walk(folder), pa.string())}))
        return relation.join_volume(left, view, join, note.tags)

    def _table_relation(self, connection: duckdb.DuckDBPyConnection, table: TableFile) -> Relation:
        types = self._column_types(connection, table)
        notes = table.note.columns
        columns = tuple(
            Column(
                column,
                kind,
                notes[column].description if column in notes else "",
                notes[column].tags if column in notes else (),
                f"{table.ref}#{column}",
            )
            for column, kind in types
        )
        return Relation(tables.scan(table, types), columns)

    def _column_types(self, connection: duckdb.DuckDBPyConnection, table: TableFile) -> tables.Types:
        """Types are found once per content of a file: for CSV it means reading all of it."""
        noted = tuple((column, note.type) for column, note in table.note.columns.items())
        known = (table.stamp, noted)
        cached = self._types.get(table.ref)
        if cached is None or cached[0] != known:
            cached = (known, tables.inferred_types(connection, table))
            self._types[table.ref] = cached
        return cached[1]

    def _refuse_duplicates(
        self,
        connection: duckdb.DuckDBPyConnection,
        table: TableFile,
        right: Relation,
        pairs: Sequence[relation.KeyPair],
    ) -> None:
        keys = (table.ref, tuple(pair.right for pair in pairs))
        stamp = table.stamp
        if self._unique.get(keys) == stamp:
            return
        found = connection.execute(relation.duplicates_sql(right, pairs, DUPLICATES_SHOWN)).fetchall()
        if found:
            raise DuplicateJoinKey(table.ref, [pair.right_column for pair in pairs], found)
        self._unique[keys] = stamp


def _fetched(connection: duckdb.DuckDBPyConnection, limit: int | None) -> list[Row]:
    described = connection.description or []
    names, types = [column[0] for column in described], [str(column[1]) for column in described]
    return as_rows(names, types, connection.fetchall() if limit is None else connection.fetchmany(limit))


def _checked_keys(rows: list[Row], item_key: str, last: str | None) -> str | None:
    """The last item_ref of rows that are in order; equal neighbours are duplicates."""
    for row in rows:
        ref = row["item_ref"]
        if not isinstance(ref, str) or ref == last:
            raise DuplicateItemKey(item_key, None if ref is None else str(ref))
        last = ref
    return last


def _file_listing(folder: Path) -> pa.Table:
    import pyarrow as pa

    files = [volumes.describe(folder, path) for path in volumes.walk(folder)]
    return pa.table(
        {
            "path": pa.array([file.path for file in files], pa.string()),
            "name": pa.array([file.path.rpartition("/")[2] for file in files], pa.string()),
            "size": pa.array([file.size for file in files], pa.int64()),
            "modified": pa.array([file.modified for file in files], pa.timestamp("us", tz="UTC")),
        }
    )
