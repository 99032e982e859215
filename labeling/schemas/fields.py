"""One value of an answer as a form field: what is shown for it, and what is read back."""

from __future__ import annotations

import datetime
import json
import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.html import escape

from .canonical import canonical_json
from .errors import AnswerUnreadable
from .plan import Leaf
from .validation import parse_json

RADIO_LIMIT = 7
MISSING = object()
WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,400}")
JSON_HELP = "This form has no fields for a value of this shape: write it as JSON."
LINES_HELP = "One per line."


class AnswerField(forms.Field):
    """Whether a value fits is for the schema, asked once for the whole answer; the field only reads it."""

    def __init__(self, leaf: Leaf, current: Any, css: Mapping[str, str]) -> None:
        super().__init__(
            label=leaf.label,
            help_text=escape(_help(leaf)),
            required=leaf.asked and leaf.when_empty == "ask",
            widget=_widget(leaf, current, css),
        )
        self.leaf = leaf

    def to_python(self, value: Any) -> Any:
        return MISSING if value in (None, "", []) else READERS[self.leaf.kind](self.leaf, value)

    def validate(self, value: Any) -> None:
        """Left to the schema."""


class JsonField(forms.Field):
    """Shown in place of the usual field when the value there has a shape that the field cannot show."""

    def __init__(self, label: str, css: Mapping[str, str]) -> None:
        widget = forms.Textarea(attrs={"rows": 5, "class": css.get("textarea", "")})
        super().__init__(label=label, help_text=escape(JSON_HELP), required=False, widget=widget)

    def to_python(self, value: Any) -> Any:
        return _read_json(None, value) if value and value.strip() else MISSING


def shown(leaf: Leaf, value: Any) -> str | list[str] | None:
    """What the leaf's widget holds for `value`; None if the widget cannot hold it without loss."""
    if leaf.kind == "json":
        return json.dumps(value, ensure_ascii=False, indent=2)
    if leaf.kind in {"choice", "boolean"}:
        return _key(leaf, value)
    if leaf.kind in {"lines", "many"}:
        return _shown_list(leaf, value)
    if leaf.kind in {"number", "integer"} and type(value) in (int, float):
        return json.dumps(value)
    return value if isinstance(value, str) and value and is_plain(value) else None


def is_plain(text: str) -> bool:
    """Whether a browser sends the text back as it was: no control characters but line feed and tab."""
    return not any(unicodedata.category(character) == "Cc" and character not in "\n\t" for character in text)


def _shown_list(leaf: Leaf, value: Any) -> str | list[str] | None:
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        return None
    if leaf.kind == "lines":
        return "\n".join(_line(item) for item in value)
    known = {canonical_json(item) for item in _items(leaf)}
    keys = [canonical_json(item) for item in value]
    return keys if set(keys) <= known and len(set(keys)) == len(keys) else None


def _line(item: str) -> str:
    """An item that a line cannot hold as it stands is written with quotes, as in JSON."""
    is_line = (
        item and item == item.strip() and "\n" not in item and is_plain(item) and not item.startswith('"')
    )
    return item if is_line else json.dumps(item)


def _items(leaf: Leaf) -> list[Any]:
    items = leaf.schema["items"]
    return list(items.get("enum", [])) if isinstance(items, dict) else []


def _options(leaf: Leaf) -> dict[str, Any]:
    """The values to choose from, by the key that stands in the page."""
    if leaf.kind == "boolean":
        values: list[Any] = [True, False]
    else:
        values = list(leaf.schema["enum"]) if "enum" in leaf.schema else [leaf.schema["const"]]
    if leaf.nullable and None not in values:
        values.append(None)
    return {_option_key(value): value for value in values}


def _option_key(value: Any) -> str:
    is_word = (
        isinstance(value, str) and re.fullmatch(r"[^\W\d_][\w .,/&()+-]*", value) and value.strip() == value
    )
    return str(value) if is_word and value not in {"true", "false", "null"} else canonical_json(value)


def _key(leaf: Leaf, value: Any) -> str:
    """A value outside the list gets a key that reads as refused, so that it is seen and not lost."""
    key = _option_key(value)
    options = _options(leaf)
    if key in options:
        return key
    same = [known for known, option in options.items() if _same(option, value)]
    return same[0] if same else f"?{canonical_json(value)}"


def _same(option: Any, value: Any) -> bool:
    """JSON Schema takes 1 and 1.0 for one number, and never true for 1."""
    return option == value and isinstance(option, bool) == isinstance(value, bool)


def _word(value: Any) -> str:
    words = {"true": "Yes", "false": "No", "null": "None"}
    return value if isinstance(value, str) and value else words.get(text := canonical_json(value), text)


def _choices(leaf: Leaf, current: Any) -> list[tuple[str, str]]:
    choices = [(key, _word(value)) for key, value in _options(leaf).items()]
    if isinstance(current, str) and current.startswith("?"):
        choices.append((current, f"{current[1:]} (not in the list)"))
    if leaf.when_empty != "ask":
        choices.insert(0, ("", "Not given"))
    elif len(choices) > RADIO_LIMIT:
        choices.insert(0, ("", "Choose…"))
    return choices


