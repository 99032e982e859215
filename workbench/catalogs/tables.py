"""Table files of a folder: finding them, the YAML beside them, and the SQL that reads them with fixed types.

Layout: `<root>/<schema>/<table>.csv|parquet|jsonl` with `<table>.yaml`, and
`<root>/<schema>/volumes/<volume>/` with `volumes/<volume>.yaml` beside the folder.
"""
# ruff: noqa: S608 - names and texts are quoted by connection.name and connection.text

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from workbench.catalogs import volumes
from workbench.catalogs.connection import first_line, text
from workbench.catalogs.errors import (
    InvalidName,
    SourceUnreadable,
    UnknownSchema,
    UnknownTable,
    UnknownVolume,
)
from workbench.catalogs.port import SourceVersion

if TYPE_CHECKING:
    import duckdb

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
FORMATS = ("csv", "parquet", "jsonl")
VOLUMES_FOLDER = "volumes"
DELIMITERS = (",", ";", "\t", "|")
SIMPLE_TYPE = re.compile(r"[A-Z][A-Z ]*(\(\d+(, ?\d+)?\))?")

Stamp: TypeAlias = tuple[str, int, int, int]
Types: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Note:
    """What the YAML says about a source or a column; `type` overrides the inferred one (CSV and JSONL)."""

    description: str = ""
    tags: tuple[str, ...] = ()
    type: str = ""
    columns: dict[str, Note] = field(default_factory=dict)


@dataclass(frozen=True)
class TableFile:
    ref: str
    path: Path
    note: Note

    @property
    def format(self) -> str:
        return self.path.suffix[1:]

    @property
    def stamp(self) -> Stamp:
        """Changes when the file does, without reading it."""
        return stamp(self.path)


def split_ref(ref: str, *, kind: str = "table") -> tuple[str, str]:
    """Schema and name of `schema.name`.

    :raises InvalidName: it is not two identifiers, or the schema is the folder kept for volumes.
    """
    schema, _, last = ref.partition(".")
    if not IDENTIFIER.fullmatch(schema) or not IDENTIFIER.fullmatch(last) or schema == VOLUMES_FOLDER:
        raise InvalidName(
            f"{ref[:200]!a} is not the name of a {kind}: expected schema.{kind}, both made of letters, "
            f"digits and underscores, not starting with a digit (and no schema called {VOLUMES_FOLDER})."
        )
    return schema, last


def schemas(root: Path) -> list[str]:
    with os.scandir(root) as entries:
        return sorted(
            entry.name
            for entry in entries
            if entry.is_dir(follow_symlinks=False)
            and IDENTIFIER.fullmatch(entry.name)
            and entry.name != VOLUMES_FOLDER
        )


def schema_folder(root: Path, schema: str) -> Path:
    if schema not in (known := schemas(root)):
        raise UnknownSchema(schema[:200], known)
    return root / schema


def table_refs(root: Path, schema: str) -> list[str]:
    """Refs of files with a known ending whose stem is an identifier; other files are no tables."""
    folder = schema_folder(root, schema)
    names = {
        path.stem
        for path in folder.iterdir()
        if path.suffix[1:] in FORMATS and IDENTIFIER.fullmatch(path.stem) and _is_plain_file(path)
    }
    return [f"{schema}.{stem}" for stem in sorted(names)]


def volume_refs(root: Path, schema: str) -> list[str]:
    folder = schema_folder(root, schema) / VOLUMES_FOLDER
    if not folder.is_dir() or folder.is_symlink():
        return []
    return [f"{schema}.{path.name}" for path in sorted(folder.iterdir()) if _is_volume(path)]


def find_table(root: Path, ref: str) -> TableFile:
    schema, table = split_ref(ref)
    folder = schema_folder(root, schema)
    found = [path for path in (folder / f"{table}.{ending}" for ending in FORMATS) if _is_plain_file(path)]
    if not found:
        raise UnknownTable(ref, table_refs(root, schema))
    if len(found) > 1:
        files = ", ".join(path.name for path in found)
        raise SourceUnreadable(ref, f"there are several files of that name ({files}); keep one of them.")
    return TableFile(ref, found[0], read_note(found[0].with_suffix(".yaml"), ref))


def find_volume(root: Path, ref: str) -> tuple[Path, Note]:
    schema, volume = split_ref(ref, kind="volume")
    if ref not in (known := volume_refs(root, schema)):
        raise UnknownVolume(ref, known)
    path = root / schema / VOLUMES_FOLDER / volume
    return path, read_note(path.with_suffix(".yaml"), ref)


def stamp(path: Path) -> Stamp:
    info = os.stat(path)
    return str(path), info.st_size, info.st_mtime_ns, info.st_ino


@lru_cache(maxsize=1024)
def table_version(stamp: Stamp) -> SourceVersion:
    """sha-256 of the file's bytes."""
    with open(stamp[0], "rb") as file:
        return SourceVersion(hashlib.file_digest(file, "sha256").hexdigest())


def volume_version(folder: Path) -> SourceVersion:
    """sha-256 over path, size and moment of change of every file: reading all files would take too long."""
    digest = hashlib.sha256()
    for relative in sorted(volumes.walk(folder)):
        info = os.lstat(folder / relative)
        digest.update(f"{relative}\0{info.st_size}\0{info.st_mtime_ns}\n".encode())
    return SourceVersion(digest.hexdigest())


# The YAML beside a source


