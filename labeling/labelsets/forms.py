"""Forms of labelsets: classes and columns as lines, the schema as JSON."""

from __future__ import annotations

import json
from typing import Any

from django import forms

from governance.models import User
from labeling.labelsets.models import Labelset, LabelsetVersion
from workbench.models import Sheet

JSON_AREA = {"rows": 12, "class": "vLargeTextField mono", "spellcheck": "false"}
LINES_AREA = {"rows": 6, "class": "vLargeTextField"}


class LinesField(forms.CharField):
    """A list of texts, one per line."""

    widget = forms.Textarea(attrs=LINES_AREA)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list | tuple) else value

    def to_python(self, value: Any) -> Any:
        return [line.strip() for line in (value or "").splitlines() if line.strip()]


class ClassesField(LinesField):
    """Classes, one per line: name | description | #colour."""

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, list | tuple):
            return value
        return "\n".join(" | ".join(_parts(entry)) for entry in value)

    def to_python(self, value: Any) -> Any:
        return [self._class(line) for line in super().to_python(value)]

    def _class(self, line: str) -> dict[str, str]:
        parts = [part.strip() for part in line.split("|")]
        if len(parts) > 3:
            raise forms.ValidationError(f"“{line}” has more than three parts: name | description | #colour.")
        return {key: part for key, part in zip(("name", "description", "color"), parts, strict=False) if part}


def _parts(entry: dict[str, str]) -> list[str]:
    return [entry.get("name", ""), entry.get("description", ""), entry.get("color", "")]


class PrettyJsonField(forms.JSONField):
    """JSON that is shown indented."""

    widget = forms.Textarea(attrs=JSON_AREA)

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, forms.fields.InvalidJSONInput):
            return value
        if isinstance(value, str) and self.disabled is False and value.strip()[:1] in {"{", "["}:
            return value
        return json.dumps(value, indent=2, ensure_ascii=False) if value not in ({}, [], None) else ""


class DraftForm(forms.ModelForm):
    """What a draft says."""

    classes = ClassesField(
        required=False, help_text="One per line: name | description | #2f54c8. A missing colour is chosen for you."
    )
    response_schema = PrettyJsonField(
        required=False, help_text="JSON Schema of answers. Empty: made from the classes, as one field “label”."
    )
    seen_columns = LinesField(
        required=False,
        label="Columns that experts see",
        help_text="One per line; empty: all. Only these bind the labels, so leave out what is not needed.",
    )
    instructions = forms.CharField(
        required=False, widget=forms.Textarea(attrs=LINES_AREA), help_text="What experts read while they label."
    )

    class Meta:
        model = LabelsetVersion
        fields = ("classes", "response_schema", "seen_columns", "instructions")

    def clean_response_schema(self) -> Any:
        return self.cleaned_data["response_schema"] or {}


class NewLabelsetForm(DraftForm):
    """A labelset with its first draft."""

    class Meta:
        model = Labelset
        fields = ("name", "label_type", "description")


class BindForm(forms.Form):
    """Which Sheet the labelset answers on."""

    sheet = forms.ModelChoiceField(queryset=Sheet.objects.none())


def bind_form(labelset: Labelset, user: User) -> type[forms.Form]:
    """Only Sheets that the person may change."""
    sheets = forms.ModelChoiceField(queryset=Sheet.objects.visible_to(user, "change"))  # type: ignore[attr-defined]
    return type("BindToSheetForm", (BindForm,), {"sheet": sheets})


class OpinionsForm(forms.Form):
    """How many experts are asked, and why this many."""

    number = forms.IntegerField(min_value=1, max_value=20, label="Opinions on each item")
    reason = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), max_length=4000)
