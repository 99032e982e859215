"""Writing into a catalog folder: whole files or nothing, and the YAML that describes them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.catalogs.errors import SourceUnreadable, UnknownColumn
from workbench.catalogs.port import Column

if TYPE_CHECKING:
    import pyarrow as pa


def refuse_unusable(ref: str, content: pa.Table, columns: Sequence[Column]) -> None:
    names = content.column_names
    if not names or len({column.casefold() for column in names}) < len(names):
        raise SourceUnreadable(
            ref, f"it needs columns with distinct names, and has: {', '.join(names) or 'none'}."
        )
    for column in columns:
        if column.name not in names:
            raise UnknownColumn(column.name, names, source=f"Table '{ref}'", field="columns")


def write_note(path: Path, description: str, tags: Sequence[str], columns: Sequence[Column]) -> None:
    import yaml

    content: dict[str, object] = {"description": description, "tags": list(tags)}
    if columns:
        content["columns"] = {
            column.name: {"description": column.description, "tags": list(column.tags)} for column in columns
        }
    with replacing(path) as temporary:
        temporary.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), "utf-8")


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A hidden file beside `target` that takes its place when the block succeeds, and vanishes when not."""
    descriptor, temporary_name = tempfile.mkstemp(prefix=".writing-", dir=target.parent)
    os.close(descriptor)
    temporary = Path(temporary_name)
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
