"""A pair as reviewers see it: its messages with pictures, from files that the pair was made from and no other."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from django.urls import reverse

from governance.errors import InvalidInput, WorkbenchError
from labeling.annotating.sources import is_long
from labeling.generation.models import QAPair
from labeling.generation.recipes import Recipe
from labeling.labelsets.selectors import columns_seen
from labeling.review.prompts import files_in
from workbench.catalogs.previews import content_type_of, page_as_png, page_count
from workbench.models import SheetVersion
from workbench.sheets.selectors import digest_of, items_by_ref, read_file

MOST_PAGES = 10
KEYS = {
    "approve": ("Approve, as it is or as edited", "a"),
    "golden": ("Approve as golden: a reference", "g"),
    "edit": ("Go to the answer", "e"),
    "reject": ("Reject", "r"),
    "flag": ("Flag: leave it to another expert", "f"),
    "skip": ("Skip to the next pair", "s"),
    "previous": ("Previous pair", "p"),
    "undo": ("Undo your last decision here", "u"),
    "stricter": ("Accept the stricter constraint that the quality check proposes", "t"),
}


def shown_messages(pair: QAPair) -> list[dict[str, Any]]:
    """The prompt with the address of a picture in place of each file part, one for each page of a PDF."""
    places = {path: place for place, path in enumerate(files_in(pair.messages))}
    return [{**message, "content": _content(message["content"], pair, places)} for message in pair.messages]


def _content(content: Any, pair: QAPair, places: dict[str, int]) -> Any:
    if isinstance(content, str):
        return content
    return [shown for part in content for shown in _part(part, pair, places)]


def _part(part: dict[str, Any], pair: QAPair, places: dict[str, int]) -> list[dict[str, Any]]:
    if part["type"] == "text":
        return [part]
    path = part["path"]
    name, url = PurePosixPath(path).name, reverse("labeling:pair-file", args=[pair.pk, places[path]])
    try:
        pages = _pages(path, pair.training_sheet.sheet_version)
    except WorkbenchError as error:
        return [{"type": "text", "text": f"{name}: {error.message}"}]
    return [
        {
            "type": "image",
            "url": f"{url}?page={page}",
            "name": f"{name}, page {page} of {pages}" if pages > 1 else name,
        }
        for page in range(1, min(pages, MOST_PAGES) + 1)
    ]


def _pages(path: str, version: SheetVersion) -> int:
    return page_count(read_file(version, path)) if path.lower().endswith(".pdf") else 1


def source_of(pair: QAPair) -> tuple[list[dict[str, Any]], str]:
    """The columns of the item that the pair was made from, and no other: what binds it is what is shown.

    Each as name, value and kind (text or value); besides a note where the item has changed since.
    :raises WorkbenchError: the item is gone, or its source cannot be read.
    """
    made = pair.training_sheet
    version = made.sheet_version
    row = items_by_ref(version, [pair.item_ref]).get(pair.item_ref)
    if row is None:
        raise InvalidInput(f"“{made.sheet}” has no item {pair.item_ref!r} any more.", field="item_ref")
    columns = Recipe.of(made).columns
    names = [name for name in version.column_names if columns is None or name in columns]
    seen = digest_of(row, columns_seen(made.labelset_version, version))
    note = "The item has changed since this pair was made." if pair.seen_digest and seen != pair.seen_digest else ""
    return [_shown_column(version, name, row.get(name)) for name in names], note


def _shown_column(version: SheetVersion, name: str, value: Any) -> dict[str, Any]:
    return {"name": name, "value": value, "kind": "text" if is_long(version, name, value) else "value"}


def picture_of(pair: QAPair, place: int, page: int) -> tuple[bytes, str]:
    """The picture of the file at `place` in the pair's prompt, with its media type.

    :raises InvalidInput: there is no such file, or a browser cannot show it.
    """
    paths = list(files_in(pair.messages))
    if place >= len(paths):
        raise InvalidInput(f"This pair shows no file {place}.", field="place")
    content = read_file(pair.training_sheet.sheet_version, paths[place])
    kind = content_type_of(content)
    if kind == "application/pdf":
        return page_as_png(content, page), "image/png"
    if not kind:
        raise InvalidInput("This file is no PNG, JPEG, WebP or PDF.", field="place")
    return content, kind
