"""One exported pair, the receipt of a written file, and the canonical bytes that both rest on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

from labeling.exports.errors import RowNotExportable


@dataclass(frozen=True, kw_only=True)
class ExportRow:
    """One pair as it leaves the house.

    `messages` are the chat turns before the answer, each {"role", "content"}; content is text or a
    list of parts. `answer` is text, or JSON that is written as its canonical text.
    """

    messages: Sequence[Mapping[str, Any]]
    answer: Any
    item_ref: str
    split: str
    label_type: str
    pair_id: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Written:
    """What was written: rows, the SHA-256 of the file in hex, and its size in bytes."""

    count: int
    sha256: str
    bytes: int


class HashingFile:
    """A binary file that is hashed and measured while it is written; it does not own the file."""

    closed = False

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._hash, self._size = file, hashlib.sha256(), 0

    def write(self, data: bytes) -> int:
        self._file.write(data)
        self._hash.update(data)
        self._size += memoryview(data).nbytes
        return memoryview(data).nbytes

    def tell(self) -> int:
        return self._size

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        """Leave the file open: whoever opened it closes it."""

    def receipt(self, count: int) -> Written:
        return Written(count, self._hash.hexdigest(), self._size)


def canonical_json(value: object) -> str:
    """Sorted keys, no spaces, real letters; same value, same text.

    :raises ValueError: NaN, infinity, or text that is not Unicode.
    :raises TypeError: something JSON has no word for.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    text.encode("utf-8")
    return text


def row_json(row: ExportRow, value: object, part: str) -> str:
    """`value` as canonical JSON.

    :raises RowNotExportable: JSON cannot carry it.
    """
    try:
        return canonical_json(value)
    except (TypeError, ValueError) as error:
        raise not_exportable(row, f"its {part} cannot be written as JSON: {error}") from error


def answer_text(row: ExportRow) -> str:
    """The answer as the text a model is to say."""
    return row.answer if isinstance(row.answer, str) else row_json(row, row.answer, "answer")


def not_exportable(row: ExportRow, what: str) -> RowNotExportable:
    """The error for this row, named by pair and item."""
    return RowNotExportable(
        f"Pair {row.pair_id} (item {row.item_ref}) cannot be exported: {what}. "
        "Correct the pair or leave it out.",
        details={"pair_id": row.pair_id, "item_ref": row.item_ref},
    )
