"""What the formats of boxes share: what they cannot carry, and how they read numbers and names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from governance.errors import InvalidInput
from labeling.interchange.port import Outgoing
from labeling.interchange.shapes import Shape


def no_boxes(shape: Shape) -> str:
    """Why answers of this shape are no boxes in a picture; empty where they are."""
    if shape.boxes is not None:
        return ""
    return (
        "it holds boxes, and these answers have no list of boxes; that is a field with a list of objects with a class "
        "(an enum) and x, y, width, height or x1, y1, x2, y2"
    )


def label_losses(label: Outgoing) -> Iterator[str]:
    """What stands beside an answer, for formats that carry the answer alone."""
    yield "provenance"
    if label.confidence != "high":
        yield "confidence"
    if label.notes:
        yield "notes"


def box_losses(label: Outgoing, shape: Shape) -> Iterator[str]:
    """For formats that carry boxes alone, and no other field of the answer."""
    yield from label_losses(label)
    if shape.boxes is None or shape.boxes.keys is None:
        return
    if any(name != shape.boxes.name for name in shape.parts(label.data)):
        yield "fields"
    yield from place_losses(label, shape)


def place_losses(label: Outgoing, shape: Shape) -> Iterator[str]:
    """What boxes themselves lose where a box is a class and a place, and labels that the format cannot hold."""
    if shape.boxes is None or shape.boxes.keys is None:
        return
    if not shape.has_boxes(label.data):
        is_absent = shape.boxes.name not in shape.parts(label.data) and not shape.boxes.is_required
        yield "empty" if is_absent else "older"
    boxes = shape.boxes_of(label.data)
    if any(box.more for box in boxes):
        yield "box_fields"
    if any(box.name not in shape.boxes.keys.classes for box in boxes):
        yield "classes"


FARTHEST = 10_000_000  # pixels: no picture is larger


def number_of(value: Any, where: str) -> float:
    """:raises InvalidInput: no number, or none of a place in a picture."""
    if type(value) not in (int, float) or not abs(value) <= FARTHEST:  # which no number that is none passes
        raise InvalidInput(f"{where} has {str(value)[:80]!r} for a number; expected one up to {FARTHEST:,}")
    found: float = value
    return found


def picture_name(entry: Mapping[str, Any], *keys: str) -> str:
    """The first of these keys that holds a name."""
    found = (entry.get(key) for key in keys)
    return next((name for name in found if isinstance(name, str) and name), "")
