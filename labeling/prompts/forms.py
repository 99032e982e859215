"""Forms of Prompt Templates: columns and files as lines, schemas and examples as JSON."""

# mypy: disable-error-code="type-arg"

from __future__ import annotations

from typing import Any

from django import forms

from governance.models import User
from labeling.labelsets.forms import LinesField, PrettyJsonField
from labeling.prompts.models import PromptTemplate, TemplateVersion
from workbench.models import Sheet

PROMPT_AREA = {"rows": 10, "class": "vLargeTextField mono", "spellcheck": "false"}
MODEL_FIELDS = (
    "system_prompt", "user_prompt", "input_schema", "file_columns", "output_schema", "examples", "labelset",
    "endpoint", "temperature", "max_tokens",
)  # fmt: skip


class InputsField(LinesField):
    """Columns, one per line: name | type | description."""

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, list | tuple):
            return value
        return "\n".join(" | ".join(_parts(entry)).rstrip(" |") for entry in value)

    def to_python(self, value: Any) -> Any:
        return [self._column(line) for line in super().to_python(value)]

    def _column(self, line: str) -> dict[str, str]:
        parts = [part.strip() for part in line.split("|", 2)]
        return {key: part for key, part in zip(("name", "type", "description"), parts, strict=False) if part}


def _parts(entry: dict[str, str]) -> list[str]:
    return [entry.get("name", ""), entry.get("type", "string"), entry.get("description", "")]


class DraftForm(forms.ModelForm):
    """What a draft says."""

    number = forms.CharField(max_length=20, label="Version", help_text="Semantic: major.minor.patch.")
    system_prompt = forms.CharField(
        required=False, strip=False, widget=forms.Textarea(attrs={**PROMPT_AREA, "rows": 4})
    )
    user_prompt = forms.CharField(
        strip=False,
        widget=forms.Textarea(attrs=PROMPT_AREA),
        help_text="Jinja2: {{ column }}, {% if %}, {% for %} over a column, filters.",
    )
    input_schema = InputsField(
        required=False, label="Columns it reads", help_text="One per line: name | type | description."
    )
    file_columns = LinesField(
        required=False, label="Files it attaches", help_text="Path columns, one per line; shown to the model."
    )
    output_schema = PrettyJsonField(required=False, help_text="JSON Schema of the answer.")
    examples = PrettyJsonField(
        required=False, help_text='A list of {"input": {column: value}, "output": answer}; shown before the question.'
    )

    class Meta:
        model = TemplateVersion
        fields = MODEL_FIELDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if isinstance(self.instance, TemplateVersion) and self.instance.version:
            self.fields["number"].initial = self.instance.version

    def clean_output_schema(self) -> Any:
        return self.cleaned_data["output_schema"] or {}

    def clean_examples(self) -> Any:
        return self.cleaned_data["examples"] or []


class NewTemplateForm(forms.ModelForm):
    """A template with the first words of its first draft; the rest is edited on the draft's page."""

    user_prompt = forms.CharField(
        strip=False,
        widget=forms.Textarea(attrs=PROMPT_AREA),
        help_text="Jinja2: {{ column }}, {% if %}, {% for %} over a column, filters.",
    )
    input_schema = InputsField(
        required=False, label="Columns it reads", help_text="One per line: name | type | description."
    )

    class Meta:
        model = PromptTemplate
        fields = ("name", "label_type", "description")


class LevelForm(forms.Form):
    """How far the version number goes up."""

    level = forms.ChoiceField(
        choices=[
            ("minor", "minor: it does more"),
            ("patch", "patch: a correction"),
            ("major", "major: answers change shape"),
        ]
    )


class CopyForm(forms.Form):
    """What the copy is called."""

    name = forms.CharField(max_length=120)


class TrialForm(forms.Form):
    """On which Sheet, and on how many items."""

    sheet = forms.ModelChoiceField(queryset=Sheet.objects.none())
    limit = forms.IntegerField(min_value=1, max_value=50, initial=5, label="Items")

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["sheet"].queryset = Sheet.objects.visible_to(user)  # type: ignore[attr-defined]
