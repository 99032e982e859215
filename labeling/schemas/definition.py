"""Which JSON Schemas users may write: draft 2020-12, self-contained, finite and quick to check."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, best_match

from .canonical import canonical_json
from .errors import NotJson, SchemaRefused
from .patterns import pattern_fault

DIALECT = "https://json-schema.org/draft/2020-12/schema"
SIZE_LIMIT = 64_000
DEPTH_LIMIT = 24
RULES_LIMIT = 5_000

MAPS = ("properties", "$defs", "definitions", "dependentSchemas")
LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
SINGLE = (
    *("items", "additionalProperties", "contains", "propertyNames", "not", "if", "then", "else"),
    *("unevaluatedItems", "unevaluatedProperties", "contentSchema"),
)
STORES = frozenset({"$defs", "definitions"})
REFUSED = frozenset(
    "patternProperties $id $anchor $vocabulary"
    " $dynamicRef $dynamicAnchor $recursiveRef $recursiveAnchor".split()
)


def check_schema(schema: object, *, field: str) -> None:
    """Refuse what is no usable response schema.

    :raises SchemaRefused: names the field, the path inside the schema and what to write instead.
    """
    check = _Check(field)
    if not isinstance(schema, dict):
        check.refuse("$", f"a schema is a JSON object, not {type(schema).__name__}")
    try:
        text = canonical_json(schema)
    except NotJson as error:
        check.refuse(error.field, error.message)
    if len(text) > SIZE_LIMIT:
        check.refuse("$", f"it has {len(text):,} characters, and a schema may have {SIZE_LIMIT:,}")
    check.dialect(schema)
    check.root = schema
    check.visit(schema, "$", 0)
    rules = check.rules(schema, ())
    if rules > RULES_LIMIT:
        check.refuse("$", f"with every $ref written out it has {rules:,} parts; the limit is {RULES_LIMIT:,}")


def subschemas(schema: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """(keyword, path step, schema) of each schema directly inside; data such as enum is left out."""
    for keyword in MAPS:
        for name, inner in schema.get(keyword, {}).items():
            yield keyword, f".{keyword}.{name}", inner
    for keyword in LISTS:
        for position, inner in enumerate(schema.get(keyword, [])):
            yield keyword, f".{keyword}[{position}]", inner
    for keyword in SINGLE:
        if keyword in schema:
            yield keyword, f".{keyword}", schema[keyword]


def resolve(reference: str, root: Mapping[str, Any]) -> Any:
    """What `#/$defs/name` names; None where it names nothing, or is written in any other way."""
    parts = reference.split("/")
    if len(parts) != 3 or parts[0] != "#" or parts[1] not in STORES:
        return None
    store = root.get(parts[1])
    name = parts[2].replace("~1", "/").replace("~0", "~")
    return store.get(name) if isinstance(store, dict) else None


@dataclass
class _Check:
    field_name: str
    root: dict[str, Any] = field(default_factory=dict)
    counted: dict[str, int] = field(default_factory=dict)

    def refuse(self, path: str, reason: str) -> NoReturn:
        raise SchemaRefused(
            f"{self.field_name}: the schema cannot be used. At {path}: {reason}.",
            field=self.field_name,
            details={"path": path, "reason": reason},
        )

    def dialect(self, schema: dict[str, Any]) -> None:
        named = schema.get("$schema", DIALECT)
        if not isinstance(named, str) or named.rstrip("#") != DIALECT:
            self.refuse("$.$schema", f"it names {named!r}; write {DIALECT!r} or leave it out")
        fault = best_match(Draft202012Validator(Draft202012Validator.META_SCHEMA).iter_errors(schema))
        if fault is not None:
            self.refuse(_path(fault), fault.message)

    def visit(self, schema: Any, path: str, depth: int) -> None:
        if depth > DEPTH_LIMIT:
            self.refuse(path, f"it is nested more than {DEPTH_LIMIT} levels deep")
        if not isinstance(schema, dict):
            return
        self.keywords(schema, path, depth)
        self.patterns(schema, path)
        for _, step, inner in subschemas(schema):
            self.visit(inner, path + step, depth + 1)

    def keywords(self, schema: dict[str, Any], path: str, depth: int) -> None:
        for keyword in sorted(REFUSED & schema.keys()):
            use = (
                "name each property"
                if keyword == "patternProperties"
                else "share parts by $ref to #/$defs/<name>"
            )
            self.refuse(f"{path}.{keyword}", f"{keyword} is not used here; {use}")
        if depth and "$schema" in schema:
            self.refuse(f"{path}.$schema", "only the whole schema may name its dialect")
        if "$ref" in schema and not isinstance(resolve(schema["$ref"], self.root), dict | bool):
            self.refuse(
                f"{path}.$ref", f"{schema['$ref']!r} is not an existing #/$defs/<name> of this schema"
            )

    def patterns(self, schema: dict[str, Any], path: str) -> None:
        pattern = schema.get("pattern")
        if pattern is not None and (reason := pattern_fault(pattern)) is not None:
            self.refuse(f"{path}.pattern", f"the pattern {pattern[:60]!r} is refused: {reason}")

    def rules(self, schema: Any, through: tuple[str, ...]) -> int:
        """Parts of the schema with every $ref written out: a bound on the steps to check one value."""
        if not isinstance(schema, dict):
            return 1
        inner = [part for keyword, _, part in subschemas(schema) if keyword not in STORES]
        total = 1 + sum(self.rules(part, through) for part in inner)
        if "$ref" in schema:
            total += self.rules_of_reference(schema["$ref"], through)
        return total

    def rules_of_reference(self, reference: str, through: tuple[str, ...]) -> int:
        if reference in through:
            self.refuse("$", f"{reference} refers to itself; write the levels out")
        if reference not in self.counted:
            self.counted[reference] = self.rules(resolve(reference, self.root), (*through, reference))
        return self.counted[reference]


def _path(fault: SchemaError | Any) -> str:
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in fault.absolute_path)
