"""What a Sheet points at: the form it is written in, and what the catalog makes of it. No rows are written here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from governance.errors import InvalidInput, WorkbenchError
from workbench.catalogs.errors import nearest
from workbench.catalogs.port import Join, Selection
from workbench.sheets.errors import DuplicateItemKeys, NoItems

if TYPE_CHECKING:
    from workbench.catalogs.port import Catalog, Column
    from workbench.sheets.models import SheetVersion

ROLES = ("text", "image", "pdf", "audio", "metadata", "label")
KINDS = ("table", "volume")
SOURCE_KEYS = {"alias", "kind", "ref", "keys", "pattern"}
ROLE_OF_ENDING = {
    "pdf": "pdf",
    **dict.fromkeys(("png", "jpg", "jpeg", "webp", "gif", "tif", "tiff"), "image"),
    **dict.fromkeys(("wav", "mp3", "flac", "ogg", "m4a"), "audio"),
}
PREVIEW_ROWS = 20


@dataclass(frozen=True, kw_only=True)
class Definition:
    """Everything that a version says about its data."""

    item_key: str
    primary_ref: str
    primary_kind: str = "table"
    sources: Sequence[Mapping[str, Any]] = ()
    filter_sql: str = ""
    sample_size: int | None = None
    column_roles: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, version: SheetVersion) -> Definition:
        return cls(
            item_key=version.sheet.item_key,
            primary_ref=version.primary_ref,
            primary_kind=version.primary_kind,
            sources=version.sources,
            filter_sql=version.filter_sql,
            sample_size=version.sample_size,
            column_roles=version.column_roles,
        )

    @property
    def refs(self) -> list[str]:
        """Every table and volume it reads."""
        return [self.primary_ref, *(str(source["ref"]) for source in self.sources)]

    def selection(self) -> Selection:
        """:raises InvalidInput: a source, the kind or the sample size cannot be understood."""
        if self.primary_kind not in KINDS:
            raise InvalidInput(
                f"{self.primary_kind!r} is no kind of source; expected table or volume.", field="primary_kind"
            )
        if self.sample_size is not None and self.sample_size < 1:
            raise InvalidInput(f"The sample size is {self.sample_size}; it must be 1 or more.", field="sample_size")
        return Selection(
            primary=self.primary_ref,
            primary_kind="volume" if self.primary_kind == "volume" else "table",
            item_key=self.item_key,
            joins=tuple(_join(source, number) for number, source in enumerate(self.sources)),
            filter_sql=self.filter_sql,
            sample_size=self.sample_size,
        )


def _join(source: Mapping[str, Any], number: int) -> Join:
    where = f"sources[{number}]"
    if not isinstance(source, Mapping) or not set(source) <= SOURCE_KEYS or not source.get("ref"):
        raise InvalidInput(
            f"Source {number + 1} must have ref, alias and kind, and keys (for a table) or pattern (for a volume).",
            field=where,
        )
    kind = source.get("kind") or "table"
    if kind not in KINDS:
        raise InvalidInput(f"{kind!r} is no kind of source; expected table or volume.", field=f"{where}.kind")
    return Join(
        ref=str(source["ref"]),
        alias=str(source.get("alias") or ""),
        kind="volume" if kind == "volume" else "table",
        keys=tuple(_key_pair(pair, where) for pair in source.get("keys") or ()),
        pattern=str(source.get("pattern") or ""),
    )


def _key_pair(pair: Any, where: str) -> tuple[str, str]:
    if not isinstance(pair, list | tuple) or len(pair) != 2 or not all(isinstance(key, str) and key for key in pair):
        raise InvalidInput(
            f"{pair!r} is no pair of join keys; expected [column so far, column of this table].",
            field=f"{where}.keys",
        )
    return pair[0], pair[1]


def plain_sources(joins: Sequence[Join]) -> list[dict[str, Any]]:
    """Joins as a version stores them."""
    return [{**asdict(join), "keys": [list(pair) for pair in join.keys]} for join in joins]


@contextmanager
def naming_fields(selection: Selection) -> Iterator[None]:
    """Errors of the catalog name the field of the Sheet's form that is at fault."""
    try:
        yield
    except WorkbenchError as error:
        at_fault = error.details.get("ref")
        if error.field == "joins" or at_fault in {join.ref for join in selection.joins} - {selection.primary}:
            error.field = "sources"
        elif not error.field:
            error.field = "primary_ref"
        raise


