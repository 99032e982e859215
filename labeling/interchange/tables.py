"""CSV: a column for each field of the answer, text as it is, all else as JSON; safe to open and to bring back."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.conf import settings

from governance.errors import InvalidInput, WorkbenchError
from governance.spreadsheets import csv_line, formula_safe
from governance.uploads import text_of
from labeling.interchange.port import PROVENANCE, Format, Incoming, Misfit, Outgoing, Tally
from labeling.interchange.shapes import WHOLE, Field, Shape
from labeling.schemas.validation import parse_json

PREFIX, REST = "answer.", "answer.*"
ABOUT = ("confidence", "notes")


class Table(Format):
    """Carries everything; an import does not take over who gave a label, and when."""

    slug, label, suffix, content_type = "csv", "CSV", ".csv", "text/csv"
    cannot = frozenset({"provenance", "ignored"})

    def left_out(self, label: Outgoing, shape: Shape) -> Iterable[str]:
        return ()

    def read(self, content: bytes, shape: Shape, losses: Counter[str]) -> Iterator[Incoming | Misfit]:
        text = text_of(content, expected="a table in CSV and UTF-8", field="file")
        csv.field_size_limit(max(csv.field_size_limit(), settings.UPLOAD_AT_MOST))
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        header = _header(reader, shape)
        while True:
            where = f"line {reader.line_num + 1:,}"
            try:
                cells = next(reader, None)
            except csv.Error as error:
                yield Misfit(where, "", f"is no CSV: {error}; nothing behind it was read")
                return
            if cells is None:
                return
            if cells:
                yield _entry(where, header, cells, shape, losses)

    def write(self, labels: Iterable[Outgoing], shape: Shape, tally: Tally) -> Iterator[bytes]:
        names = [PREFIX + field.name for field in shape.fields]
        yield csv_line(["item_ref", *names, REST, *ABOUT, *PROVENANCE])
        for label in labels:
            tally.written += 1
            yield _line(label, shape)


def _line(label: Outgoing, shape: Shape) -> bytes:
    parts = shape.parts(label.data)
    if shape.is_object and not isinstance(label.data, dict):
        parts = {}
    answers = [_cell(field, parts) for field in shape.fields]
    rest = {name: parts[name] for name in shape.beyond(parts)} if shape.is_object else {}
    about = (label.confidence, label.notes, *(label.provenance.get(name) for name in PROVENANCE))
    cells = (label.item_ref, *answers, json.dumps(rest, ensure_ascii=False) if rest else "", *about)
    return csv_line([_quoted(cell) for cell in cells])


def _quoted(cell: Any) -> Any:
    """Text that looks as if it had been made safe gets one `'` more, so that the way back is exact."""
    bare = cell.lstrip("'") if isinstance(cell, str) else cell
    return "'" + cell if bare != cell and formula_safe(bare) != bare else cell


def _bare(cell: str) -> str:
    """A cell as it was before it was made safe for spreadsheets."""
    bare = cell.lstrip("'")
    return cell[1:] if bare != cell and formula_safe(bare) != bare else cell


def _cell(field: Field, parts: dict[str, Any]) -> str:
    if field.name not in parts:
        return ""
    value = parts[field.name]
    is_text = field.kind in {"text", "choice"} and isinstance(value, str)
    if is_text and value and value != "null" and not value.startswith('"'):
        return str(value)
    return json.dumps(value, ensure_ascii=False)


def _header(reader: Iterator[list[str]], shape: Shape) -> list[str]:
    try:
        header = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        raise InvalidInput(f"The first line is no CSV: {error}.", field="file") from error
    known = [PREFIX + field.name for field in shape.fields]
    strangers = [name for name in header if name.startswith(PREFIX) and name not in (*known, REST)]
    if "item_ref" not in header or not any(name.startswith(PREFIX) for name in header) or strangers:
        raise InvalidInput(
            f"The first line names the columns {', '.join(header)[:200] or 'none'}; expected item_ref and "
            f"{', '.join(known)[:400]}.",
            field="file",
        )
    if twice := sorted({name for name in header if name and header.count(name) > 1}):
        raise InvalidInput(f"The first line names {', '.join(twice)[:200]} twice; name each column once.", field="file")
    return header


def _entry(
    where: str, header: Sequence[str], cells: Sequence[str], shape: Shape, losses: Counter[str]
) -> Incoming | Misfit:
    if len(cells) > len(header):
        return Misfit(where, "", f"has {len(cells):,} cells, and the first line names {len(header):,} columns")
    row = {name: _bare(cell) for name, cell in zip(header, cells, strict=False) if cell}
    item = row.get("item_ref", "")
    try:
        data = _answer(row, shape)
    except WorkbenchError as error:
        return Misfit(where, item, error.message)
    losses["provenance"] += any(name in row for name in PROVENANCE)
    known = {"item_ref", REST, *ABOUT, *PROVENANCE}
    losses["ignored"] += any(name not in known and not name.startswith(PREFIX) for name in row)
    notes = row.get("notes", "") if "notes" in header else None
    return Incoming(where=where, item_ref=item, data=data, confidence=row.get("confidence"), notes=notes)


def _answer(row: dict[str, str], shape: Shape) -> Any:
    parts = {one.name: _value(one, row[PREFIX + one.name]) for one in shape.fields if PREFIX + one.name in row}
    if not shape.is_object:
        return parts.get(WHOLE)
    rest = _json(REST, row[REST]) if REST in row else {}
    if not isinstance(rest, dict):
        raise InvalidInput(f"{REST} is no JSON object")
    return {**parts, **rest}


def _value(field: Field, cell: str) -> Any:
    if field.kind not in {"text", "choice"}:
        return _json(PREFIX + field.name, cell)
    if cell == "null" and field.is_nullable:
        return None
    return _unquoted(cell) if cell.startswith('"') else cell


def _unquoted(cell: str) -> str:
    """Text that would read as something else is written as JSON; what people quote by hand is text."""
    try:
        found = json.loads(cell)
    except ValueError:
        return cell
    return found if isinstance(found, str) else cell


def _json(name: str, cell: str) -> Any:
    try:
        return parse_json(cell)
    except WorkbenchError as error:
        raise InvalidInput(f"column {name} is no JSON: {error.message}") from error
