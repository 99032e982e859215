"""Reading catalogs on behalf of someone, and the rows that say what the catalog's tags permit."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from governance.errors import InvalidInput
from workbench.catalogs.engines import open_catalog
from workbench.catalogs.models import CatalogObject, Connection

if TYPE_CHECKING:
    from governance.models import User
    from workbench.catalogs.port import Catalog

__all__ = ["catalog_of", "columns_known", "known", "may_browse", "objects_of", "read_file", "split_path"]


def catalog_of(connection: Connection) -> Catalog:
    """The engine that reads `connection`; reading tells nothing about rights, callers check them."""
    return open_catalog(connection)


def may_browse(user: User, connection: Connection) -> bool:
    """Whether `user` may look at all tables and files of this connection."""
    return (
        user.has_perm("workbench.view_catalogobject")
        and Connection.objects.visible_to(user).filter(pk=connection.pk).exists()
    )


def objects_of(connection: Connection, refs: Collection[str]) -> dict[tuple[str, str], CatalogObject]:
    """Rows of tables, columns and volumes by (kind, ref); what was never read is absent."""
    rows = CatalogObject.objects.filter(connection=connection, ref__in=refs)
    return {(row.kind, row.ref): row for row in rows}


def known(connection: Connection, kind: str, ref: str) -> CatalogObject | None:
    """The row of one table, column or volume, or None while the catalog was not read since it came."""
    return CatalogObject.objects.filter(connection=connection, kind=kind, ref=ref).first()


def columns_known(connection: Connection, table_ref: str) -> dict[str, CatalogObject]:
    """Rows of a table's columns by column name."""
    rows = CatalogObject.objects.filter(
        connection=connection, kind=CatalogObject.Kind.COLUMN, ref__startswith=f"{table_ref}#"
    )
    return {row.ref.partition("#")[2]: row for row in rows}


def split_path(value: str) -> tuple[str, str]:
    """Volume and path of what path columns hold: `schema.volume/folder/file.pdf`.

    :raises InvalidInput: it is no such value.
    """
    volume, slash, path = value.partition("/")
    if not slash or "." not in volume or not path:
        raise InvalidInput(f"{value[:200]!r} is no file: expected schema.volume/path.", field="path")
    return volume, path


def read_file(connection: Connection, path_value: str) -> bytes:
    """The bytes of one file of a volume.

    :raises InvalidInput: no such volume or file, or a path that leaves the volume.
    """
    volume, path = split_path(path_value)
    return catalog_of(connection).read_file(volume, path)
