"""What an expert is shown of one item: the columns that the labelset names, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from governance.errors import InvalidInput, WorkbenchError
from labeling.annotating.sources import MOST_CHARACTERS, TEXTS, is_long, text_in
from labeling.interchange.pictures import IMAGES
from labeling.labelsets.models import LabelsetVersion
from labeling.labelsets.selectors import columns_seen
from workbench.catalogs.errors import FileNotShown
from workbench.catalogs.previews import (
    Picture,
    content_type_of,
    find_in_pages,
    image_facts,
    page_as_png,
    page_facts,
    text_on_page,
)
from workbench.models import SheetVersion
from workbench.sheets import selectors as sheets

LONGEST_SEARCH = 200


@dataclass(frozen=True)
class Shown:
    """One column of the item; `kind` is value, text, image or pdf. `url` leads to the picture of `page`.

    `width` and `height` are of that picture, in pixels. `problem` says why a file, or a part of it, is not shown.
    """

    name: str
    kind: str
    value: Any
    url: str = ""
    page: int = 1
    pages: int = 1
    width: int = 0
    height: int = 0
    problem: str = ""

    @property
    def is_picture(self) -> bool:
        return self.kind in {"image", "pdf"} and self.width > 0


def shown_item(
    version: SheetVersion,
    labelset: LabelsetVersion,
    ref: str,
    row: Mapping[str, Any],
    *,
    pages: Mapping[str, int] | None = None,
) -> list[Shown]:
    """Pictures first, then long text, as experts read them; then the plain values. A file that fails hides no other."""
    paths = sheets.path_columns(version)
    found = [
        _shown_file(version, labelset, ref, name, row, (pages or {}).get(name, 1))
        if name in paths and row.get(name)
        else _shown_value(version, name, row.get(name))
        for name in columns_seen(labelset, version)
    ]
    order = {"image": 0, "pdf": 0, "text": 1, "value": 2}
    return sorted(found, key=lambda one: 1 if one.problem else order[one.kind])


def _shown_value(version: SheetVersion, name: str, value: Any) -> Shown:
    return _shown_text(name, value) if is_long(version, name, value) else Shown(name, "value", value)


def _shown_text(name: str, text: str) -> Shown:
    if len(text) <= MOST_CHARACTERS:
        return Shown(name, "text", text)
    words = f"Shown are the first {MOST_CHARACTERS:,} of {len(text):,} characters."
    return Shown(name, "text", text[:MOST_CHARACTERS], problem=words)


def _shown_file(
    version: SheetVersion, labelset: LabelsetVersion, ref: str, name: str, row: Mapping[str, Any], page: int
) -> Shown:
    path = row[name]
    suffix = PurePosixPath(path).suffix.lower()
    if suffix not in IMAGES | TEXTS | {".pdf"}:
        return Shown(name, "value", path)
    try:
        if suffix in TEXTS:
            return _shown_text(name, text_in(version, row, name) or "")
        facts, page = _facts(sheets.read_file(version, path), page)
    except WorkbenchError as error:
        return Shown(name, "value", path, problem=error.message)
    query = {
        "sheet": version.sheet_id,
        "label_type": labelset.labelset.label_type_id,
        "item": ref,
        "column": name,
        "page": page,
    }
    url = f"{reverse('labeling:label-file')}?{urlencode(query)}"
    kind = "pdf" if suffix == ".pdf" else "image"
    return Shown(name, kind, path, url, page, facts.pages, facts.width, facts.height)


def _facts(content: bytes, page: int) -> tuple[Picture, int]:
    """Of the picture, or of the page nearest to the one that was asked for."""
    if content_type_of(content) != "application/pdf":
        return image_facts(content), 1
    facts = page_facts(content, 1)
    page = min(max(page, 1), facts.pages)
    return (facts if page == 1 else page_facts(content, page)), page


def picture_of(
    version: SheetVersion, labelset: LabelsetVersion, ref: str, column: str, page: int, rotation: int = 0
) -> tuple[bytes, str]:
    """The picture in a file column that experts see, or a page of its PDF, with its media type.

    :raises InvalidInput: not a column that they see, or no file that a browser shows.
    """
    content = _file_of(version, labelset, ref, column)
    kind = content_type_of(content)
    if kind == "application/pdf":
        return page_as_png(content, page, rotation), "image/png"
    if not kind:
        raise FileNotShown("This file is no PNG, JPEG, WebP or PDF.", field="column")
    image_facts(content)
    return content, kind


def words_on_page(
    version: SheetVersion,
    labelset: LabelsetVersion,
    ref: str,
    column: str,
    page: int,
    *,
    rotation: int = 0,
    box: tuple[float, float, float, float] | None = None,
) -> str:
    """The text of a PDF's page that experts see, or of a box in it: left, top, width, height in the picture's pixels.

    :raises InvalidInput: not a column that they see, no PDF, or a box outside the page.
    """
    return text_on_page(_pdf_of(version, labelset, ref, column), page, rotation=rotation, box=box)


def places_of(
    version: SheetVersion, labelset: LabelsetVersion, ref: str, column: str, words: str, rotation: int = 0
) -> dict[str, Any]:
    """Where words stand in a PDF that experts see: `hits` with page and boxes, `searched` and `pages`.

    :raises InvalidInput: not a column that they see, no PDF, or nothing to search for.
    """
    words = words.strip()
    if not 0 < len(words) <= LONGEST_SEARCH or "\x00" in words:
        raise InvalidInput(f"Search for 1 to {LONGEST_SEARCH} characters.", field="q")
    return find_in_pages(_pdf_of(version, labelset, ref, column), words, rotation)


def _pdf_of(version: SheetVersion, labelset: LabelsetVersion, ref: str, column: str) -> bytes:
    content = _file_of(version, labelset, ref, column)
    if content_type_of(content) != "application/pdf":
        raise FileNotShown("Words are read from PDF files only, and this is none.", field="column")
    return content


def _file_of(version: SheetVersion, labelset: LabelsetVersion, ref: str, column: str) -> bytes:
    """The one way to a file's bytes while labelling: a column that the labelset shows, of an item of its Sheet."""
    seen: Sequence[str] = columns_seen(labelset, version)
    if column not in seen or column not in sheets.path_columns(version):
        raise InvalidInput(f"{column!r} is no file column that is shown while labelling.", field="column")
    row = sheets.items_by_ref(version, [ref]).get(ref)
    if row is None or not row.get(column):
        raise InvalidInput(f"Item {ref!r} has no file in {column!r}.", field="item")
    return sheets.read_file(version, row[column])
