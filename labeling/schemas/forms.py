"""The form in which an expert writes or corrects an answer, built from its schema and drawn by the server.

An answer goes through it unchanged: what its fields cannot show is shown as JSON beside them, and what an
empty field stands for (nothing, null, or an empty value) travels in a hidden field where it is not the usual.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from django import forms
from django.forms.boundfield import BoundField

from .errors import Fault, FormIncomplete
from .fields import MISSING, AnswerField, JsonField, shown
from .plan import Group, Leaf, Node, Rows, plan_for, row_plan
from .validation import check_schema, find_faults, validate_answer

NEW_ROWS = 2
ROWS_LIMIT = 50
REQUIRED = "This field is required."


@dataclass(frozen=True)
class Section:
    """Fields that belong together; `title` is empty for those of the answer itself."""

    title: str
    fields: list[BoundField]


class AnswerForm(forms.Form):
    """Base of the forms made by `form_for_schema`; `answer` is set once the form is valid."""

    schema: ClassVar[Mapping[str, Any]]
    plan: ClassVar[Node]
    css: ClassVar[Mapping[str, str]]
    answer: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.section_names: dict[str, list[str]] = {}
        self._build(self.plan, "")

    def sections(self) -> Iterator[Section]:
        for title, names in self.section_names.items():
            yield Section(title, [self[name] for name in names])

    def clean(self) -> dict[str, Any]:
        reader = _Reader(self)
        value = reader.read(self.plan, "$").value
        self.answer = None if value is MISSING else value
        if value is MISSING:
            self._report(Fault("$", "missing", "a value"), reader)
        else:
            for fault in find_faults(value, self.schema):
                self._report(fault, reader)
        return self.cleaned_data

    def current(self, name: str) -> Any:
        """What the field holds now, posted or initial; None if it is not there."""
        if not self.is_bound:
            return self.initial.get(name)
        data: Any = self.data
        key = self.add_prefix(name)
        if hasattr(data, "getlist"):
            values = data.getlist(key)
            return values if len(values) > 1 else (values[0] if values else None)
        return data.get(key)

    def row_count(self, rows: Rows) -> int:
        """How many rows the page showed as filled in."""
        count = str(self.current(f"{rows.name}-rows") or "0")
        return min(int(count), ROWS_LIMIT) if count.isascii() and count.isdigit() and len(count) < 6 else 0

    def _report(self, fault: Fault, reader: _Reader) -> None:
        name = reader.field_of(fault.path)
        if name is None:
            self.add_error(None, str(fault))
        elif name not in self.errors or reader.paths.get(fault.path) != name:
            self.add_error(name, _sentence(fault, reader.paths.get(fault.path) == name))

    def _build(self, node: Node, section: str) -> None:
        if self.current(f"{node.name}-json") is not None:
            self._add(f"{node.name}-json", JsonField(node.label or "Answer", self.css), section)
            return
        if self.current(f"{node.name}-empty") is not None:
            self._add_hidden(f"{node.name}-empty")
        if isinstance(node, Leaf):
            self._build_leaf(node, section)
        elif isinstance(node, Group):
            self._build_group(node, node.label)
        elif isinstance(node, Rows):
            self._build_rows(node)

    def _build_leaf(self, leaf: Leaf, section: str) -> None:
        current = self.current(leaf.name)
        if leaf.kind == "many" and isinstance(current, str):
            current = [current]
        self._add(leaf.name, AnswerField(leaf, current, self.css), section)

    def _build_group(self, group: Group, section: str) -> None:
        for _, member in group.members:
            self._build(member, section)
        if self.current(f"{group.name}-more") is not None:
            label = f"{group.label}: other values" if group.label else "Other values"
            self._add(f"{group.name}-more", JsonField(label, self.css), section)

    def _build_rows(self, rows: Rows) -> None:
        count = self.row_count(rows)
        self._add_hidden(f"{rows.name}-rows", initial="0")
        for position in range(count + NEW_ROWS):
            row = row_plan(rows, position, is_new=position >= count)
            self._build(row, row.label)
            if position < count:
                remove = forms.BooleanField(label=f"{row.label}: remove", required=False)
                self._add(f"{row.name}-remove", remove, row.label)

    def _add(self, name: str, made: forms.Field, section: str) -> None:
        self.fields[name] = made
        self.section_names.setdefault(section, []).append(name)

    def _add_hidden(self, name: str, initial: str | None = None) -> None:
        self.fields[name] = forms.CharField(required=False, widget=forms.HiddenInput, initial=initial)


def form_for_schema(
    schema: Mapping[str, Any], *, classes: Mapping[str, str] | None = None
) -> type[AnswerForm]:
    """A form class for answers to this schema.

    `classes`: CSS classes by widget family: input, textarea, select, choices.

    :raises SchemaRefused: the schema itself cannot be used.
    """
    check_schema(schema, field="schema")
    attributes = {"schema": schema, "plan": plan_for(schema), "css": dict(classes or {})}
    return type("SchemaAnswerForm", (AnswerForm,), attributes)


def initial_for(data: object, schema: Mapping[str, Any]) -> dict[str, Any]:
    """`initial` for the schema's form, also for data that does not fit. For a new answer give no initial."""
    return _written(plan_for(schema), data)


