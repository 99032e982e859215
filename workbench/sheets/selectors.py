"""Reading Sheets: their versions, their items, and what binds what is made from them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django.db.models import Q, QuerySet

from governance.errors import InvalidInput
from workbench.catalogs.models import CatalogObject
from workbench.catalogs.relation import PLACEHOLDER
from workbench.catalogs.selectors import catalog_of, objects_of, split_path
from workbench.catalogs.selectors import read_file as read_from_catalog
from workbench.sheets.definition import Definition, Preview, preview_of
from workbench.sheets.errors import NotPublished, SourceNotRead
from workbench.sheets.models import Sheet, SheetVersion

if TYPE_CHECKING:
    from governance.models import ConstrainedModel
    from workbench.catalogs.port import Row, Selection

__all__ = [
    "Item",
    "catalog_of",
    "count_items",
    "digest_of",
    "items_by_ref",
    "iter_items",
    "latest_version",
    "parents_for",
    "path_columns",
    "preview",
    "published_sources",
    "published_version",
    "read_file",
    "reader_of",
    "selection_of",
]


@dataclass(frozen=True)
class Item:
    """One row of a Sheet; path columns hold `schema.volume/path`."""

    ref: str
    row: dict[str, Any]


def published_version(sheet: Sheet) -> SheetVersion:
    """The newest published version.

    :raises NotPublished: there is none.
    """
    version = sheet.versions.filter(status=SheetVersion.Status.PUBLISHED).order_by("-number").first()
    if version is None:
        raise NotPublished(
            f"The Sheet “{sheet}” has no published version. Have its draft published first.", field="sheet"
        )
    return version


def latest_version(sheet: Sheet) -> SheetVersion | None:
    """The version to show first: the published one, else the newest."""
    found = sheet.versions.order_by("-number")
    return found.filter(status=SheetVersion.Status.PUBLISHED).first() or found.first()


def selection_of(version: SheetVersion, sample_size: int | None = None) -> Selection:
    """What the catalog is asked for; a smaller `sample_size` takes a part of the version's own sample."""
    selection = Definition.of(version).selection()
    sizes = [size for size in (selection.sample_size, sample_size) if size is not None]
    return replace(selection, sample_size=min(sizes, default=None))


def count_items(version: SheetVersion, sample_size: int | None = None) -> int:
    return catalog_of(version.sheet.connection).count(selection_of(version, sample_size))


def iter_items(
    version: SheetVersion, *, after: str | None = None, batch_size: int = 500, sample_size: int | None = None
) -> Iterator[list[Item]]:
    """All items in batches, ordered by item key; `after` resumes behind that one."""
    catalog, paths = catalog_of(version.sheet.connection), path_columns(version)
    selection = selection_of(version, sample_size)
    for batch in catalog.iter_rows(selection, after=after, batch_size=batch_size):
        yield [_item(version, row, paths) for row in batch]


