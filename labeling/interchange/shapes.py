"""What kind of answers a response schema asks for, as far as other tools have a word for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from governance.errors import InvalidInput
from labeling.schemas.definition import resolve

WHOLE = "answer"  # the one field of answers that are no objects
EXACT = 1e-6  # of a pixel, below which a place is a rounding of a file's numbers
SIZED = ("x", "y", "width", "height")
CORNERS = ("x1", "y1", "x2", "y2")


@dataclass(frozen=True)
class Box:
    """A class and a place: left, top, width and height; `more` are its further fields."""

    name: str
    x: float
    y: float
    width: float
    height: float
    more: Mapping[str, Any] = field(default_factory=dict)


def refuse_outside(box: Box, size: tuple[int, int]) -> None:
    """:raises InvalidInput: a box without an extent, or one that leaves a picture of this width and height."""
    right, bottom = box.x + box.width, box.y + box.height
    outside = box.x < -EXACT or box.y < -EXACT or right > size[0] + EXACT or bottom > size[1] + EXACT
    if box.width <= 0 or box.height <= 0 or outside:
        raise InvalidInput(
            f"the box of {box.name!r} from ({box.x:g}, {box.y:g}) to ({right:g}, {bottom:g}) does not lie in the "
            f"picture of {size[0]} x {size[1]} pixels"
        )


@dataclass(frozen=True)
class BoxKeys:
    """How the boxes of a schema are written: which key holds the class, and which the place."""

    name: str
    places: tuple[str, ...]
    classes: tuple[str, ...]
    whole_pixels: bool
    more: tuple[str, ...]

    def can(self, record: Any) -> bool:
        """Whether a record, perhaps of an older schema, is a box of this kind."""
        return (
            isinstance(record, dict)
            and isinstance(record.get(self.name), str)
            and all(type(record.get(key)) in (int, float) for key in self.places)
        )

    def box(self, record: Mapping[str, Any]) -> Box:
        x, y, width, height = (record[key] for key in self.places)
        if self.places == CORNERS:
            width, height = width - x, height - y
        more = {key: value for key, value in record.items() if key not in (self.name, *self.places)}
        return Box(str(record[self.name]), x, y, width, height, more)

    def record(self, box: Box) -> dict[str, Any]:
        place = [box.x, box.y, box.width, box.height]
        if self.places == CORNERS:
            place = [box.x, box.y, box.x + box.width, box.y + box.height]
        return {self.name: box.name, **dict(zip(self.places, place, strict=True)), **box.more}


@dataclass(frozen=True)
class Field:
    """One field of an answer; `kind` is text, choice, many, number, boolean, boxes or json.

    `column`: the one of the Sheet in which its boxes lie, where the schema names it (`x-column`).
    """

    name: str
    kind: str
    is_required: bool
    is_nullable: bool = False
    options: tuple[str, ...] = ()
    keys: BoxKeys | None = None
    column: str = ""

    def when_absent(self) -> dict[str, Any]:
        """What stands for a required field of which a file says nothing: no class, no box, no value."""
        if self.is_required and self.kind in {"many", "boxes"}:
            return {self.name: []}
        return {self.name: None} if self.is_required and self.is_nullable else {}


@dataclass(frozen=True)
class Shape:
    """The fields of an answer, in the schema's order; `is_open` where it may hold others as well."""

    fields: tuple[Field, ...]
    is_object: bool
    is_open: bool

    @classmethod
    def of(cls, schema: Mapping[str, Any]) -> Shape:
        if schema.get("type") != "object" or not isinstance(schema.get("properties"), Mapping):
            return cls((_field(WHOLE, schema, schema, is_required=True),), is_object=False, is_open=False)
        required = schema.get("required", [])
        fields = (
            _field(name, inner, schema, is_required=name in required) for name, inner in schema["properties"].items()
        )
        return cls(tuple(fields), is_object=True, is_open=schema.get("additionalProperties") is not False)

    @property
    def boxes(self) -> Field | None:
        """The one field of boxes; None where there is none or several, which no format tells apart."""
        found = [one for one in self.fields if one.kind == "boxes"]
        return found[0] if len(found) == 1 else None

    def parts(self, data: Any) -> dict[str, Any]:
        """An answer by field."""
        return dict(data) if self.is_object and isinstance(data, dict) else {WHOLE: data}

    def answer(self, parts: Mapping[str, Any]) -> Any:
        """The answer with these fields, and what stands for those that are absent."""
        if not self.is_object:
            return parts.get(WHOLE)
        absent = {key: value for one in self.fields for key, value in one.when_absent().items()}
        return {**{key: value for key, value in absent.items() if key not in parts}, **parts}

    def boxes_of(self, data: Any) -> list[Box]:
        """The boxes in an answer; none where it has no field of boxes, or they have another form."""
        field_of = self.boxes
        if field_of is None or field_of.keys is None or not self.has_boxes(data):
            return []
        return [field_of.keys.box(record) for record in self.parts(data)[field_of.name]]

    def has_boxes(self, data: Any) -> bool:
        """Whether the answer's field of boxes is there, in the form that the schema asks for."""
        field_of = self.boxes
        found = self.parts(data).get(field_of.name) if field_of else None
        keys = field_of.keys if field_of else None
        return keys is not None and isinstance(found, list) and all(keys.can(record) for record in found)

    def beyond(self, data: Any) -> Iterator[str]:
        """Names of values in an answer that none of the fields names."""
        known = {one.name for one in self.fields}
        return (name for name in self.parts(data) if name not in known)


