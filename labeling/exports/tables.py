"""Exports as tables: Parquet for machines, CSV for spreadsheets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import IO, TYPE_CHECKING

from governance.spreadsheets import Cell, csv_lines
from labeling.exports.chat_jsonl import chat_messages
from labeling.exports.rows import ExportRow, HashingFile, Written, answer_text, not_exportable, row_json

if TYPE_CHECKING:
    import pyarrow

COLUMNS = ("pair_id", "item_ref", "label_type", "split", "prompt", "answer", "messages", "metadata")
GROUP_ROWS = 1024
GROUP_CHARACTERS = 4 * 2**20  # a row group ends early when its text passes this; bounds memory


def write_parquet(rows: Iterable[ExportRow], file: IO[bytes]) -> Written:
    """Text columns `COLUMNS`, zstd; same rows, same bytes (with the same pyarrow).

    `messages` and `metadata` are canonical JSON; `prompt` is the text of the last turn before the
    answer. Holds one row group in memory.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([pa.field(name, pa.string(), nullable=False) for name in COLUMNS])
    out, count = HashingFile(file), 0
    with pq.ParquetWriter(
        out, schema, compression="zstd", use_dictionary=False, write_statistics=False, version="2.6"
    ) as writer:
        for group in _groups(rows):
            writer.write_table(_table(group, schema), row_group_size=GROUP_ROWS)
            count += len(group)
    return out.receipt(count)


def write_csv(rows: Iterable[ExportRow], file: IO[bytes]) -> Written:
    """The same columns as CSV; opening the file in a spreadsheet runs no formula."""
    return write_csv_table(COLUMNS, (_cells(row) for row in rows), file)


def write_csv_table(header: Sequence[str], rows: Iterable[Sequence[Cell]], file: IO[bytes]) -> Written:
    """RFC 4180 in UTF-8, formula-safe text, numbers as they are; holds one row in memory."""
    out, lines = HashingFile(file), 0
    for line in csv_lines(header, rows):
        out.write(line)
        lines += 1
    return out.receipt(lines - 1)  # less the header


def _cells(row: ExportRow) -> tuple[str, ...]:
    """The row's text in the order of `COLUMNS`.

    :raises RowNotExportable: text that is not Unicode, or not a chat.
    """
    cells = (
        row.pair_id,
        row.item_ref,
        row.label_type,
        row.split,
        _prompt(row),
        answer_text(row),
        row_json(row, chat_messages(row), "messages"),
        row_json(row, row.metadata, "metadata"),
    )
    for name, cell in zip(COLUMNS, cells, strict=True):
        _require_text(row, name, cell)
    return cells


def _require_text(row: ExportRow, name: str, cell: object) -> None:
    if not isinstance(cell, str):
        raise not_exportable(row, f"its {name} is {type(cell).__name__}, expected text")
    try:
        cell.encode()
    except UnicodeEncodeError as error:
        raise not_exportable(row, f"its {name} is not Unicode text: {error}") from error


def _prompt(row: ExportRow) -> str:
    content = chat_messages(row)[-2]["content"]
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] if part["type"] == "text" else part["ref"] for part in content)


def _groups(rows: Iterable[ExportRow]) -> Iterator[list[tuple[str, ...]]]:
    """Batches cut by rows and size alone, so that the same rows give the same groups."""
    group: list[tuple[str, ...]] = []
    size = 0
    for row in rows:
        group.append(_cells(row))
        size += sum(map(len, group[-1]))
        if len(group) == GROUP_ROWS or size >= GROUP_CHARACTERS:
            yield group
            group, size = [], 0
    if group:
        yield group


def _table(group: Sequence[tuple[str, ...]], schema: pyarrow.Schema) -> pyarrow.Table:
    import pyarrow as pa

    columns = zip(*group, strict=True)
    return pa.table([pa.array(column, pa.string()) for column in columns], schema=schema)
