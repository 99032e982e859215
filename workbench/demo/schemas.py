"""How the demo and the starter templates write their JSON Schemas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def answer(properties: dict[str, Any]) -> dict[str, Any]:
    """The schema of a whole answer: these fields, all of them, and no others."""
    return {"$schema": DRAFT, **record(properties)}


def record(properties: dict[str, Any]) -> dict[str, Any]:
    """An object with exactly these fields."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def one_of(values: Sequence[str], description: str) -> dict[str, Any]:
    return {"type": "string", "enum": list(values), "description": description}


def text(description: str, **rules: Any) -> dict[str, Any]:
    return {"type": "string", "minLength": 1, **rules, "description": description}


def number(description: str, **rules: Any) -> dict[str, Any]:
    return {"type": "number", **rules, "description": description}


def list_of(items: dict[str, Any], description: str, **rules: Any) -> dict[str, Any]:
    return {"type": "array", "items": items, **rules, "description": description}


def share(description: str) -> dict[str, Any]:
    return number(description, minimum=0, maximum=1)


def inputs(**columns: tuple[str, str]) -> list[dict[str, str]]:
    """What a template expects: `column=(type, description)`."""
    return [{"name": name, "type": kind, "description": words} for name, (kind, words) in columns.items()]
