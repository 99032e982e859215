"""Which columns a template may attach files from, and how an engine reads those files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from governance.errors import InvalidInput
from workbench.sheets import selectors as sheets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.endpoints.port import LoadBytes
    from workbench.models import SheetVersion


def check_file_columns(names: Sequence[str], version: SheetVersion, *, field: str = "file_columns") -> None:
    """:raises InvalidInput: a column holds a value of a table, which could name any file, not a path of a volume."""
    allowed = sheets.path_columns(version)
    if wrong := sorted(set(names) - set(allowed)):
        raise InvalidInput(
            f"{', '.join(wrong)} of “{version.sheet}” cannot be attached: only columns that a volume gives name "
            f"files ({', '.join(sorted(allowed)) or 'this Sheet has none'}). Join the volume to the Sheet, and "
            "attach its path column.",
            field=field,
            details={"columns": wrong},
        )


def reader_of(version: SheetVersion) -> LoadBytes:
    """Reads the files of this version's volumes and no others."""
    read = sheets.reader_of(version)  # asks the database here: engines read in threads
    return lambda question, path: read(path)
