"""The form made from a schema: an answer goes through it unchanged, and errors stand beside their field."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from django.http import QueryDict
from django.utils.http import urlencode
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labeling.schemas.errors import FormIncomplete, SchemaRefused, SchemaViolation
from labeling.schemas.forms import data_from, form_for_schema, initial_for
from labeling.schemas.validation import fits
from tests.proofs import examples

INVOICE = {
    "type": "object",
    "properties": {
        "patient_name": {"type": "string", "minLength": 1, "description": "As printed <b>on</b> the invoice"},
        "note": {"type": "string", "maxLength": 2000},
        "born_on": {"type": "string", "format": "date"},
        "total": {"type": "number", "minimum": 0, "x-unit": "USD"},
        "in_network": {"type": "boolean"},
        "status": {"enum": ["paid", "open", "disputed"]},
        "procedure_codes": {"type": "array", "items": {"type": "string", "pattern": "^[0-9]{5}$"}},
        "topics": {"type": "array", "items": {"enum": ["lab", "visit", "drug"]}, "uniqueItems": True},
        "address": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        "lines": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"code": {"type": "string"}, "amount": {"type": "number"}},
                "required": ["code", "amount"],
                "additionalProperties": False,
            },
        },
        "anything": {},
    },
    "required": ["patient_name", "total", "in_network", "status", "procedure_codes"],
    "additionalProperties": False,
}
ANSWER = {
    "patient_name": "Jane Smith",
    "note": "two\nlines",
    "born_on": "1985-03-15",
    "total": 285.5,
    "in_network": False,
    "status": "paid",
    "procedure_codes": ["99213", "87426"],
    "topics": ["visit", "lab"],
    "address": {"city": "Utrecht"},
    "lines": [{"code": "99213", "amount": 145}, {"code": "87426", "amount": 140.5}],
    "anything": [1, {"a": None}],
}


class _Page(HTMLParser):
    """Reads a form's fields as a browser without scripts would send them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.sent: list[tuple[str, str]] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self._textarea: str | None = None
        self._select: str | None = None
        self._text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.tags.append((tag, found))
        is_choice = found.get("type") in {"radio", "checkbox"}
        if tag == "input" and (not is_choice or "checked" in found):
            self.sent.append((found["name"], found.get("value", "on" if is_choice else "")))
        elif tag == "textarea":
            self._textarea, self._text = found["name"], ""
        elif tag == "select":
            self._select = found["name"]
        elif tag == "option" and "selected" in found and self._select:
            self.sent.append((self._select, found["value"]))

    def handle_data(self, data: str) -> None:
        self._text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self._textarea:
            self.sent.append((self._textarea, self._text.removeprefix("\n")))
            self._textarea = None

    def post(self, **changed: str | list[str]) -> QueryDict:
        kept = [(name, value.replace("\n", "\r\n")) for name, value in self.sent if name not in changed]
        new = [
            (name, one)
            for name, value in changed.items()
            for one in ([value] if isinstance(value, str) else value)
        ]
        return QueryDict(urlencode(kept + new))


def _page(schema: dict[str, Any], *answer: Any, **options: Any) -> _Page:
    initial = initial_for(answer[0], schema) if answer else {}
    return _Page(str(form_for_schema(schema, **options)(initial=initial)))


def _sent(schema: dict[str, Any], *answer: Any, **changed: Any) -> Any:
    return form_for_schema(schema)(_page(schema, *answer).post(**changed))


def test_an_answer_goes_through_the_page_unchanged():
    assert data_from(_sent(INVOICE, ANSWER), INVOICE) == ANSWER


def test_a_changed_field_changes_only_its_value():
    form = _sent(INVOICE, ANSWER, total="258.50", procedure_codes="99213\r\n\r\n 11111 ")

    assert data_from(form, INVOICE) == {**ANSWER, "total": 258.5, "procedure_codes": ["99213", "11111"]}


def test_a_new_answer_is_written_from_empty_fields():
    form = _sent(INVOICE, patient_name="Ann", total="10", in_network="true", status="open")

    assert data_from(form, INVOICE) == {
        "patient_name": "Ann",
        "total": 10,
        "in_network": True,
        "status": "open",
        "procedure_codes": [],
    }