def read_note(path: Path, ref: str) -> Note:
    """The note at `path`; without a file there is nothing to say.

    :raises SourceUnreadable: it is there and cannot be understood. Tags would be lost, so nothing is guessed.
    """
    import yaml

    if path.is_symlink():
        raise SourceUnreadable(ref, f"{path.name} is a symbolic link.")
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError:
        return Note()
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SourceUnreadable(ref, f"{path.name} is not YAML: {error}") from error
    return _note(content or {}, path.name, ref)


def _note(content: object, where: str, ref: str) -> Note:
    known = {"description", "tags", "columns", "type"}
    if not isinstance(content, dict) or not set(content) <= known:
        raise SourceUnreadable(ref, f"{where} must have only the keys {', '.join(sorted(known))}.")
    columns = content.get("columns") or {}
    if not isinstance(columns, dict):
        raise SourceUnreadable(ref, f"{where}: columns must map a column name to its description and tags.")
    return Note(
        description=str(content.get("description") or ""),
        tags=_tags(content.get("tags"), where, ref),
        type=_type(content.get("type"), where, ref),
        columns={
            str(column): _note(inner or {}, f"{where}, column {column}", ref)
            for column, inner in columns.items()
        },
    )


def _tags(tags: object, where: str, ref: str) -> tuple[str, ...]:
    if tags is None:
        return ()
    if not isinstance(tags, list) or not all(isinstance(tag, str) and tag.strip() for tag in tags):
        raise SourceUnreadable(ref, f"{where}: tags must be a list of words, such as [PHI].")
    return tuple(tag.strip() for tag in tags)


def _type(kind: object, where: str, ref: str) -> str:
    written = str(kind or "").upper()
    if written and not SIMPLE_TYPE.fullmatch(written):
        raise SourceUnreadable(ref, f"{where}: '{kind}' is no simple type such as VARCHAR or DATE.")
    return written


# Reading


def inferred_types(connection: duckdb.DuckDBPyConnection, table: TableFile) -> Types:
    """Column names and types over the whole file, with the note's types put in place of the inferred ones."""
    import duckdb

    try:
        types = (
            _csv_types(connection, table) if table.format == "csv" else _described_types(connection, table)
        )
    except duckdb.Error as error:
        raise SourceUnreadable(table.ref, f"{table.path.name}: {first_line(error)}") from error
    _refuse_unknown_notes(table, [column for column, _ in types])
    return tuple((column, _noted_type(table, column) or kind) for column, kind in types)


def scan(table: TableFile, types: Types) -> str:
    """SQL of all rows; nothing is inferred here, so that one bad row cannot change the others."""
    path = text(str(table.path))
    if table.format == "parquet":
        return f"SELECT * FROM read_parquet({path})"
    columns = "{" + ", ".join(f"{text(column)}: {text(kind)}" for column, kind in types) + "}"
    if table.format == "jsonl":
        return f"SELECT * FROM read_json({path}, format='newline_delimited', columns={columns})"
    return f"SELECT * FROM read_csv({path}, auto_detect=false, columns={columns}, {_csv_dialect(table)})"


def _csv_types(connection: duckdb.DuckDBPyConnection, table: TableFile) -> Types:
    if not _header(table):
        raise SourceUnreadable(table.ref, f"{table.path.name} has no first line that names its columns.")
    sniffed = connection.execute(
        f"SELECT Columns FROM sniff_csv({text(str(table.path))}, sample_size=-1, {_csv_dialect(table)})"
    ).fetchall()
    return tuple((column["name"], column["type"]) for column in sniffed[0][0])


def _described_types(connection: duckdb.DuckDBPyConnection, table: TableFile) -> Types:
    path = text(str(table.path))
    parquet = table.format == "parquet"
    reader = (
        f"read_parquet({path})"
        if parquet
        else f"read_json({path}, format='newline_delimited', sample_size=-1)"
    )
    return tuple(
        (row[0], row[1]) for row in connection.execute(f"DESCRIBE SELECT * FROM {reader}").fetchall()
    )


def _csv_dialect(table: TableFile) -> str:
    """Everything but the types is settled: left alone, the reader drops rows that do not suit its guess."""
    delimiter = text(_delimiter(_header(table)))
    return (
        f"header=true, skip=0, delim={delimiter}, quote='\"', escape='\"', comment='', "
        "null_padding=false, ignore_errors=false, strict_mode=true"
    )


def _header(table: TableFile) -> str:
    with table.path.open(encoding="utf-8-sig", errors="replace") as file:
        return file.readline()


def _delimiter(header: str) -> str:
    """The most frequent delimiter outside quotes in the header, a comma if none is there."""
    unquoted = re.sub(r'"[^"]*"', "", header)
    return max(DELIMITERS, key=unquoted.count)


def _noted_type(table: TableFile, column: str) -> str:
    return table.note.columns[column].type if column in table.note.columns else ""


def _refuse_unknown_notes(table: TableFile, columns: list[str]) -> None:
    """A note on a misspelt column would leave the real column without its tags."""
    unknown = [column for column in table.note.columns if column not in columns]
    if unknown:
        raise SourceUnreadable(
            table.ref,
            f"{table.path.stem}.yaml describes the column '{unknown[0]}', which the table does not have. "
            f"Its columns are {', '.join(columns)}.",
        )
    typed = [column for column, note in table.note.columns.items() if note.type]
    if typed and table.format == "parquet":
        raise SourceUnreadable(table.ref, f"Parquet has its own types; remove the type of '{typed[0]}'.")


def _is_plain_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _is_volume(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and IDENTIFIER.fullmatch(path.name) is not None
