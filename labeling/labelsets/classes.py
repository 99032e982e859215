"""Classes of a labelset, and the response schema that follows from them or must agree with them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import cycle
from typing import Any

from labeling.labelsets.errors import ClassesRefused
from labeling.schemas.definition import check_schema, subschemas

PALETTE = ("#2f54c8", "#137a4b", "#8a5a00", "#b3261e", "#6b3fb8", "#0f6f7c", "#9c2f6f", "#5a6675")
COLOR = re.compile(r"#[0-9a-f]{6}")
NAME_LIMIT = 200
CLASSES_LIMIT = 1_000


def checked_classes(classes: object) -> list[dict[str, str]]:
    """The classes as `{name, description, color}`; a missing colour is taken from the palette.

    :raises ClassesRefused: not a list of named classes, a name twice, or a colour that is none.
    """
    if not isinstance(classes, list) or len(classes) > CLASSES_LIMIT:
        raise _refused(f"expected a list of at most {CLASSES_LIMIT:,} classes")
    colors = cycle(PALETTE)
    checked = [_checked_class(entry, place, next(colors)) for place, entry in enumerate(classes)]
    names = [entry["name"] for entry in checked]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise _refused(f"{', '.join(map(repr, twice))} stands there more than once")
    return checked


def _checked_class(entry: object, place: int, color: str) -> dict[str, str]:
    given = {"name": entry} if isinstance(entry, str) else entry
    if not isinstance(given, Mapping) or not isinstance(given.get("name"), str):
        raise _refused(f'class {place + 1} is {entry!r}; expected {{"name": …, "description": …, "color": …}}')
    if unknown := sorted(set(given) - {"name", "description", "color"}):
        raise _refused(f"class {place + 1} has {', '.join(map(repr, unknown))}; expected name, description, color")
    name = given["name"].strip()
    if not 0 < len(name) <= NAME_LIMIT:
        raise _refused(f"class {place + 1} has a name of {len(name)} characters; expected 1 to {NAME_LIMIT}")
    shade = str(given.get("color") or color).lower()
    if not COLOR.fullmatch(shade):
        raise _refused(f"class {name!r} has the colour {shade!r}; expected such as #2f54c8")
    return {"name": name, "description": str(given.get("description") or "").strip(), "color": shade}


def schema_of_classes(classes: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """An object with one required field `label`, which is one of the classes."""
    names = [entry["name"] for entry in classes]
    return {
        "type": "object",
        "properties": {"label": {"type": "string", "enum": names}},
        "required": ["label"],
        "additionalProperties": False,
    }


def checked_schema(schema: object, classes: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """The response schema: as given, or generated from the classes where none is given.

    :raises SchemaRefused: it is no usable JSON Schema.
    :raises ClassesRefused: its enums are not the classes.
    """
    if not schema:
        return schema_of_classes(classes) if classes else {}
    check_schema(schema, field="response_schema")
    usable: dict[str, Any] = schema  # type: ignore[assignment]  # check_schema refuses all but objects
    if classes:
        _check_agreement(usable, [entry["name"] for entry in classes])
    return usable


def _check_agreement(schema: Mapping[str, Any], names: Iterable[str]) -> None:
    """The classes are exactly one field's enum, all enums together, or the fields themselves (entities)."""
    wanted = set(names)
    enums = [set(map(str, values)) for values in _enums(schema)]
    if wanted in (*enums, set().union(*enums), set(schema.get("properties", ()))):
        return
    if not enums:
        raise _refused("the response schema has no enum, so no answer could name a class", field="response_schema")
    nearest = max(enums, key=lambda values: len(values & wanted))
    missing, extra = sorted(wanted - nearest), sorted(nearest - wanted)
    raise _refused(
        "no enum of the response schema lists exactly the classes: "
        f"not in the schema {', '.join(map(repr, missing)) or 'none'}; "
        f"only in the schema {', '.join(map(repr, extra)) or 'none'}",
        field="response_schema",
    )


def _enums(schema: object) -> Iterator[Sequence[Any]]:
    if not isinstance(schema, Mapping):
        return
    if "enum" in schema:
        yield schema["enum"]
    for _, _, inner in subschemas(schema):
        yield from _enums(inner)


def checked_columns(columns: object, *, field: str = "seen_columns") -> list[str]:
    """:raises ClassesRefused: not a list of column names."""
    if not isinstance(columns, list) or not all(isinstance(name, str) and name for name in columns):
        raise _refused(f"expected a list of column names, got {columns!r}", field=field)
    return list(dict.fromkeys(columns))


def _refused(what: str, *, field: str = "classes") -> ClassesRefused:
    return ClassesRefused(f"{field}: {what}.", field=field)