def _checks(leaf: Leaf, current: Any) -> list[tuple[str, str]]:
    """In the answer's order as far as it has one, so that sending the form unchanged changes nothing."""
    chosen = current if isinstance(current, list) else []
    labels = {canonical_json(item): item for item in _items(leaf)}
    ordered = [key for key in labels if key in chosen]
    if ordered == [key for key in chosen if key in labels]:
        return list(labels.items())
    return [
        (key, labels[key])
        for key in (*chosen, *(key for key in labels if key not in chosen))
        if key in labels
    ]


def _widget(leaf: Leaf, current: Any, css: Mapping[str, str]) -> forms.Widget:
    text = current if isinstance(current, str) else ""
    if leaf.kind in {"long", "lines", "json"} or (leaf.kind == "text" and "\n" in text):
        widget: forms.Widget = forms.Textarea(
            attrs={"rows": 2 if leaf.kind == "text" else 5, **_lengths(leaf)}
        )
        return _styled(widget, css, "textarea")
    if leaf.kind == "many":
        return _styled(forms.CheckboxSelectMultiple(choices=_checks(leaf, current)), css, "choices")
    if leaf.kind in {"choice", "boolean"}:
        choices = _choices(leaf, current)
        is_short = len(_options(leaf)) <= RADIO_LIMIT
        widget = forms.RadioSelect(choices=choices) if is_short else forms.Select(choices=choices)
        return _styled(widget, css, "choices" if is_short else "select")
    return _styled(_input(leaf, text), css, "input")


def _input(leaf: Leaf, text: str) -> forms.Widget:
    """A date or number that the browser's own input would hide is shown as text."""
    if leaf.kind == "date" and (not text or _is_date(text)):
        return forms.DateInput(attrs={"type": "date"})
    if leaf.kind in {"number", "integer"} and (not text or _number(text) is not None):
        limits = {"min": leaf.schema.get("minimum"), "max": leaf.schema.get("maximum")}
        given = {name: json.dumps(limit) for name, limit in limits.items() if limit is not None}
        return forms.NumberInput(attrs={"step": "1" if leaf.kind == "integer" else "any", **given})
    return forms.TextInput(attrs=_lengths(leaf) if leaf.kind == "text" else {})


def _lengths(leaf: Leaf) -> dict[str, Any]:
    limits = {"minlength": leaf.schema.get("minLength"), "maxlength": leaf.schema.get("maxLength")}
    return {name: limit for name, limit in limits.items() if limit is not None}


def _styled(widget: forms.Widget, css: Mapping[str, str], family: str) -> forms.Widget:
    if family in css:
        widget.attrs["class"] = css[family]
    return widget


def _help(leaf: Leaf) -> str:
    extra = {"json": JSON_HELP, "lines": LINES_HELP}.get(leaf.kind, "")
    if leaf.kind == "lines" and _items(leaf):
        extra += f" Allowed: {', '.join(_items(leaf))}."
    return f"{leaf.help} {extra}".strip()


def _is_date(text: str) -> bool:
    try:
        return datetime.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _number(text: str) -> int | float | None:
    if WHOLE_NUMBER.fullmatch(text):
        return int(text)
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and "_" not in text else None


def _read_text(leaf: Leaf, value: str) -> str:
    """Browsers send line ends as CR LF."""
    return value.replace("\r\n", "\n").replace("\r", "\n")


def _read_number(leaf: Leaf, value: str) -> int | float:
    number = _number(value.strip())
    if number is None:
        raise ValidationError(f"{value[:40]!r} is no number; write one such as 12.50.")
    return number


def _read_option(leaf: Leaf, value: str) -> Any:
    options = _options(leaf)
    if value not in options:
        raise ValidationError(f"{value.removeprefix('?')[:80]} is not one of the choices; choose one.")
    return options[value]


def _read_lines(leaf: Leaf, value: str) -> list[str]:
    lines = [line.strip() for line in _read_text(leaf, value).split("\n")]
    return [_read_line(line) for line in lines if line]


def _read_line(line: str) -> str:
    if not line.startswith('"'):
        return line
    try:
        item = json.loads(line)
    except ValueError:
        return line
    return item if isinstance(item, str) else line


def _read_many(leaf: Leaf, value: list[str]) -> list[str]:
    labels = {canonical_json(item): item for item in _items(leaf)}
    unknown = [key for key in value if key not in labels]
    if unknown:
        raise ValidationError(f"{unknown[0][:80]} is not one of the choices; choose from the list.")
    return [labels[key] for key in value]


def _read_json(leaf: Leaf | None, value: str) -> Any:
    try:
        return parse_json(value)
    except AnswerUnreadable as error:
        raise ValidationError(error.message) from error


READERS: dict[str, Callable[[Leaf, Any], Any]] = {
    "text": _read_text,
    "long": _read_text,
    "date": _read_text,
    "number": _read_number,
    "integer": _read_number,
    "choice": _read_option,
    "boolean": _read_option,
    "lines": _read_lines,
    "many": _read_many,
    "json": _read_json,
}
