"""CSV that a spreadsheet opens without running anything in it."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from itertools import takewhile

FORMULA_STARTS = frozenset("=+-@\uff1d\uff0b\uff0d\uff20")  # ASCII and full-width; spreadsheets run both
INVISIBLE = "\ufeff\u200b\u200c\u200d\u2060\u00ad"  # blank on screen, though str.isspace says no

Cell = str | int | float | bool | None


def formula_safe(cell: Cell) -> Cell:
    """`cell`, with `'` before text that a spreadsheet could take for a formula. Numbers stay numbers.

    Source: OWASP, "CSV Injection".
    """
    if not isinstance(cell, str):
        return cell
    blanks = "".join(takewhile(_is_blank, cell))
    start = cell[len(blanks) : len(blanks) + 1]
    is_risky = start in FORMULA_STARTS or any(sign in blanks for sign in "\t\r\n")
    return "'" + cell if is_risky else cell


def _is_blank(sign: str) -> bool:
    return sign.isspace() or sign in INVISIBLE


def csv_line(cells: Sequence[Cell]) -> bytes:
    """One line of RFC 4180 in UTF-8, its text made safe."""
    line = StringIO(newline="")
    csv.writer(line, lineterminator="\r\n").writerow([formula_safe(cell) for cell in cells])
    return line.getvalue().encode()


def csv_lines(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[bytes]:
    """A whole file, line by line; holds one row in memory."""
    yield csv_line(header)
    yield from map(csv_line, rows)