def items_by_ref(version: SheetVersion, refs: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Rows by item key, in one query; items that are gone are absent. The sample does not bind here."""
    if not refs:
        return {}
    rows = catalog_of(version.sheet.connection).get_rows(selection_of(version), refs)
    paths = path_columns(version)
    return {ref: _item(version, row, paths).row for ref, row in rows.items()}


def preview(version: SheetVersion, limit: int = 20) -> Preview:
    """The first joined rows, with what stands against publishing."""
    return preview_of(catalog_of(version.sheet.connection), Definition.of(version), limit)


def path_columns(version: SheetVersion) -> dict[str, str]:
    """Columns that name a file, with the volume it lies in."""
    joined = {f"{source['alias']}_path": str(source["ref"]) for source in version.sources if source["kind"] == "volume"}
    return {"path": version.primary_ref, **joined} if version.primary_kind == "volume" else joined


def read_file(version: SheetVersion, path: str) -> bytes:
    """The bytes of a file of a volume that this version reads.

    :raises InvalidInput: `path` lies in another volume, leaves its own, or names no file.
    """
    return reader_of(version)(path)


def reader_of(version: SheetVersion) -> Callable[[str], bytes]:
    """`read_file` of this version for any thread: the database is asked here, once.

    The one way to a file that a prompt or an item names: the tags of other volumes bind nothing made from this
    version, so none of their files may come into it.
    """
    connection, volumes = version.sheet.connection, frozenset(path_columns(version).values())

    def read(path: str) -> bytes:
        volume, _ = split_path(path)
        if volume not in volumes:
            raise InvalidInput(f"{path!r} lies in no volume that “{version}” reads.", field="path")
        return read_from_catalog(connection, path)

    return read


def _item(version: SheetVersion, row: Row, paths: dict[str, str]) -> Item:
    full = {name: _with_volume(value, paths[name]) if name in paths else value for name, value in row.items()}
    ref = str(full["item_ref"])
    if version.sheet.item_key.casefold() != "item_ref":
        del full["item_ref"]
    return Item(ref, full)


def _with_volume(value: object, volume: str) -> str | None:
    return None if value is None else f"{volume}/{value}"


def digest_of(row: dict[str, Any], columns: Collection[str] | None) -> str:
    """sha256 of what the row says in `columns` (all if None): changes when one of these values does."""
    seen = {name: row.get(name) for name in (row if columns is None else columns)}
    return hashlib.sha256(json.dumps(seen, sort_keys=True, ensure_ascii=False, default=str).encode()).hexdigest()


def parents_for(version: SheetVersion, columns: Collection[str] | None) -> list[ConstrainedModel]:
    """Everything whose constraint binds what is made from `columns` of this version (None: from all of them).

    :raises SourceNotRead: a source is not known to the catalog's rows, so that its tags could not bind.
    """
    wanted = _origins_used(version, columns)
    found = objects_of(version.sheet.connection, [ref for _, ref in wanted])
    if missing := sorted(ref for kind, ref in wanted if (kind, ref) not in found):
        raise SourceNotRead(
            f"What the tags of {', '.join(missing)} permit is not known yet, so nothing can be made from it. "
            f"Sync the catalog “{version.sheet.connection}” first.",
            details={"refs": missing},
        )
    return [version.sheet, *(found[key] for key in sorted(wanted))]


def published_sources(sheet: Sheet) -> QuerySet[CatalogObject]:
    """The tables, columns and volumes, as far as known, that the published version of `sheet` reads."""
    refs = Definition.of(published_version(sheet)).refs
    named = Q(ref__in=refs)
    for ref in refs:
        named |= Q(ref__startswith=f"{ref}#")
    return CatalogObject.objects.filter(named, connection=sheet.connection)


def _origins_used(version: SheetVersion, columns: Collection[str] | None) -> set[tuple[str, str]]:
    """(kind, ref) of the primary source and of what the used columns come from."""
    origins = {column["name"]: column["origin"] for column in version.columns}
    used = set(origins)
    if columns is not None:
        used = _spelled(origins, {*columns, version.sheet.item_key, *_filter_columns(version)})
    wanted = {(version.primary_kind, version.primary_ref)}
    # Backwards: a source may be joined on columns of an earlier one, and these then count as used too.
    for source in reversed(version.sources):
        if used & _columns_from(source, origins):
            used |= _spelled(origins, _left_columns(source))
            wanted.add((source["kind"], source["ref"]))
    return wanted | {(CatalogObject.Kind.COLUMN.value, origins[name]) for name in used if "#" in origins[name]}


def _spelled(origins: Collection[str], names: Collection[str]) -> set[str]:
    """Those of `names` that exist, as the catalog spells them."""
    folded = {name.casefold() for name in names}
    return {name for name in origins if name.casefold() in folded}


def _filter_columns(version: SheetVersion) -> tuple[str, ...]:
    if not version.filter_sql.strip():
        return ()
    from workbench.catalogs.filters import parse_filter  # its SQL parser is slow to import

    types = {column["name"]: column["type"] for column in version.columns}
    return parse_filter(version.filter_sql, types).columns


def _columns_from(source: dict[str, Any], origins: dict[str, str]) -> set[str]:
    """Columns that this joined source brought."""
    return {
        name
        for name, origin in origins.items()
        if origin.partition("#")[0] == source["ref"] and name.startswith(f"{source['alias']}_")
    }


def _left_columns(source: dict[str, Any]) -> set[str]:
    """Columns that decide which row or file is joined."""
    return {left for left, _ in source["keys"]} | set(PLACEHOLDER.findall(source["pattern"]))


def sheet_words(pk: str) -> str:
    """What to call the Sheet with this id."""
    return f"Sheet {Sheet.objects.get(pk=pk)}"
