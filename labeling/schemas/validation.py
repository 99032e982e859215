"""Answers against their schema: reading a model's text, and saying everything that does not fit."""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any, NoReturn

from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from jsonschema.validators import extend

from .canonical import canonical_json, digest
from .definition import check_schema
from .errors import AnswerUnreadable, Fault, NotJson, SchemaViolation
from .patterns import TEXT_LIMIT as PATTERN_TEXT_LIMIT

__all__ = [
    "canonical_json",
    "check_schema",
    "digest",
    "find_faults",
    "fits",
    "parse_answer",
    "parse_json",
    "validate_answer",
]

ANSWER_LIMIT = 1_000_000
FAULTS_LIMIT = 200
SHOWN_VALUE_LIMIT = 80
FORMATS = FormatChecker(("date", "email", "ipv4", "ipv6", "time", "uuid"))
TYPE_WORDS = {"array": "a list", "integer": "a whole number", "null": "null", "object": "an object"}


def validate_answer(data: object, schema: Mapping[str, Any]) -> None:
    """:raises SchemaViolation: lists every place that does not fit (the first 200)."""
    if faults := find_faults(data, schema):
        raise SchemaViolation(faults)


def fits(data: object, schema: Mapping[str, Any]) -> bool:
    return not find_faults(data, schema, limit=1)


def find_faults(data: object, schema: Mapping[str, Any], limit: int = FAULTS_LIMIT) -> list[Fault]:
    """Where `data` does not fit, at most `limit` places, in the order of the answer.

    :raises SchemaRefused: the schema itself cannot be used.
    """
    validator = _validator(canonical_json(schema))
    try:
        canonical_json(data)
    except NotJson as error:
        return [Fault(path=error.field, value="no JSON", expected="a JSON value")]
    found = islice(validator.iter_errors(data), limit)
    return list(dict.fromkeys(fault for error in sorted(found, key=_position) for fault in _faults(error)))


def parse_answer(text: str, schema: Mapping[str, Any]) -> Any:
    """The data in a model's text; whether it fits is for `validate_answer`.

    Strict JSON, or the one fenced block that is JSON; for a schema of plain text, the text itself.

    :raises AnswerUnreadable: says what is wrong with the text.
    """
    if len(text) > ANSWER_LIMIT:
        raise AnswerUnreadable(
            f"The answer has {len(text):,} characters; an answer may have {ANSWER_LIMIT:,}."
        )
    if is_text_schema(schema):
        return _text_answer(text.strip(), schema)
    if "```" in text and not text.lstrip().startswith(("{", "[", '"')):
        return parse_json(_fenced(text))
    return parse_json(text)


def is_text_schema(schema: Mapping[str, Any]) -> bool:
    """Whether every answer is one text."""
    if "enum" in schema:
        return all(isinstance(value, str) for value in schema["enum"])
    return schema.get("type") == "string" or isinstance(schema.get("const"), str)


@lru_cache(maxsize=256)
def _validator(schema_text: str) -> Draft202012Validator:
    """Keyed by the canonical text. Every schema is checked before its first use, whoever stored it."""
    schema = json.loads(schema_text)
    check_schema(schema, field="schema")
    return AnswerValidator(schema, format_checker=FORMATS)


def _text_answer(text: str, schema: Mapping[str, Any]) -> str:
    """Models asked for JSON put quotes around a text; those are not part of it."""
    if text.startswith('"') and not ("enum" in schema and text in schema["enum"]):
        try:
            decoded = json.loads(text)
        except ValueError:
            return text
        return decoded if isinstance(decoded, str) else text
    return text


def _fenced(text: str) -> str:
    parts = text.split("```")
    blocks = [part for part in parts[1::2] if part.lower().startswith(("json", "\n", "\r\n"))]
    if len(parts) % 2 == 0:
        raise AnswerUnreadable(
            "The answer opens a ``` block and does not close it; it may have been cut off."
        )
    if len(blocks) != 1:
        raise AnswerUnreadable(
            f"The answer has {len(blocks)} blocks of JSON between ```; expected exactly one."
        )
    return blocks[0].removeprefix("json").removeprefix("JSON")


def parse_json(text: str) -> Any:
    """Strict: no key twice, no NaN, no number beyond what a float holds.

    :raises AnswerUnreadable: says what is wrong and where.
    """
    if not text.strip():
        raise AnswerUnreadable("The answer is empty; expected JSON.")
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_number, parse_float=_number)
    except json.JSONDecodeError as error:
        raise _no_json(text, error) from error
    except (ValueError, RecursionError) as error:
        raise AnswerUnreadable(f"The answer is not JSON that can be used: {error}.") from error


