"""Whether a template's output schema only lets through what the labelset's schema lets through."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ANNOTATIONS = frozenset({"$schema", "title", "description", "examples", "default", "$comment", "deprecated"})
COMPARED = frozenset({"properties", "required", "items", "enum"})


def fits_within(inner: Any, outer: Any) -> bool:
    """Whether every answer that `inner` accepts is accepted by `outer`.

    Decides objects, lists and enums part by part; anything else must be written alike. May say no to a
    schema that would fit, and never yes to one that does not.
    """
    inner, outer = without_annotations(inner), without_annotations(outer)
    if inner == outer or outer in (True, {}):
        return True
    if not isinstance(inner, Mapping) or not isinstance(outer, Mapping):
        return False
    if _rest(inner) != _rest(outer):
        return False
    return _enums_fit(inner, outer) and _items_fit(inner, outer) and _properties_fit(inner, outer)


def without_annotations(schema: Any) -> Any:
    """The schema without titles and descriptions, at every level; names of properties stay."""
    if isinstance(schema, list):
        return [without_annotations(part) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    return {key: _inside(key, value) for key, value in schema.items() if key not in ANNOTATIONS}


def _inside(keyword: str, value: Any) -> Any:
    if keyword in {"enum", "const"}:
        return value
    if keyword in {"properties", "$defs"} and isinstance(value, Mapping):
        return {name: without_annotations(part) for name, part in value.items()}
    return without_annotations(value)


def _rest(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key not in COMPARED}


def _enums_fit(inner: Mapping[str, Any], outer: Mapping[str, Any]) -> bool:
    if "enum" not in outer:
        return True
    return "enum" in inner and all(value in outer["enum"] for value in inner["enum"])


def _items_fit(inner: Mapping[str, Any], outer: Mapping[str, Any]) -> bool:
    return "items" not in outer or ("items" in inner and fits_within(inner["items"], outer["items"]))


def _properties_fit(inner: Mapping[str, Any], outer: Mapping[str, Any]) -> bool:
    """`additionalProperties` is alike on both sides by now."""
    mine, theirs = inner.get("properties", {}), outer.get("properties", {})
    is_closed = inner.get("additionalProperties") is False
    if not set(outer.get("required", ())) <= set(inner.get("required", ())):
        return False
    if set(theirs) - set(mine) and not is_closed:
        return False
    if set(mine) - set(theirs) and "additionalProperties" in outer:
        return False
    return all(fits_within(schema, theirs[name]) for name, schema in mine.items() if name in theirs)