def data_from(form: AnswerForm, schema: Mapping[str, Any]) -> Any:
    """The answer in a valid form.

    :raises FormIncomplete: the form has errors.
    :raises SchemaViolation: the form was made for another schema.
    """
    if not form.is_valid():
        names = ", ".join(
            str(form.fields[name].label or name) if name in form.fields else "the answer"
            for name in form.errors
        )
        raise FormIncomplete(
            f"The form has errors in: {names}. Correct them and send it again.",
            details={"errors": form.errors.get_json_data()},
        )
    validate_answer(form.answer, schema)
    return form.answer


def _sentence(fault: Fault, is_at_field: bool) -> str:
    if not is_at_field:
        return f"{fault}."
    return REQUIRED if fault.value == "missing" else f"Expected {fault.expected}."


def _written(node: Node, value: Any) -> dict[str, Any]:
    if isinstance(node, Leaf):
        return _written_leaf(node, value)
    blank: Any = {} if isinstance(node, Group) else []
    if value is MISSING or value is None or (isinstance(node, Rows) and value == blank):
        return _empty(node, value)
    if isinstance(node, Group) and isinstance(value, dict):
        return _written_group(node, value)
    if isinstance(node, Rows) and _is_rows(value):
        return _written_rows(node, value)
    return {f"{node.name}-json": _json_text(value)}


def _written_leaf(leaf: Leaf, value: Any) -> dict[str, Any]:
    is_choice = leaf.kind in {"choice", "boolean", "json"}
    if value is MISSING or (value is None and not is_choice):
        return _empty(leaf, value)
    if (value == "" and leaf.kind in {"text", "long"}) or (value == [] and leaf.kind in {"lines", "many"}):
        return _empty(leaf, value)
    text = shown(leaf, value)
    return {leaf.name: text} if text is not None else {f"{leaf.name}-json": _json_text(value)}


def _written_group(group: Group, value: dict[str, Any]) -> dict[str, Any]:
    members = dict(group.members)
    written: dict[str, Any] = {}
    for key, member in members.items():
        written |= _written(member, value.get(key, MISSING))
    if more := {key: inner for key, inner in value.items() if key not in members}:
        written[f"{group.name}-more"] = _json_text(more)
    is_entered = any(
        text and not (name.endswith("-empty") and text == "missing") for name, text in written.items()
    )
    return (
        written if is_entered or group.when_empty == "blank" else {**written, f"{group.name}-empty": "blank"}
    )


def _written_rows(rows: Rows, value: list[dict[str, Any]]) -> dict[str, Any]:
    written: dict[str, Any] = {f"{rows.name}-rows": str(len(value))}
    for position, row in enumerate(value):
        written |= _written(row_plan(rows, position, is_new=False), row)
    return written


