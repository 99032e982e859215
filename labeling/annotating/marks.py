"""Which fields of an answer are marked on the source instead of typed, and with which keys they are written.

Boxes are records of a class and a place; with a property `points` they may be polygons as well. Spans are records of
a class with `start` and `end`, counted in Unicode code points.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labeling.interchange.shapes import WHOLE, BoxKeys, Shape, always, is_words, resolved, types_of
from labeling.schemas.plan import Group, plan_for

POINTS = "points"
START, END, TEXT = "start", "end", "text"
PALETTE = ("#2f54c8", "#b3261e", "#137a4b", "#8a5a00", "#6b3fb8", "#0f7c8a", "#c2185b", "#3d6b1f", "#a0561a")


@dataclass(frozen=True)
class SpanKeys:
    """How the spans of a schema are written; `has_text`: they may hold their words too."""

    name: str
    classes: tuple[str, ...]
    has_text: bool


@dataclass(frozen=True)
class Marked:
    """One field that is marked: its key in the answer, its name in the form, and the column that it marks.

    `column` is empty where the schema names none (`x-column`): then it is the first picture, or the first text.
    """

    key: str
    field: str
    column: str
    boxes: BoxKeys | None = None
    spans: SpanKeys | None = None

    @property
    def kind(self) -> str:
        return "boxes" if self.boxes else "spans"

    @property
    def has_polygons(self) -> bool:
        return self.boxes is not None and POINTS in self.boxes.more

    def records(self, data: Any) -> Sequence[Any]:
        """The records of this field in an answer; none where it has another form."""
        found = data if self.key == WHOLE and not isinstance(data, dict) else data.get(self.key)
        return found if isinstance(found, list) else []

    def as_json(self, colours: Mapping[str, str]) -> dict[str, Any]:
        """What the page's script needs to know."""
        keys: Any = self.boxes or self.spans
        classes = [
            {"name": name, "colour": colours.get(name) or PALETTE[place % len(PALETTE)]}
            for place, name in enumerate(keys.classes)
        ]
        shared = {"kind": self.kind, "field": f"{self.field}-json", "classes": classes, "nameKey": keys.name}
        if self.boxes:
            how = {"places": list(self.boxes.places), "whole": self.boxes.whole_pixels, "polygons": self.has_polygons}
            return shared | how
        return shared | {"hasText": keys.has_text}


def marked_in(schema: Mapping[str, Any]) -> list[Marked]:
    """The fields of this schema that can be marked: the one of boxes, and those of spans."""
    return list(_marked(schema))


def _marked(schema: Mapping[str, Any]) -> Iterator[Marked]:
    names = _field_names(schema)
    boxes = Shape.of(schema).boxes
    if boxes is not None and boxes.keys is not None and _needs_no_more(schema, boxes.name, boxes.keys):
        yield Marked(boxes.name, names[boxes.name], boxes.column, boxes=boxes.keys)
    for key, inner in _fields(schema):
        if (keys := _span_keys(inner, schema)) is not None:
            yield Marked(key, names[key], str(inner.get("x-column", "")), spans=keys)


def _fields(schema: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The fields of an answer with what they may hold; an answer that is no object is one field."""
    properties = schema.get("properties") if schema.get("type") == "object" else {WHOLE: schema}
    for key, inner in (properties or {}).items():
        yield key, resolved(inner, schema)


def _field_names(schema: Mapping[str, Any]) -> dict[str, str]:
    plan = plan_for(schema)
    return {key: node.name for key, node in plan.members} if isinstance(plan, Group) else {WHOLE: plan.name}


def _needs_no_more(schema: Mapping[str, Any], name: str, keys: BoxKeys) -> bool:
    """Whether a class and a place are enough for a record: what else it needs has to be typed in the form."""
    items = next(resolved(inner.get("items"), schema) for key, inner in _fields(schema) if key == name)
    return not always(items) & set(keys.more)


def _span_keys(field: Mapping[str, Any], root: Mapping[str, Any]) -> SpanKeys | None:
    items = resolved(field.get("items"), root) if types_of(field) == {"array"} else {}
    inner = items.get("properties")
    if not isinstance(inner, Mapping):
        return None
    described = {key: resolved(value, root) for key, value in inner.items()}
    needed = always(items)
    named = [key for key in described if key in needed and is_words(described[key])]
    has_ends = all(key in needed and types_of(described.get(key, {})) == {"integer"} for key in (START, END))
    if not has_ends or not named or needed - {START, END, TEXT, named[0]}:
        return None
    return SpanKeys(named[0], tuple(described[named[0]]["enum"]), TEXT in described)
