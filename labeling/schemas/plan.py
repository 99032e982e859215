"""How a JSON Schema is laid out as form fields: single values, groups of them, and rows of groups."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .definition import resolve

LONG_TEXT = 200
LEVELS = 2
# Names that are safe as they stand; a double underscore joins names, and a hyphen marks companions.
SAFE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*")

Kind = Literal["text", "long", "number", "integer", "boolean", "choice", "date", "lines", "many", "json"]
Empty = Literal["missing", "null", "blank", "ask"]


@dataclass(frozen=True, kw_only=True)
class Node:
    """`when_empty` is what leaving the node empty means; `asked` is whether the browser insists on it."""

    name: str
    label: str
    help: str
    when_empty: Empty
    asked: bool


@dataclass(frozen=True, kw_only=True)
class Leaf(Node):
    kind: Kind
    schema: Mapping[str, Any]
    nullable: bool


@dataclass(frozen=True, kw_only=True)
class Group(Node):
    """An object; members by property name."""

    members: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, kw_only=True)
class Rows(Node):
    """A list of objects of one schema."""

    schema: Mapping[str, Any]
    root: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where in the form a schema stands."""

    name: str
    label: str
    required: bool
    asked: bool
    level: int


def plan_for(schema: Mapping[str, Any]) -> Node:
    """The layout of a checked schema. A root that is no object is one field, `answer`."""
    shape, _ = _shape(schema, schema)
    is_group = _is_group(shape)
    place = _Place(
        name="" if is_group else "answer",
        label="" if is_group else str(shape.get("title") or "Answer"),
        required=True,
        asked=True,
        level=0,
    )
    return _node(schema, schema, place)


def row_plan(rows: Rows, position: int, *, is_new: bool) -> Group:
    """Row `position` of the list, counted from 0. The browser insists on nothing in a new row."""
    place = _Place(
        name=joined(rows.name, str(position)),
        label=f"{rows.label} {position + 1}",
        required=True,
        asked=rows.asked and not is_new,
        level=LEVELS - 1,
    )
    node = _node(rows.schema, rows.root, place)
    if not isinstance(node, Group):
        raise TypeError(f"{rows.name} is planned as rows of {type(node).__name__}")
    return node


def joined(name: str, part: str) -> str:
    return f"{name}__{part}" if name else part


def _node(schema: Any, root: Mapping[str, Any], place: _Place) -> Node:
    shape, nullable = _shape(schema, root)
    common: dict[str, Any] = {
        "name": place.name,
        "label": place.label or str(shape.get("title", "")),
        "help": _help(shape),
        "asked": place.asked and place.required and not nullable,
    }
    if place.level < LEVELS and _is_group(shape):
        empty = _when_empty(place.required, nullable, "blank")
        return Group(**common, when_empty=empty, members=_members(shape, root, place))
    if place.level < LEVELS and _is_rows(shape, root):
        empty = _when_empty(place.required, nullable, "blank")
        return Rows(**common, when_empty=empty, schema=shape["items"], root=root)
    kind = _kind(shape, root)
    if kind in {"lines", "many"}:
        shape = {**shape, "items": _shape(shape["items"], root)[0]}
    empty = _when_empty(place.required, nullable and kind not in {"choice", "boolean", "json"}, _blank(kind))
    return Leaf(**common, when_empty=empty, kind=kind, schema=shape, nullable=nullable)


def _members(
    shape: Mapping[str, Any], root: Mapping[str, Any], place: _Place
) -> tuple[tuple[str, Node], ...]:
    """In the order of `x-order` where given, since some databases do not keep the order of keys."""
    required = shape.get("required", [])
    ordered = sorted(shape["properties"].items(), key=lambda item: _order(item[1]))
    return tuple(
        (key, _node(inner, root, _member_place(key, inner, key in required, place))) for key, inner in ordered
    )


def _member_place(key: str, schema: Any, required: bool, parent: _Place) -> _Place:
    title = schema.get("title") if isinstance(schema, dict) else None
    own = str(title or key.replace("_", " ").strip().capitalize() or key)
    return _Place(
        name=joined(parent.name, _form_name(key)),
        label=f"{parent.label}: {own}" if parent.label else own,
        required=required,
        asked=parent.asked and parent.required,
        level=parent.level + 1,
    )


