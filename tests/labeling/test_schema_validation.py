"""Response schemas: which may be written, what fits them, and how a model's text is read."""

from __future__ import annotations

import json
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling.schemas.errors import AnswerUnreadable, NotJson, SchemaRefused, SchemaViolation
from labeling.schemas.patterns import TEXT_LIMIT, pattern_fault
from labeling.schemas.validation import (
    canonical_json,
    check_schema,
    digest,
    find_faults,
    fits,
    parse_answer,
    validate_answer,
)
from tests.proofs import examples

SCHEMA = {
    "type": "object",
    "properties": {
        "procedure_codes": {
            "type": "array",
            "items": {"type": "string", "pattern": "^[0-9]{5}$"},
            "uniqueItems": True,
        },
        "total": {"type": "number", "minimum": 0},
        "born_on": {"type": "string", "format": "date"},
    },
    "required": ["procedure_codes", "total"],
    "additionalProperties": False,
}


def _doubling(levels: int) -> dict[str, object]:
    parts: dict[str, object] = {"a0": {"type": "string"}}
    for level in range(1, levels):
        parts[f"a{level}"] = {"allOf": [{"$ref": f"#/$defs/a{level - 1}"}] * 2}
    return {"$ref": f"#/$defs/a{levels - 1}", "$defs": parts}


def _deep(levels: int) -> dict[str, object]:
    schema: dict[str, object] = {}
    for _ in range(levels):
        schema = {"items": schema}
    return schema


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ([], "$:"),
        ({"type": "strin"}, "$.type:"),
        ({"properties": {"a": {"minimum": "x"}}}, "$.properties.a.minimum:"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "$.$schema:"),
        ({"items": {"$ref": "https://example.com/schema"}}, "$.items.$ref:"),
        ({"$ref": "file:///etc/passwd"}, "$.$ref:"),
        ({"$ref": "#/$defs/none"}, "$.$ref:"),
        ({"$ref": "#/enum/0", "enum": [{}]}, "$.$ref:"),
        ({"$id": "https://example.com"}, "$.$id:"),
        ({"items": {"$dynamicRef": "#a"}}, "$.items.$dynamicRef:"),
        ({"patternProperties": {"a": {}}}, "$.patternProperties:"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}, "refers to itself"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"items": {"$ref": "#/$defs/a"}}}}, "refers to itself"),
        (_doubling(25), "with every $ref written out"),
        (_deep(30), "nested more than"),
        (_deep(100), "nested more than"),
        ({"description": "x" * 64_001}, "characters"),
        ({"enum": [float("nan")]}, "$.enum[0]:"),
        ({"properties": {"a": {"pattern": "(a+)+$"}}}, "$.properties.a.pattern:"),
        ({"pattern": "("}, "$.pattern:"),
        ({"pattern": "a" * 201}, "$.pattern:"),
    ],
)
def test_a_schema_that_cannot_be_used_is_refused_with_its_path(schema, path):
    with pytest.raises(SchemaRefused, match=r"^response_schema: .*" + re.escape(path)) as caught:
        check_schema(schema, field="response_schema")

    assert caught.value.field == "response_schema"


@pytest.mark.parametrize(
    "schema",
    [
        {},
        SCHEMA,
        {"enum": ["a", "b"]},
        {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "string"},
        {
            "properties": {
                "$ref": {"type": "string"},
                "$id": {"type": "string"},
                "pattern": {"type": "string"},
            }
        },
        {"enum": [{"pattern": "(a+)+$", "$ref": "x"}], "default": {"$id": 1}},
        {
            "properties": {"a": {"$ref": "#/$defs/x~1y"}, "b": {"$ref": "#/$defs/x~1y"}},
            "$defs": {"x/y": True},
        },
    ],
)
def test_a_usable_schema_passes(schema):
    check_schema(schema, field="response_schema")


@pytest.mark.parametrize(
    "pattern",
    [
        r"^(a+)+$",
        r"(a|a)*b",
        r"^(a?){30}a{30}$",
        "a?" * 40 + "a" * 40,
        r"(.*a){20}",
        r"\S+@\S+\.\S+\.\S+",
        r"(?=(a+)+)b",
    ],
)
def test_a_pattern_that_could_run_for_ever_is_refused(pattern):
    assert "very long" in (pattern_fault(pattern) or "")


@pytest.mark.parametrize(
    "pattern",
    [
        r"^\d{1,3}(,\d{3})*(\.\d{2})?$",
        r"^[A-Z]{2}\d{6,10}$",
        r"^\S+@\S+\.\S+$",
        r"^(USD|EUR|GBP)$",
        r"\d+",
        r"^[^@]+@[^@]+$",
        r"^.*a.*b.*$",
    ],
)
@pytest.mark.parametrize("text", ["a", "@.", "1,", "9", "ab@."])
def test_an_accepted_pattern_is_quick_on_the_longest_text(pattern, text):
    subject = (text * TEXT_LIMIT)[: TEXT_LIMIT - 1] + "\n"
    started = time.thread_time()

    assert pattern_fault(pattern) is None
    re.search(pattern, subject)

    assert time.thread_time() - started < 1


def test_an_answer_that_fits_passes():
    validate_answer({"procedure_codes": ["99213"], "total": 0, "born_on": "1985-03-15"}, SCHEMA)