def _field(name: str, given: Any, root: Mapping[str, Any], *, is_required: bool) -> Field:
    schema = resolved(given, root)
    types = types_of(schema)
    options = tuple(value for value in schema.get("enum", ()) if isinstance(value, str))
    is_nullable = "null" in types or None in schema.get("enum", ())
    items = resolved(schema.get("items"), root) if types == {"array"} else {}
    keys = _box_keys(items, root)
    if keys is not None:
        return Field(name, "boxes", is_required, keys=keys, column=str(schema.get("x-column", "")))
    if of_items := tuple(items.get("enum", ())):
        kind = "many" if all(isinstance(value, str) for value in of_items) else "json"
        return Field(name, kind, is_required, options=of_items if kind == "many" else ())
    if "enum" in schema:
        is_words = options and len(options) + (None in schema["enum"]) == len(schema["enum"])
        return Field(name, "choice" if is_words else "json", is_required, is_nullable, options if is_words else ())
    kinds = {"string": "text", "number": "number", "integer": "number", "boolean": "boolean"}
    plain = types - {"null"}
    kind = kinds.get(next(iter(plain)), "json") if len(plain) == 1 else "json"
    return Field(name, kind, is_required, is_nullable)


def _box_keys(items: Mapping[str, Any], root: Mapping[str, Any]) -> BoxKeys | None:
    inner = items.get("properties")
    if not isinstance(inner, Mapping):
        return None
    described = {key: resolved(value, root) for key, value in inner.items()}
    places = next((keys for keys in (SIZED, CORNERS) if set(keys) <= set(described) & always(items)), None)
    named = [key for key, one in described.items() if is_words(one) and key in always(items)]
    if places is None or not named or not all(types_of(described[key]) <= {"integer", "number"} for key in places):
        return None
    name = "class" if "class" in named else named[0]
    return BoxKeys(
        name=name,
        places=places,
        classes=tuple(described[name]["enum"]),
        whole_pixels=all(types_of(described[key]) == {"integer"} for key in places),
        more=tuple(key for key in described if key not in (name, *places)),
    )


def always(items: Mapping[str, Any]) -> set[str]:
    return set(items.get("required", ()))


def is_words(schema: Mapping[str, Any]) -> bool:
    words = schema.get("enum", ())
    return bool(words) and all(isinstance(word, str) for word in words)


def types_of(schema: Mapping[str, Any]) -> set[str]:
    named = schema.get("type", ())
    return {named} if isinstance(named, str) else set(named)


def resolved(schema: Any, root: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a `$ref` names; a schema of true or false asks for nothing that a tool has a word for."""
    for _ in range(8):
        if not isinstance(schema, Mapping):
            return {}
        if "$ref" not in schema:
            return schema
        schema = resolve(schema["$ref"], root)
    return {}