def _form_name(key: str) -> str:
    return key if SAFE_NAME.fullmatch(key) else f"x-{key.encode().hex()}"


def _order(schema: Any) -> float:
    order = schema.get("x-order", 0) if isinstance(schema, dict) else 0
    return order if isinstance(order, int | float) else 0


def _when_empty(required: bool, nullable: bool, blank: Empty) -> Empty:
    if not required:
        return "missing"
    return "null" if nullable else blank


def _blank(kind: Kind) -> Empty:
    """An empty list is an answer; an empty text is more often one that was forgotten."""
    return "blank" if kind in {"lines", "many"} else "ask"


def _shape(schema: Any, root: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    """The schema with references followed and an alternative of null taken off; and if it was there."""
    if not isinstance(schema, dict):
        return {}, False
    nullable = False
    while True:
        if "$ref" in schema:
            rest = {keyword: value for keyword, value in schema.items() if keyword != "$ref"}
            target = resolve(schema["$ref"], root)
            schema = {**target, **rest} if isinstance(target, dict) else rest
        elif (inner := _other_than_null(schema)) is not None:
            schema, nullable = inner, True
        else:
            return schema, nullable


def _other_than_null(schema: Mapping[str, Any]) -> dict[str, Any] | None:
    types = schema.get("type")
    if isinstance(types, list) and len(types) == 2 and "null" in types:
        return {**schema, "type": next(name for name in types if name != "null")}
    for keyword in ("anyOf", "oneOf"):
        parts = schema.get(keyword, [])
        if len(parts) == 2 and {"type": "null"} in parts:
            rest = {name: value for name, value in schema.items() if name != keyword}
            other = parts[1 - parts.index({"type": "null"})]
            return {**other, **rest} if isinstance(other, dict) else None
    return None


def _is_group(shape: Mapping[str, Any]) -> bool:
    return shape.get("type") == "object" and bool(shape.get("properties")) and "enum" not in shape


def _is_rows(shape: Mapping[str, Any], root: Mapping[str, Any]) -> bool:
    if shape.get("type") != "array" or "items" not in shape or {"enum", "prefixItems"} & shape.keys():
        return False
    inner, nullable = _shape(shape["items"], root)
    return _is_group(inner) and not nullable


def _kind(shape: Mapping[str, Any], root: Mapping[str, Any]) -> Kind:
    if shape.get("enum") or "const" in shape:
        return "choice"
    match shape.get("type"):
        case "string":
            return _text_kind(shape)
        case "number":
            return "number"
        case "integer":
            return "integer"
        case "boolean":
            return "boolean"
        case "array":
            return _list_kind(shape, root)
    return "json"


def _text_kind(shape: Mapping[str, Any]) -> Kind:
    if shape.get("format") == "date":
        return "date"
    is_long = shape.get("maxLength", 0) > LONG_TEXT or shape.get("format") == "textarea"
    return "long" if is_long else "text"


def _list_kind(shape: Mapping[str, Any], root: Mapping[str, Any]) -> Kind:
    inner, nullable = _shape(shape.get("items"), root)
    if nullable or "prefixItems" in shape:
        return "json"
    if inner.get("enum") and all(isinstance(value, str) for value in inner["enum"]):
        return "many" if shape.get("uniqueItems") else "lines"
    return "lines" if inner.get("type") == "string" and "const" not in inner else "json"


def _help(shape: Mapping[str, Any]) -> str:
    parts = [str(shape.get("description", "")).strip(), _range(shape)]
    if "x-unit" in shape:
        parts.append(f"Unit: {shape['x-unit']}.")
    return " ".join(part for part in parts if part)


def _range(shape: Mapping[str, Any]) -> str:
    low, high = shape.get("minimum"), shape.get("maximum")
    if low is not None and high is not None:
        return f"From {low} to {high}."
    if low is not None:
        return f"At least {low}."
    return f"At most {high}." if high is not None else ""