def test_every_fault_is_told_with_path_value_and_expectation():
    with pytest.raises(SchemaViolation) as caught:
        validate_answer({"procedure_codes": ["99213", "9x"], "born_on": "1985-13-01", "extra": 1}, SCHEMA)

    assert [(fault.path, fault.value) for fault in caught.value.faults] == [
        ("$.extra", "1"),
        ("$.total", "missing"),
        ("$.born_on", '"1985-13-01"'),
        ("$.procedure_codes[1]", '"9x"'),
    ]
    assert '$.procedure_codes[1] is "9x", expected text' in caught.value.message
    assert caught.value.details["faults"][1] == {"path": "$.total", "value": "missing", "expected": "a value"}


def test_two_missing_values_are_two_faults():
    assert [fault.path for fault in find_faults({}, SCHEMA)] == ["$.procedure_codes", "$.total"]


@pytest.mark.parametrize("data", [object(), {1: 2}, float("nan"), ("a",), "\ud800"])
def test_an_answer_that_is_no_json_fits_nothing(data):
    assert not fits(data, {})


@pytest.mark.parametrize(
    ("items", "unique"),
    [
        ([1, 1.0], False),
        ([1, True], True),
        ([0, False, "0"], True),
        ([{"a": [1]}, {"a": [1.0]}], False),
        ([[], {}], True),
    ],
)
def test_elements_are_compared_as_json_does(items, unique):
    assert fits(items, {"uniqueItems": True}) == unique


def test_a_long_list_of_objects_is_compared_quickly():
    started = time.thread_time()

    assert fits([{"n": n} for n in range(20_000)], {"uniqueItems": True})

    assert time.thread_time() - started < 5


def test_a_pattern_is_not_matched_against_a_long_text():
    assert not fits("a" * (TEXT_LIMIT + 1), {"pattern": "a"})


@pytest.mark.parametrize(
    ("text", "valid"), [("2024-01-15T10:00:00Z", True), ("2024-01-15", False), ("now", False), (5, True)]
)
def test_the_format_date_time_needs_a_time_zone(text, valid):
    assert fits(text, {"format": "date-time"}) == valid


def test_a_stored_schema_that_cannot_be_used_is_refused_at_use():
    with pytest.raises(SchemaRefused):
        fits("aaaa!", {"pattern": "(a+)+$"})


@pytest.mark.parametrize(
    "text",
    [
        '{"total": 1}',
        ' \n{"total": 1}\n',
        'Sure:\n```json\n{"total": 1}\n```\nDone.',
        '```\n{"total": 1}\n```',
    ],
)
def test_json_is_read_bare_or_from_its_fence(text):
    assert parse_answer(text, SCHEMA) == {"total": 1}


def test_a_fence_inside_a_value_is_part_of_it():
    assert parse_answer('{"a": "```json"}', SCHEMA) == {"a": "```json"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("Sure!", "line 1, column 1"),
        ('{"a": 1,}', "line 1, column 9"),
        ('{"a": 1, "a": 2}', "'a' twice"),
        ('{"a": NaN}', "NaN"),
        ("[1e999]", "1e999"),
        ("[" * 100_000, "recursion"),
        ("9" * 5_000, "digit"),
        ('```json\n{"a": 1}', "cut off"),
        ("```json\n1\n``` or ```json\n2\n```", "2 blocks"),
        ("```python\n1\n```", "0 blocks"),
        ("x" * 1_000_001, "1,000,001"),
    ],
)
def test_a_text_that_holds_no_answer_says_why(text, reason):
    with pytest.raises(AnswerUnreadable, match=reason):
        parse_answer(text, SCHEMA)


@pytest.mark.parametrize(
    ("schema", "text", "answer"),
    [
        ({"type": "string"}, " The invoice is paid.\n", "The invoice is paid."),
        ({"type": "string"}, '"quoted"', "quoted"),
        ({"type": "string"}, '"A" and "B"', '"A" and "B"'),
        ({"type": "string"}, "42", "42"),
        ({"enum": ["paid", "open"]}, "paid\n", "paid"),
        ({"enum": ['"x"']}, '"x"', '"x"'),
        ({"enum": [1, 2]}, "1", 1),
    ],
)
def test_a_schema_of_plain_text_takes_the_text_itself(schema, text, answer):
    assert parse_answer(text, schema) == answer


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=15,
)


@given(data=JSON)
def test_canonical_text_reads_back_as_the_same_data(data):
    assert json.loads(canonical_json(data)) == data
    assert parse_answer(canonical_json(data), {}) == data


@given(data=st.dictionaries(TEXT, JSON, min_size=2))
def test_the_digest_does_not_depend_on_the_order_of_keys(data):
    assert digest(dict(reversed(data.items()))) == digest(data)


def test_canonical_text_is_sorted_and_compact_and_keeps_characters():
    assert canonical_json({"b": [1, True], "a": "é"}) == '{"a":"é","b":[1,true]}'
    assert digest({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ({"a": [float("inf")]}, r"\$\.a\[0\]"),
        ({"a": {1: 2}}, r"\$\.a"),
        ((1,), r"\$"),
        ({"\ud800": 1}, r"\$"),
        ([{1}], r"\$\[0\]"),
    ],
)
def test_what_json_lacks_has_no_canonical_text(data, path):
    with pytest.raises(NotJson, match=path):
        canonical_json(data)


@settings(max_examples=examples(200), deadline=None)
@given(schema=JSON)
def test_any_value_is_a_schema_or_refused_as_one(schema):
    try:
        check_schema(schema, field="response_schema")
    except SchemaRefused:
        return
    assert fits({}, schema) in {True, False}


@pytest.mark.parametrize("data", ["a\0b", {"name": ["\0"]}, {"na\0me": 1}])
def test_a_nul_is_refused_with_its_path(data):
    with pytest.raises(NotJson, match="NUL"):
        canonical_json(data)
