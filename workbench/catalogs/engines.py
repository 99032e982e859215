"""From a connection to the engine that reads it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings

from governance.errors import InvalidInput

if TYPE_CHECKING:
    from workbench.catalogs.local import LocalCatalog
    from workbench.catalogs.models import Connection
    from workbench.catalogs.port import Catalog

VOLUMES = "volumes"


def open_catalog(connection: Connection) -> Catalog:
    """The catalog behind `connection`.

    :raises InvalidInput: its folder is gone.
    """
    return _local(folder_of(connection.location))


def folder_of(location: str) -> Path:
    """The folder a local connection reads, existing or not; an empty location is the server's own catalog."""
    return Path(location) if location else Path(settings.CATALOG_ROOT)


def overlap(location: str, other: str) -> bool:
    """Whether two connections with these locations would read the same files: one folder lies in the other."""
    mine, theirs = folder_of(location).resolve(), folder_of(other).resolve()
    return mine.is_relative_to(theirs) or theirs.is_relative_to(mine)


def check_location(location: str) -> None:
    """A connection may read the server's catalog and the folders that the server's settings allow.

    A folder of files is read through the volume that it is, so that what is said of the volume binds.

    :raises InvalidInput: the folder lies elsewhere, is part of a volume, or does not exist.
    """
    folder = folder_of(location).resolve()
    allowed = [Path(str(root)).resolve() for root in (settings.CATALOG_ROOT, *settings.CATALOG_FOLDERS)]
    around = [root for root in allowed if folder.is_relative_to(root)]
    if not around:
        raise InvalidInput(
            f"The folder {location!r} is not one this server may read: expected a folder inside "
            f"{' or '.join(map(str, allowed))}. An administrator allows more with WORKBENCH_CATALOG_FOLDERS.",
            field="location",
        )
    if any(VOLUMES in folder.relative_to(root).parts for root in around):
        raise InvalidInput(
            f"The folder {location!r} lies inside a “{VOLUMES}” folder, whose files belong to the catalog around "
            "it: expected a folder of schemas. Read its files as volumes of that catalog.",
            field="location",
        )
    if not folder.is_dir():
        raise InvalidInput(f"There is no folder {folder}. Create it on the server first.", field="location")


@lru_cache(maxsize=64)
def _opened(root: Path) -> LocalCatalog:
    """One engine per folder: it remembers what it found out about files that did not change."""
    from workbench.catalogs.local import LocalCatalog

    return LocalCatalog(root)


def _local(root: Path) -> LocalCatalog:
    try:
        return _opened(root)
    except OSError as error:
        raise InvalidInput(
            f"The catalog folder {root} cannot be opened ({error.strerror}). Correct the connection's location.",
            field="location",
        ) from error
