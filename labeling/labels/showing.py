"""What an expert is shown of one item: the columns that the labelset names, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from governance.errors import InvalidInput
from labeling.labelsets.models import LabelsetVersion
from labeling.labelsets.selectors import columns_seen
from workbench.catalogs.previews import content_type_of, page_as_png, page_count
from workbench.models import SheetVersion
from workbench.sheets import selectors as sheets

IMAGES = frozenset({".png", ".jpg", ".jpeg", ".webp"})
LONG_TEXT = 120


@dataclass(frozen=True)
class Shown:
    """One column of the item; `kind` is value, text, image or pdf. `url` leads to the picture of `page`."""

    name: str
    kind: str
    value: Any
    url: str = ""
    page: int = 1
    pages: int = 1


def shown_item(
    version: SheetVersion,
    labelset: LabelsetVersion,
    ref: str,
    row: Mapping[str, Any],
    *,
    pages: Mapping[str, int] | None = None,
) -> list[Shown]:
    """Files and long text first, as experts read them; then the plain values."""
    paths = sheets.path_columns(version)
    found = [
        _shown_file(version, labelset, ref, name, row[name], (pages or {}).get(name, 1))
        if name in paths and row.get(name)
        else _shown_value(name, row.get(name), version.column_roles.get(name, ""))
        for name in columns_seen(labelset, version)
    ]
    return sorted(found, key=lambda one: one.kind == "value")


def _shown_value(name: str, value: Any, role: str) -> Shown:
    is_long = isinstance(value, str) and (len(value) > LONG_TEXT or "\n" in value or role == "text")
    return Shown(name, "text" if is_long else "value", value)


def _shown_file(version: SheetVersion, labelset: LabelsetVersion, ref: str, name: str, path: str, page: int) -> Shown:
    suffix = PurePosixPath(path).suffix.lower()
    query = {
        "sheet": version.sheet_id,
        "label_type": labelset.labelset.label_type_id,
        "item": ref,
        "column": name,
        "page": page,
    }
    url = f"{reverse('labeling:label-file')}?{urlencode(query)}"
    if suffix == ".pdf":
        pages = page_count(sheets.read_file(version, path))
        return Shown(name, "pdf", path, url, min(max(page, 1), pages), pages)
    return Shown(name, "image", path, url) if suffix in IMAGES else Shown(name, "value", path)


def picture_of(version: SheetVersion, labelset: LabelsetVersion, ref: str, column: str, page: int) -> tuple[bytes, str]:
    """The picture in a file column that experts see, or a page of its PDF, with its media type.

    :raises InvalidInput: not a column that they see, or no file that a browser shows.
    """
    seen: Sequence[str] = columns_seen(labelset, version)
    if column not in seen or column not in sheets.path_columns(version):
        raise InvalidInput(f"{column!r} is no file column that is shown while labelling.", field="column")
    row = sheets.items_by_ref(version, [ref]).get(ref)
    if row is None or not row.get(column):
        raise InvalidInput(f"Item {ref!r} has no file in {column!r}.", field="item")
    content = sheets.read_file(version, row[column])
    kind = content_type_of(content)
    if kind == "application/pdf":
        return page_as_png(content, page), "image/png"
    if not kind:
        raise InvalidInput("This file is no PNG, JPEG, WebP or PDF.", field="column")
    return content, kind
