"""One class per broken rule of catalogs, selections, filters and paths."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from governance.errors import InvalidInput, WorkbenchError


def nearest(name: str, known: Iterable[str]) -> str:
    """A sentence that names the most similar known name, or the first few known ones."""
    by_fold = {candidate.casefold(): candidate for candidate in known}
    matches = difflib.get_close_matches(name.casefold(), by_fold, n=1, cutoff=0.6)
    if matches:
        return f"Did you mean '{by_fold[matches[0]]}'?"
    shown = sorted(by_fold.values())
    more = f" and {len(shown) - 10} more" if len(shown) > 10 else ""
    return f"Known: {', '.join(shown[:10])}{more}." if shown else "There is none yet."


class InvalidName(InvalidInput):
    """A schema, table, volume or alias is not a plain identifier."""

    code = "invalid_name"


class InvalidSelection(InvalidInput):
    """The sources, joins or columns of a selection do not fit together."""

    code = "invalid_selection"


class InvalidFilter(InvalidInput):
    """A filter is not one boolean expression of allowed parts.

    `details`: `line` and `column` (from 1) of the fault, and the offending `text`.
    """

    code = "invalid_filter"

    def __init__(self, problem: str, *, line: int, column: int, text: str) -> None:
        message = f"The filter cannot be used (line {line}, column {column}): {problem}"
        details = {"line": line, "column": column, "text": text}
        super().__init__(message, field="filter_sql", details=details)
        self.line, self.column, self.text = line, column, text


class UnknownSchema(InvalidInput):
    """The catalog has no schema of this name."""

    code = "unknown_schema"
    status = 404

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(f"There is no schema '{name}'. {nearest(name, known)}", details={"schema": name})


class UnknownTable(InvalidInput):
    """The schema has no table of this name."""

    code = "unknown_table"
    status = 404

    def __init__(self, ref: str, known: Iterable[str]) -> None:
        super().__init__(f"There is no table '{ref}'. {nearest(ref, known)}", details={"ref": ref})


class UnknownVolume(InvalidInput):
    """The schema has no volume of this name."""

    code = "unknown_volume"
    status = 404

    def __init__(self, ref: str, known: Iterable[str]) -> None:
        super().__init__(f"There is no volume '{ref}'. {nearest(ref, known)}", details={"ref": ref})


class UnknownFile(InvalidInput):
    """The volume has no such file."""

    code = "unknown_file"
    status = 404

    def __init__(self, ref: str, path: str) -> None:
        super().__init__(
            f"Volume '{ref}' has no file '{path}'. It may have been moved or deleted since it was listed.",
            details={"ref": ref, "path": path},
        )


class UnknownColumn(InvalidInput):
    """A column was named that the source does not have."""

    code = "unknown_column"

    def __init__(self, name: str, known: Iterable[str], *, source: str, field: str = "") -> None:
        message = f"{source} has no column '{name}'. {nearest(name, known)}"
        super().__init__(message, field=field, details={"column": name})


class UnsafePath(InvalidInput):
    """A path could leave its folder, or cannot be told apart from one that does."""

    code = "unsafe_path"

    def __init__(self, path: str, problem: str) -> None:
        shown = ascii(path if len(path) <= 200 else f"{path[:200]}…")
        super().__init__(
            f"The path {shown} cannot be used: {problem}. "
            "Give a path inside the folder, such as 2024/invoice.pdf.",
            field="path",
            details={"path": shown},
        )


class DuplicateJoinKey(InvalidInput):
    """A secondary table has several rows for one key, so the join would multiply rows."""

    code = "duplicate_join_key"

    def __init__(self, ref: str, keys: Sequence[str], values: Sequence[tuple[str, int]]) -> None:
        shown = ", ".join(f"{value} ({count} rows)" for value, count in values)
        super().__init__(
            f"Cannot join '{ref}' on {', '.join(keys)}: it has more than one row for {shown}. "
            "Each key must lead to at most one row; remove the duplicates or add a key column.",
            field="joins",
            details={"ref": ref, "duplicates": [list(value) for value in values]},
        )


class DuplicateItemKey(WorkbenchError):
    """Two rows have one item key, or a row has none, so a label could not say what it belongs to."""

    code = "duplicate_item_key"

    def __init__(self, column: str, value: str | None) -> None:
        what = "a row has no value in it" if value is None else f"more than one row has '{value}'"
        super().__init__(
            f"Column '{column}' cannot be the item key: {what}. Choose a unique column, correct the data, "
            "or leave those rows out with the filter.",
            field="item_key",
            details={"column": column, "value": value},
        )


class SourceUnreadable(WorkbenchError):
    """A table's file or its description cannot be read as what it says it is."""

    code = "source_unreadable"

    def __init__(self, ref: str, problem: str) -> None:
        super().__init__(f"'{ref}' cannot be read: {problem}", details={"ref": ref})


class TagsUnknown(WorkbenchError):
    """The tags of what rows were made from cannot be read now, so what they permit is not known."""

    code = "tags_unknown"
    status = 503


class TableExists(WorkbenchError):
    """A table of this name is already there."""

    code = "table_exists"

    def __init__(self, ref: str, file_name: str) -> None:
        super().__init__(
            f"Table '{ref}' already exists as {file_name}. Choose another name, or replace a table that was "
            "written here (Parquet) on purpose.",
            details={"ref": ref},
        )


class FileNotShown(InvalidInput):
    """A file cannot be drawn: damaged, protected, no picture, or more than one file may take."""

    code = "file_not_shown"