def test_required_fields_left_empty_say_so_beside_the_field():
    form = _sent(INVOICE)

    assert not form.is_valid()
    assert set(form.errors) == {"patient_name", "total", "in_network", "status"}
    assert form.errors["total"] == ["This field is required."]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("total", "-1", "Expected at least 0."),
        ("total", "n/a", "no number"),
        ("total", "1e999", "no number"),
        ("status", "stolen", "not one of the choices"),
        ("born_on", "15.03.1985", "Expected the format date."),
        ("procedure_codes", "99213\n9x", "$.procedure_codes[1]"),
        ("topics", ["lab"], "not one of the choices"),
        ("anything", "{", "not JSON"),
        ("lines__0__amount", "", "This field is required."),
        ("lines__2__code", "99999", "$.lines"),
    ],
)
def test_a_fault_is_told_at_its_field(field, value, message):
    form = _sent(INVOICE, ANSWER, **{field: value})

    beside = "lines__2__amount" if field == "lines__2__code" else field
    expected = "This field is required." if field == "lines__2__code" else message
    assert not form.is_valid()
    assert list(form.errors) == [beside]
    assert expected in form.errors[beside][0]
    with pytest.raises(FormIncomplete):
        data_from(form, INVOICE)


def test_rows_are_added_and_removed_without_scripts():
    changed = {"lines__0-remove": "on", "lines__3__code": "12345", "lines__3__amount": "7"}

    answer = data_from(_sent(INVOICE, ANSWER, **changed), INVOICE)

    assert answer["lines"] == [ANSWER["lines"][1], {"code": "12345", "amount": 7}]


def test_an_error_behind_a_removed_row_stands_at_its_own_row():
    form = _sent(INVOICE, ANSWER, **{"lines__0-remove": "on", "lines__1__amount": ""})

    assert list(form.errors) == ["lines__1__amount"]


def test_too_few_rows_are_told_at_the_first_row():
    schema = {"type": "object", "properties": {"rows": {**INVOICE["properties"]["lines"], "minItems": 1}}}
    form = _sent({**schema, "required": ["rows"]})

    assert list(form.errors) == ["rows__0__code"]


@pytest.mark.parametrize("wrong", [None, "text", 5, [], {"total": "n/a"}, {**ANSWER, "status": "lost"}])
def test_an_answer_that_does_not_fit_is_shown_and_refused_not_changed(wrong):
    form = _sent(INVOICE, wrong)

    assert not form.is_valid()


def test_values_that_fields_cannot_hold_are_shown_as_json():
    schema = {"type": "object", "properties": {"name": {"type": "string"}}}
    answer = {"name": "a\rb", "extra": {"deep": [1]}}

    page = _page(schema, answer)

    assert {"name-json", "-more"} <= {name for name, _ in page.sent}
    assert data_from(form_for_schema(schema)(page.post()), schema) == answer


def test_other_values_must_be_an_object():
    schema = {"type": "object", "properties": {"name": {"type": "string"}}}

    form = _sent(schema, {"name": "a", "b": 1}, **{"-more": "[1]"})

    assert list(form.errors) == ["-more"]


@pytest.mark.parametrize("answer", ["paid", "open"])
def test_a_bare_list_of_choices_is_one_field(answer):
    schema = {"enum": ["paid", "open"]}

    assert data_from(_sent(schema, answer), schema) == answer


def test_few_choices_are_radio_buttons_and_many_are_a_select():
    few = _page({"enum": [f"v{n}" for n in range(7)]})
    many = _page({"enum": [f"v{n}" for n in range(8)]})

    assert sum(attrs.get("type") == "radio" for _, attrs in few.tags) == 7
    assert "select" in [tag for tag, _ in many.tags]


def test_every_field_has_a_label_an_id_and_its_description():
    form = form_for_schema(INVOICE)(_page(INVOICE, ANSWER).post(total="x"))
    page = _Page(str(form))

    ids = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    labelled = {attrs["for"] for tag, attrs in page.tags if tag == "label" and "for" in attrs}
    described = [attrs["aria-describedby"].split() for _, attrs in page.tags if "aria-describedby" in attrs]
    inputs = [attrs for tag, attrs in page.tags if tag in {"input", "select", "textarea"}]
    assert all(attrs["id"] in labelled for attrs in inputs if attrs.get("type") != "hidden")
    assert {name for names in described for name in names} <= ids
    assert ["id_total_helptext", "id_total_error"] in described


def test_nothing_in_the_page_needs_more_than_a_strict_content_policy():
    page = _page(INVOICE, ANSWER)

    assert not [
        attrs for tag, attrs in page.tags if "style" in attrs or any(name.startswith("on") for name in attrs)
    ]
    assert not {"script", "style"} & {tag for tag, _ in page.tags}


def test_texts_of_the_schema_are_escaped():
    html = str(form_for_schema({**INVOICE, "title": "<script>"})())

    assert "<b>on</b>" not in html
    assert "&lt;b&gt;on&lt;/b&gt;" in html
    assert "Unit: USD." in html


