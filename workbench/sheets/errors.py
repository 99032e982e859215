"""One class per broken rule of Sheets."""

from __future__ import annotations

from collections.abc import Sequence

from governance.errors import InvalidInput, WorkbenchError


class DuplicateItemKeys(WorkbenchError):
    """Rows share an item key or have none, so a label could not say what it belongs to."""

    code = "duplicate_item_keys"

    def __init__(self, column: str, duplicates: Sequence[tuple[str | None, int]]) -> None:
        shown = ", ".join(_spoken(value, count) for value, count in duplicates)
        super().__init__(
            f"Column “{column}” cannot be the item key: {shown}. Choose a unique column, correct the data, or "
            "leave those rows out with the filter.",
            field="item_key",
            details={"column": column, "duplicates": [list(pair) for pair in duplicates]},
        )


def _spoken(value: str | None, count: int) -> str:
    rows = f"{count:,} row{'' if count == 1 else 's'}"
    return f"{rows} without a value" if value is None else f"“{value}” stands on {rows}"


class NoItems(InvalidInput):
    """A definition that selects no row at all."""

    code = "no_items"


class NotADraft(WorkbenchError):
    """Only drafts can be changed or deleted."""

    code = "not_a_draft"


class DraftExists(WorkbenchError):
    """A Sheet has at most one draft at a time."""

    code = "draft_exists"


class NotPublished(WorkbenchError):
    """The Sheet has no published version to work with."""

    code = "not_published"


class SheetInUse(WorkbenchError):
    """What others were made from is archived, never deleted."""

    code = "sheet_in_use"


class SourceNotRead(WorkbenchError):
    """A source has no row that says what its tags permit, so nothing may be made from it yet."""

    code = "source_not_read"
