"""What experts marked on an item, each on a copy of its own, so that they can be seen beside one another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from labeling.agreement.models import Opinion
from labeling.annotating.marks import END, PALETTE, POINTS, START, TEXT, Marked, marked_in
from labeling.labels.showing import Shown
from labeling.labelsets.models import LabelsetVersion


@dataclass(frozen=True)
class Mark:
    """One box or polygon; `points` as SVG writes them, in pixels of the picture, and `x`, `y` where its number stands.

    What an answer under an older schema draws outside the picture is cut off by the browser.
    """

    name: str
    colour: str
    points: str
    x: float
    y: float


@dataclass(frozen=True)
class Drawing:
    """The picture of an item with the marks of one opinion; `number_size` is the height of numbers in its pixels."""

    opinion: Opinion
    picture: Shown
    marks: list[Mark]

    @property
    def number_size(self) -> int:
        return max(self.picture.height, self.picture.width) // 24 + 1

    @property
    def words(self) -> str:
        """How many of which class."""
        return _counted(mark.name for mark in self.marks)


def drawings_of(
    said: Sequence[Opinion], labelset: LabelsetVersion, item: Sequence[Shown], column: str
) -> list[Drawing]:
    """One for each opinion; none where the schema has no boxes, or the item's `column` is not shown as a picture."""
    marked = next((one for one in marked_in(labelset.response_schema) if one.boxes), None)
    picture = next((one for one in item if one.name == column and one.kind == "image" and one.is_picture), None)
    if marked is None or picture is None:
        return []
    colours = _colours(marked, labelset)
    return [Drawing(opinion, picture, _marks(marked, opinion.data, colours)) for opinion in said]


def _colours(marked: Marked, labelset: LabelsetVersion) -> dict[str, str]:
    told = marked.as_json({one["name"]: one.get("color", "") for one in labelset.classes})
    return {one["name"]: one["colour"] for one in told["classes"]}


def _marks(marked: Marked, data: Any, colours: dict[str, str]) -> list[Mark]:
    found = []
    for record in _records(marked, data):
        box = marked.boxes.box(record)  # type: ignore[union-attr]  # only fields of boxes are drawn
        right, bottom = box.x + box.width, box.y + box.height
        corners = record.get(POINTS) or [[box.x, box.y], [right, box.y], [right, bottom], [box.x, bottom]]
        points = " ".join(f"{x:g},{y:g}" for x, y in corners)
        found.append(Mark(box.name, colours.get(box.name, PALETTE[0]), points, box.x, box.y))
    return found


def _records(marked: Marked, data: Any) -> list[Any]:
    """Those that can be drawn: an answer given under an older schema may hold others."""
    found = marked.records(data) if isinstance(data, dict | list) else []
    return [record for record in found if marked.boxes is None or marked.boxes.can(record)]


def said_by_mark(labelset: LabelsetVersion, key: str, data: Any) -> str | None:
    """A marked field of an answer in words, such as “2 short, 1 spur”; None where `key` is not marked."""
    marked = next((one for one in marked_in(labelset.response_schema) if one.key == key), None)
    if marked is None:
        return None
    records = _records(marked, data)
    if marked.boxes:
        return _counted(str(record[marked.boxes.name]) for record in records)
    return "; ".join(_span(record) for record in records if isinstance(record, dict)) or "none"


def _span(record: dict[str, Any]) -> str:
    words = f" “{record[TEXT]}”" if record.get(TEXT) else ""
    named = ", ".join(str(value) for key, value in record.items() if key not in (START, END, TEXT))
    return f"{named} {record.get(START)} to {record.get(END)}{words}"


def _counted(names: Iterable[str]) -> str:
    counted = Counter(names)
    return ", ".join(f"{count} {name}" for name, count in counted.most_common()) or "none"