def columns_of(catalog: Catalog, selection: Selection) -> tuple[Column, ...]:
    """:raises WorkbenchError: the definition cannot be read; the field at fault is named."""
    with naming_fields(selection):
        return catalog.columns(selection)


def origin_of(column: Column) -> str:
    """Where a column comes from as a catalog ref: `schema.table#column`, or the ref of a volume."""
    parts = column.source.split(".", 2)
    return column.source if len(parts) < 3 else f"{parts[0]}.{parts[1]}#{parts[2]}"


def described(columns: Sequence[Column]) -> list[dict[str, str]]:
    """Columns as a version keeps them."""
    return [{"name": column.name, "type": column.type, "origin": origin_of(column)} for column in columns]


def roles_for(catalog: Catalog, definition: Definition, columns: Sequence[Column]) -> dict[str, str]:
    """A role for every column: what the definition says, else what the column looks like.

    :raises InvalidInput: a role or its column does not exist.
    """
    names = [column.name for column in columns]
    for name, role in definition.column_roles.items():
        if name not in names:
            raise InvalidInput(f"There is no column '{name}'. {nearest(name, names)}", field="column_roles")
        if role not in ROLES:
            raise InvalidInput(
                f"{role!r} is no role (column {name}); expected one of: {', '.join(ROLES)}.", field="column_roles"
            )
    given = definition.column_roles
    return {column.name: given.get(column.name) or _likely_role(catalog, definition, column) for column in columns}


def _likely_role(catalog: Catalog, definition: Definition, column: Column) -> str:
    origin = origin_of(column)
    if "#" not in origin:
        is_path = column.name == "path" or column.name.endswith("_path")
        return _role_of_files(catalog, origin) if is_path else "metadata"
    is_text = column.type == "VARCHAR" and column.name.casefold() != definition.item_key.casefold()
    return "text" if is_text else "metadata"


def _role_of_files(catalog: Catalog, volume: str) -> str:
    """By the ending of the volume's first file."""
    ending = "".join(file.path.rpartition(".")[2].lower() for file in catalog.list_files(volume, limit=1))
    return ROLE_OF_ENDING.get(ending, "metadata")


def require_items(catalog: Catalog, selection: Selection) -> int:
    """How many items there are.

    :raises DuplicateItemKeys: two rows share an item key, or a row has none.
    :raises NoItems: nothing is selected.
    """
    with naming_fields(selection):
        duplicates = catalog.duplicate_keys(selection)
        count = 0 if duplicates else catalog.count(selection)
    if duplicates:
        raise DuplicateItemKeys(selection.item_key, duplicates)
    if not count:
        where = "The filter leaves" if selection.filter_sql.strip() else f"“{selection.primary}” has"
        raise NoItems(f"{where} no items, so there is nothing to publish.", field="filter_sql")
    return count


@dataclass(frozen=True)
class Preview:
    """What a definition gives now: its columns, its first rows, and what still stands against publishing it."""

    columns: tuple[Column, ...]
    roles: dict[str, str]
    rows: list[dict[str, Any]]
    item_count: int
    item_key: str
    duplicates: list[tuple[str | None, int]]

    @property
    def problem(self) -> str:
        return DuplicateItemKeys(self.item_key, self.duplicates).message if self.duplicates else ""


def preview_of(catalog: Catalog, definition: Definition, limit: int = PREVIEW_ROWS) -> Preview:
    """:raises WorkbenchError: the definition cannot be read; the field at fault is named."""
    selection = definition.selection()
    columns = columns_of(catalog, selection)
    with naming_fields(selection):
        return Preview(
            columns=columns,
            roles=roles_for(catalog, definition, columns),
            rows=catalog.preview(selection, limit),
            item_count=catalog.count(selection),
            item_key=selection.item_key,
            duplicates=catalog.duplicate_keys(selection),
        )
