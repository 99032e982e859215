"""What is marked: the picture or the text of an item that a field of its answer lies in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from labeling.annotating.marks import Marked
from labeling.labelsets.models import LabelsetVersion
from labeling.labelsets.selectors import columns_seen
from workbench.catalogs.errors import FileNotShown
from workbench.models import SheetVersion
from workbench.sheets import selectors as sheets

TEXTS = frozenset({".txt", ".md"})
LONG_TEXT = 120
MOST_CHARACTERS = 200_000


def text_in(version: SheetVersion, row: Mapping[str, Any], column: str) -> str | None:
    """The text of one column: its value, or the content of the text file that it names; None for anything else.

    :raises FileNotShown: the file is no UTF-8.
    """
    value = row.get(column)
    if not isinstance(value, str) or not value:
        return None
    if column not in sheets.path_columns(version):
        return value
    if PurePosixPath(value).suffix.lower() not in TEXTS:
        return None
    try:
        return sheets.read_file(version, value).decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        words = f"The file is no text in UTF-8: {error.reason} at byte {error.start}."
        raise FileNotShown(words, field="path") from error


def is_long(version: SheetVersion, column: str, value: Any) -> bool:
    """Whether a value is read as a text, and not at a glance."""
    role = version.column_roles.get(column, "")
    return isinstance(value, str) and (len(value) > LONG_TEXT or "\n" in value or role == "text")


def marked_text(
    marked: Marked, version: SheetVersion, labelset: LabelsetVersion, row: Mapping[str, Any]
) -> tuple[str, str] | None:
    """The column and text that a field of spans marks: the one its schema names, else the longest-form one first."""
    seen = columns_seen(labelset, version)
    named = [marked.column] if marked.column in seen else []
    paths = sheets.path_columns(version)
    long = [name for name in seen if name in paths or is_long(version, name, row.get(name))]
    for column in named or [*long, *seen]:
        if (text := text_in(version, row, column)) is not None:
            return column, text
    return None