def test_css_classes_go_to_their_widget_family():
    page = _page(INVOICE, classes={"input": "box", "textarea": "area"})

    classes = {attrs.get("name"): attrs.get("class") for _, attrs in page.tags}
    assert (classes["total"], classes["note"]) == ("box", "area")


def test_sections_hold_every_visible_field_once():
    form = form_for_schema(INVOICE)(initial=initial_for(ANSWER, INVOICE))

    names = [field.name for section in form.sections() for field in section.fields]
    assert sorted(names) == sorted(field.name for field in form.visible_fields())
    assert [section.title for section in form.sections()] == [
        "",
        "Address",
        "Lines 1",
        "Lines 2",
        "Lines 3",
        "Lines 4",
    ]


def test_a_form_for_another_schema_is_refused():
    with pytest.raises(SchemaViolation):
        data_from(_sent({"type": "string"}, "abc"), {"type": "number"})


def test_a_schema_that_is_refused_makes_no_form():
    with pytest.raises(SchemaRefused):
        form_for_schema({"type": "strin"})


@pytest.mark.parametrize("count", ["-1", "x", "9999999999", "²", "51"])
def test_a_forged_number_of_rows_is_bounded(count):
    form = _sent(INVOICE, ANSWER, **{"lines-rows": count})

    form.is_valid()

    assert len(form.fields) < 200


# What canonical JSON refuses, half surrogate pairs and NUL, is no answer that could fit.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
NAMES = st.sampled_from(["name", "a_b", "a__b", "Total (USD)", "rows", "item", "0", "é", "x-61"])


def _objects(members: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """(schema, answers that fit) for objects of the given members."""

    @st.composite
    def built(draw: Any) -> tuple[dict[str, Any], st.SearchStrategy[Any]]:
        chosen = draw(st.dictionaries(NAMES, members, min_size=1, max_size=3))
        required = draw(st.lists(st.sampled_from(sorted(chosen)), unique=True))
        schema = {
            "type": "object",
            "properties": {name: part[0] for name, part in chosen.items()},
            "required": required,
        }
        answers = st.fixed_dictionaries(
            {name: part[1] for name, part in chosen.items() if name in required},
            optional={name: part[1] for name, part in chosen.items() if name not in required},
        )
        return schema, answers

    return built()


def _nullable(
    part: tuple[dict[str, Any], st.SearchStrategy[Any]],
) -> tuple[dict[str, Any], st.SearchStrategy[Any]]:
    return {"anyOf": [part[0], {"type": "null"}]}, st.none() | part[1]


NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers()
PLAIN = st.sampled_from(
    [
        ({"type": "string"}, TEXT),
        ({"type": "string", "format": "textarea"}, TEXT),
        ({"type": "string", "format": "date"}, st.dates().map(str)),
        ({"type": "number"}, NUMBERS),
        ({"type": "integer"}, st.integers()),
        ({"type": "boolean"}, st.booleans()),
        (
            {"enum": ["paid", "", "a\nb", 1, "1", True, None]},
            st.sampled_from(["paid", "", "a\nb", 1, "1", True, None]),
        ),
        ({"enum": [f"v{n}" for n in range(9)]}, st.sampled_from([f"v{n}" for n in range(9)])),
        ({"type": "array", "items": {"type": "string"}}, st.lists(TEXT, max_size=3)),
        (
            {"type": "array", "items": {"enum": ["a", "b", "c"]}, "uniqueItems": True},
            st.lists(st.sampled_from("abc"), unique=True),
        ),
        (
            {},
            st.recursive(st.none() | NUMBERS | TEXT, lambda inner: st.lists(inner, max_size=2), max_leaves=4),
        ),
    ]
)
LEAVES = PLAIN | PLAIN.map(_nullable)
FLAT = _objects(LEAVES)
ROWS = FLAT.map(lambda part: ({"type": "array", "items": part[0]}, st.lists(part[1], max_size=2)))
NESTED = FLAT | FLAT.map(_nullable) | ROWS | ROWS.map(_nullable)
PARTS = LEAVES | NESTED | _objects(LEAVES | NESTED)


@settings(
    max_examples=examples(300), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(part=PARTS, data=st.data())
def test_every_answer_that_fits_goes_through_its_page_unchanged(part, data):
    schema, answers = part
    answer = data.draw(answers)

    form = _sent(schema, answer)

    assert fits(answer, schema)
    assert form.is_valid(), form.errors
    assert repr(data_from(form, schema)) == repr(answer) or data_from(form, schema) == answer
