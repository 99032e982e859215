"""The port every catalog engine implements, and the plain values that cross it.

Rows are dictionaries of JSON-safe values (see `values`): moments are ISO 8601 text, decimals exact text,
NaN and infinities None.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, BinaryIO, Literal, NewType, Protocol, TypeAlias

if TYPE_CHECKING:
    import pyarrow as pa

Kind: TypeAlias = Literal["table", "volume"]
Row: TypeAlias = dict[str, object]
SourceVersion = NewType("SourceVersion", str)
"""A sha-256 in hex that changes when the content of a table or the listing of a volume changes."""


@dataclass(frozen=True)
class Column:
    """`source` is `schema.table#column` (or `schema.volume`) where the values come from."""

    name: str
    type: str
    description: str = ""
    tags: tuple[str, ...] = ()
    source: str = ""


@dataclass(frozen=True)
class Table:
    """`row_count` is None where counting would mean reading the whole table."""

    ref: str
    description: str
    tags: tuple[str, ...]
    columns: tuple[Column, ...]
    row_count: int | None
    source_version: SourceVersion


@dataclass(frozen=True)
class Volume:
    ref: str
    description: str
    tags: tuple[str, ...]
    file_count: int


@dataclass(frozen=True)
class VolumeFile:
    """`path` is relative to its volume, `size` in bytes, `modified` in UTC."""

    path: str
    size: int
    modified: datetime


@dataclass(frozen=True)
class Join:
    """A secondary source; every primary row is kept and none is multiplied.

    A table: `keys` are (column so far, column of the table) pairs. Its other columns join as
    `<alias>_<column>`; its key columns are dropped, they repeat the left ones.
    A volume: `pattern` is a file name with `{column}` placeholders, such as `{invoice_id}.pdf`; the
    result is one column `<alias>_path`, NULL where the volume has no such file.
    Numbers are compared as numbers; anything else whose types differ is compared as text.
    """

    ref: str
    alias: str
    kind: Kind = "table"
    keys: tuple[tuple[str, str], ...] = ()
    pattern: str = ""


@dataclass(frozen=True)
class Selection:
    """What a Sheet points at. `columns` empty means all; filter and item key may use any column.

    `sample_size` takes the n rows with the smallest md5 of the item key, after the filter: the same rows
    every time, and a new row displaces at most one other.
    A volume as primary has the columns path, name, size and modified.
    """

    primary: str
    item_key: str
    primary_kind: Kind = "table"
    joins: tuple[Join, ...] = ()
    filter_sql: str = ""
    sample_size: int | None = None
    columns: tuple[str, ...] = ()


class Catalog(Protocol):
    """Tables and files by name; reads only, but for `write_table`, `create_volume` and `write_file`."""

    def list_schemas(self) -> list[str]: ...

    def list_tables(self, schema: str) -> list[str]:
        """Refs of the schema's tables, sorted."""

    def list_volumes(self, schema: str) -> list[str]:
        """Refs of the schema's volumes, sorted."""

    def get_table(self, ref: str) -> Table: ...

    def get_volume(self, ref: str) -> Volume: ...

    def list_files(
        self, volume_ref: str, prefix: str = "", limit: int = 100, after: str | None = None
    ) -> list[VolumeFile]:
        """One page of files, sorted by path; `after` is the last path of the page before."""

    def sample_rows(self, ref: str, limit: int = 20) -> list[Row]:
        """The first rows of a table in the order of its file."""

    def open_file(self, volume_ref: str, path: str) -> BinaryIO: ...

    def read_file(self, volume_ref: str, path: str) -> bytes: ...

    def source_version(self, ref: str, kind: Kind = "table") -> SourceVersion: ...

    def columns(self, selection: Selection) -> tuple[Column, ...]:
        """Columns of the joined result with the tags of where they come from."""

    def count(self, selection: Selection) -> int: ...

    def duplicate_keys(self, selection: Selection, limit: int = 20) -> list[tuple[str | None, int]]:
        """Item keys on more than one row, and (None, n) for n rows without a key; before sampling."""

    def iter_rows(
        self,
        selection: Selection,
        *,
        after: str | None = None,
        batch_size: int = 1000,
        columns: Sequence[str] | None = None,
    ) -> Iterator[list[Row]]:
        """All rows in batches, ordered by item key as text (code point order), each with its `item_ref`.

        `after` resumes behind that item_ref.
        :raises DuplicateItemKey: on reaching two rows with one key, or a row without.
        """

    def get_rows(self, selection: Selection, item_refs: Sequence[str]) -> dict[str, Row]:
        """Rows by item_ref in one query; unknown ones are absent. The filter binds, the sample does not,
        so that an item stays readable after a new row displaced it from the sample.
        """

    def preview(self, selection: Selection, limit: int = 20) -> list[Row]:
        """The first rows in item order; does not insist on unique keys, so that they can be looked at."""

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
        """Write a whole table or nothing; of `columns` the name, description and tags are used.

        :raises TableExists: there is one, and `replace` is not set.
        """

    def create_volume(self, ref: str, *, description: str = "", tags: Sequence[str] = ()) -> Volume:
        """Create a volume, or describe one that exists anew."""

    def write_file(self, volume_ref: str, path: str, content: bytes) -> VolumeFile:
        """Write a whole file or nothing; a file of that path is replaced."""