def _is_rows(value: Any) -> bool:
    return (
        isinstance(value, list) and len(value) <= ROWS_LIMIT and all(isinstance(row, dict) for row in value)
    )


def _empty(node: Node, value: Any) -> dict[str, Any]:
    """Says what the emptiness stands for, where leaving the field empty would say something else."""
    meaning = "missing" if value is MISSING else "null" if value is None else "blank"
    usual = "missing" if node.when_empty == "ask" else node.when_empty
    return {} if meaning == usual else {f"{node.name}-empty": meaning}


def _json_text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


@dataclass(frozen=True)
class _Read:
    """`is_entered`: somebody wrote it, or it came with the answer; false for an untouched empty field."""

    value: Any
    is_entered: bool


@dataclass
class _Reader:
    """Puts the answer together, and remembers which field each path of it came from."""

    form: AnswerForm
    paths: dict[str, str] = field(default_factory=dict)

    def field_of(self, path: str) -> str | None:
        """The field of the path or of what it lies in."""
        around = [
            known for known in self.paths if path == known or path.startswith((f"{known}.", f"{known}["))
        ]
        return self.paths[max(around, key=len)] if around else None

    def read(self, node: Node, path: str) -> _Read:
        raw = f"{node.name}-json"
        if raw in self.form.fields:
            self.paths[path] = raw
            value = self.form.cleaned_data.get(raw, MISSING)
            return _Read(value, value is not MISSING)
        if isinstance(node, Group):
            return self.read_group(node, path)
        if isinstance(node, Rows):
            return self.read_rows(node, path)
        self.paths[path] = node.name
        value = self.form.cleaned_data.get(node.name, MISSING)
        if value is not MISSING:
            return _Read(value, True)
        return self.emptiness(node, "" if isinstance(node, Leaf) and node.kind in {"text", "long"} else [])

    def read_group(self, group: Group, path: str) -> _Read:
        reads = {key: self.read(member, f"{path}.{key}") for key, member in group.members}
        values = {key: read.value for key, read in reads.items() if read.value is not MISSING}
        is_entered = any(read.is_entered for read in reads.values())
        more = self.form.cleaned_data.get(f"{group.name}-more", MISSING)
        if isinstance(more, dict):
            values, is_entered = {**more, **values}, True
        elif more is not MISSING:
            self.form.add_error(f"{group.name}-more", "Write a JSON object: names with their values.")
        if group.members:
            self.paths.setdefault(path, self.first_field(group.members[0][1]))
        return _Read(values, True) if is_entered else self.emptiness(group, values)

    def read_rows(self, rows: Rows, path: str) -> _Read:
        count = self.form.row_count(rows)
        kept: list[Any] = []
        for position in range(count + NEW_ROWS):
            row = row_plan(rows, position, is_new=position >= count)
            self.paths.setdefault(path, self.first_field(row))
            known = dict(self.paths)
            read = self.read(row, f"{path}[{len(kept)}]")
            is_removed = self.form.cleaned_data.get(f"{row.name}-remove", False)
            if (position < count or read.is_entered) and not is_removed:
                kept.append(read.value)
            else:
                self.paths = known
        return _Read(kept, True) if kept else self.emptiness(rows, [])

    def first_field(self, node: Node) -> str:
        """A list or object as a whole has no field, so what is wrong with it stands at its first one."""
        while isinstance(node, Group) and f"{node.name}-json" not in self.form.fields:
            node = node.members[0][1]
        names = (f"{node.name}-json", node.name, f"{node.name}__0-json")
        found = [name for name in names if name in self.form.fields]
        return (
            found[0]
            if found
            else self.first_field(row_plan(node, 0, is_new=True))
            if isinstance(node, Rows)
            else ""
        )

    def emptiness(self, node: Node, blank: Any) -> _Read:
        said = self.form.cleaned_data.get(f"{node.name}-empty", "")
        meaning = said or node.when_empty
        value = {"null": None, "blank": blank}.get(meaning, MISSING)
        return _Read(value, bool(said) and value is not MISSING)
