"""Refusing marks that do not lie in what they mark; asked by every door at which an expert gives an answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from governance.errors import InvalidInput
from labeling.annotating.errors import MarkOutside
from labeling.annotating.marks import END, POINTS, START, TEXT, Marked, marked_in
from labeling.annotating.sources import marked_text
from labeling.interchange.pictures import Pictures
from labeling.interchange.shapes import Box, refuse_outside
from labeling.labelsets.models import LabelsetVersion
from workbench.models import SheetVersion


def refuse_outside_source(
    data: Any, *, version: SheetVersion, labelset: LabelsetVersion, row: Mapping[str, Any]
) -> None:
    """Check each box, polygon and span of an answer that fits its schema against the item's picture or text.

    :raises MarkOutside: one lies outside, has no extent, or ends before it starts; says which and what would fit.
    """
    for marked in marked_in(labelset.response_schema):
        records = marked.records(data)
        if not records:
            continue
        if marked.boxes:
            _check_boxes(marked, records, Pictures(version, labelset).size_of(row))
        elif (found := marked_text(marked, version, labelset, row)) is not None:
            for place, record in enumerate(records, start=1):
                _check_span(marked, place, record, *found)


def _check_boxes(marked: Marked, records: Any, size: tuple[int, int] | None) -> None:
    """Without a picture that can be read there is no size to compare with."""
    if size is None or marked.boxes is None:
        return
    for place, record in enumerate(records, start=1):
        box = marked.boxes.box(record)
        try:
            refuse_outside(box, size)
        except InvalidInput as error:
            raise _outside(marked, place, f"{error.message}. Keep it between (0, 0) and {size}") from error
        if marked.has_polygons and record.get(POINTS):
            _check_points(marked, place, box, record[POINTS])


def _check_points(marked: Marked, place: int, box: Box, points: Any) -> None:
    """A polygon lies in its own box, so that what reads only boxes reads the same place."""
    plain = [point for point in points if _is_point(point)] if isinstance(points, list) else []
    if len(plain) < 3 or len(plain) < len(points):
        raise _outside(marked, place, "a polygon has three points [x, y] or more")
    across, down = [point[0] for point in plain], [point[1] for point in plain]
    around = (min(across), min(down), max(across), max(down))
    said = (box.x, box.y, box.x + box.width, box.y + box.height)
    if any(abs(one - other) > 1 for one, other in zip(around, said, strict=True)):
        raise _outside(
            marked,
            place,
            f"its points reach from ({around[0]:g}, {around[1]:g}) to ({around[2]:g}, {around[3]:g}), and its box from "
            f"({said[0]:g}, {said[1]:g}) to ({said[2]:g}, {said[3]:g}); give the box that is around the points",
        )


def _is_point(point: Any) -> bool:
    return isinstance(point, list) and len(point) == 2 and all(type(value) in (int, float) for value in point)


def _check_span(marked: Marked, place: int, record: Mapping[str, Any], column: str, text: str) -> None:
    start, end = record[START], record[END]
    if not 0 <= start < end <= len(text):
        raise _outside(
            marked,
            place,
            f"the span from {start} to {end} does not lie in {column!r}, whose text has {len(text):,} characters; "
            "start at 0 or later, and end behind the start",
        )
    said = record.get(TEXT)
    if isinstance(said, str) and said != text[start:end]:
        there = text[start:end][:80]
        raise _outside(marked, place, f"the text from {start} to {end} is {there!r}, and the span says {said[:80]!r}")


def _outside(marked: Marked, place: int, words: str) -> MarkOutside:
    return MarkOutside(f"No. {place} of {marked.key!r}: {words}.", field=marked.key, details={"place": place})