def _no_json(text: str, error: json.JSONDecodeError) -> AnswerUnreadable:
    near = text[max(error.pos - 20, 0) : error.pos + 20]
    return AnswerUnreadable(
        f"The answer is not JSON: {error.msg} at line {error.lineno}, column {error.colno}, near {near!r}.",
        details={"line": error.lineno, "column": error.colno},
    )


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"an object has the key {twice!r} twice")
    return data


def _number(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse_number(text)


def _refuse_number(text: str) -> NoReturn:
    raise ValueError(f"{text[:40]} is no finite number")


def _is_date_time(value: object) -> bool:
    if not isinstance(value, str):
        return True
    return "T" in value.upper() and datetime.datetime.fromisoformat(value).tzinfo is not None


FORMATS.checks("date-time", raises=ValueError)(_is_date_time)


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
    """The pattern's own cost is bounded for texts of this length only."""
    if isinstance(instance, str) and len(instance) > PATTERN_TEXT_LIMIT:
        yield ValidationError(f"longer than the {PATTERN_TEXT_LIMIT} characters a pattern is matched against")
    else:
        yield from Draft202012Validator.VALIDATORS["pattern"](validator, pattern, instance, schema)


def _unique_items(validator: Any, wanted: bool, instance: Any, schema: Any) -> Iterator[ValidationError]:
    """By hashing: comparing each pair of a long list takes minutes."""
    if wanted and isinstance(instance, list) and len({_hashable(item) for item in instance}) < len(instance):
        yield ValidationError("has an element twice")


def _hashable(value: Any) -> Any:
    if isinstance(value, dict):
        return frozenset((key, _hashable(inner)) for key, inner in value.items())
    if isinstance(value, list):
        return tuple(_hashable(inner) for inner in value)
    return ("bool", value) if isinstance(value, bool) else value


AnswerValidator = extend(Draft202012Validator, {"pattern": _pattern, "uniqueItems": _unique_items})


def _position(error: ValidationError) -> tuple[tuple[bool, int, str], ...]:
    return tuple(
        (isinstance(step, str), 0 if isinstance(step, str) else step, str(step))
        for step in error.absolute_path
    )


def path_text(steps: Iterable[str | int]) -> str:
    """`$.codes[1]`, the form in which paths are shown and compared."""
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)


def _faults(error: ValidationError) -> Iterator[Fault]:
    path = path_text(error.absolute_path)
    if error.validator == "required":
        for name in error.validator_value:
            if name not in error.instance:
                yield Fault(path=f"{path}.{name}", value="missing", expected="a value")
    elif error.validator == "additionalProperties" and error.validator_value is False:
        for name in _unexpected(error):
            yield Fault(
                path=f"{path}.{name}", value=_shown(error.instance[name]), expected="nothing of this name"
            )
    else:
        yield Fault(path=path, value=_shown(error.instance), expected=_expected(error))


def _unexpected(error: ValidationError) -> list[str]:
    known = error.schema.get("properties", {})
    return [name for name in error.instance if name not in known]


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN_VALUE_LIMIT else text[: SHOWN_VALUE_LIMIT - 1] + "…"


def _expected(error: ValidationError) -> str:
    say = EXPECTATIONS.get(str(error.validator))
    return say(error.validator_value) if say else error.message


def _types(value: str | list[str]) -> str:
    words = {"string": "text", "number": "a number", "boolean": "true or false", **TYPE_WORDS}
    return " or ".join(words[name] for name in ([value] if isinstance(value, str) else value))


EXPECTATIONS: dict[str, Callable[[Any], str]] = {
    "type": _types,
    "enum": lambda values: "one of " + ", ".join(_shown(value) for value in values),
    "const": _shown,
    "minimum": lambda limit: f"at least {limit}",
    "maximum": lambda limit: f"at most {limit}",
    "exclusiveMinimum": lambda limit: f"more than {limit}",
    "exclusiveMaximum": lambda limit: f"less than {limit}",
    "multipleOf": lambda step: f"a multiple of {step}",
    "minLength": lambda limit: f"at least {limit} characters",
    "maxLength": lambda limit: f"at most {limit} characters",
    "pattern": lambda pattern: f"text of at most {PATTERN_TEXT_LIMIT} characters that matches {pattern}",
    "format": lambda name: f"the format {name}",
    "minItems": lambda limit: f"at least {limit} elements",
    "maxItems": lambda limit: f"at most {limit} elements",
    "uniqueItems": lambda _: "no element twice",
    "anyOf": lambda _: "one of the alternatives in the schema",
    "oneOf": lambda _: "exactly one of the alternatives in the schema",
}
