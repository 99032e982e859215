"""The pictures of a Sheet's items: which file each has, how large it is, and whose picture a file name means."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from functools import cached_property
from io import BytesIO
from pathlib import PurePosixPath
from typing import Any

from governance.errors import WorkbenchError
from labeling.interchange.port import Size
from labeling.interchange.shapes import Shape
from labeling.labelsets.models import LabelsetVersion
from labeling.labelsets.selectors import columns_seen
from workbench.models import SheetVersion
from workbench.sheets import selectors as sheets

IMAGES = frozenset({".png", ".jpg", ".jpeg", ".webp"})
UPLOADED = re.compile(r"^[0-9a-f]{8}-")  # how Label Studio names what was uploaded to it


class Pictures:
    """Of the columns that experts see, each item's first file that is a picture; first that of the schema."""

    def __init__(self, version: SheetVersion, labelset: LabelsetVersion) -> None:
        paths = sheets.path_columns(version)
        self.version = version
        boxes = Shape.of(labelset.response_schema).boxes
        seen = [name for name in columns_seen(labelset, version) if name in paths]
        self.columns = sorted(seen, key=lambda name: boxes is None or name != boxes.column)

    def path_of(self, row: Mapping[str, Any]) -> str:
        """`schema.volume/path` of an item's picture; empty where it has none."""
        column = self.column_of(row)
        return str(row[column]) if column else ""

    def column_of(self, row: Mapping[str, Any]) -> str:
        """The column that names it; empty where the item has no picture."""
        found = (name for name in self.columns if row.get(name))
        return next((name for name in found if PurePosixPath(str(row[name])).suffix.lower() in IMAGES), "")

    def size_of(self, row: Mapping[str, Any]) -> Size | None:
        """Width and height in pixels, as the file says; None where there is no picture that can be read."""
        from PIL import Image  # slow to import

        path = self.path_of(row)
        if not path:
            return None
        try:
            with warnings.catch_warnings(action="ignore", category=Image.DecompressionBombWarning):
                return Image.open(BytesIO(sheets.read_file(self.version, path))).size
        except (WorkbenchError, OSError, ValueError, Image.DecompressionBombError):
            return None

    def item_of(self, file_name: str) -> str | None:
        """The one item whose picture has this name, with or without folders and suffix; else None."""
        plain = PurePosixPath(file_name.replace("\\", "/"))
        bare = UPLOADED.sub("", plain.name)
        for name in (str(plain), plain.name, bare, PurePosixPath(bare).stem):
            if name in self._items:
                return self._items[name]
        return None

    @cached_property
    def _items(self) -> dict[str, str | None]:
        """Item by name of its picture; None where the name means several."""
        found: dict[str, str | None] = {}
        for batch in sheets.iter_items(self.version):
            for item in batch:
                path = PurePosixPath(self.path_of(item.row))
                for name in {str(path), path.name, path.stem} - {"", "."}:
                    found[name] = None if found.get(name, item.ref) != item.ref else item.ref
        return found
