"""The form of a generation: what to apply to what. Only rows that the person may see are offered."""

from __future__ import annotations

from typing import Any

from django import forms

from governance.errors import WorkbenchError
from labeling.generation.models import GenerationConfig, Mode, TrainingSheet
from labeling.labelsets.errors import NothingPublished
from labeling.labelsets.models import LabelsetVersion
from labeling.labelsets.selectors import bindings_of, labelset_for
from labeling.prompts.columns import check_columns
from labeling.prompts.filling import prompts_of
from labeling.prompts.models import PromptTemplate, TemplateVersion
from labeling.prompts.selectors import published_version
from labeling.usecases.models import UseCase
from workbench.models import ModelEndpoint, Sheet, SheetVersion

MOST_TEMPLATES = 300


class SheetForm(forms.Form):
    """Which Sheet; the rest of the form follows from it."""

    sheet = forms.ModelChoiceField(queryset=Sheet.objects.none(), empty_label="Choose a Sheet")

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        published = Sheet.objects.visible_to(user).filter(versions__status=SheetVersion.Status.PUBLISHED)
        field: Any = self.fields["sheet"]
        field.queryset = published.distinct().order_by("name")


class TemplateField(forms.ModelChoiceField):
    """A published template version, with what its answers become."""

    labelsets: dict[str, LabelsetVersion | None]

    def label_from_instance(self, version: Any) -> str:
        bound = self.labelsets.get(version.template.label_type_id)
        answers = f"labels of {bound}" if bound else "no labelset bound: approving makes no label"
        return f"{version} · {version.template.label_type_id} · {answers}"


class GenerateForm(forms.Form):
    """Everything but the Sheet. Whether the parts fit together is for the service."""

    name = forms.CharField(max_length=120, help_text="Of the Training Sheet that is made.")
    template_version = TemplateField(
        queryset=TemplateVersion.objects.none(), label="Prompt template", empty_label="Choose a template"
    )
    mode = forms.ChoiceField(
        choices=Mode.choices,
        initial=Mode.AI_GENERATED,
        widget=forms.RadioSelect,
        label="Where no canonical label exists, answers are",
    )
    endpoint = forms.ModelChoiceField(
        queryset=ModelEndpoint.objects.none(),
        required=False,
        empty_label="The template's own",
        help_text="For mode AI generated: the model that answers.",
    )
    column = forms.ChoiceField(
        required=False, label="Answer column", help_text="For mode existing column: where the answers stand."
    )
    trusted_reason = forms.CharField(
        required=False,
        max_length=4000,
        label="Why this column may be trusted",
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="With a reason the pairs come approved, and the reason goes on record. Empty: experts review them.",
    )
    sample_size = forms.IntegerField(
        required=False, min_value=1, label="At most", help_text="So many items; empty: all."
    )
    check_when_done = forms.BooleanField(
        required=False,
        label="Check the pairs for quality once they are made",
        help_text="A job of its own: personal data, secrets, duplicates, answers that do not fit. It decides nothing.",
    )
    use_case = forms.ModelChoiceField(queryset=UseCase.objects.none(), required=False, empty_label="None")

    def __init__(self, *args: Any, sheet_version: SheetVersion, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: dict[str, Any] = self.fields
        fields["template_version"].queryset, fields["template_version"].labelsets = _templates(
            sheet_version, user
        )
        fields["endpoint"].queryset = ModelEndpoint.objects.visible_to(user).filter(is_active=True)
        fields["column"].choices = [("", "None"), *((name, name) for name in sheet_version.column_names)]
        fields["use_case"].queryset = UseCase.objects.visible_to(user)
        if not user.has_perm("labeling.add_finding"):
            del fields["check_when_done"]

    def recipe(self) -> dict[str, Any]:
        """What the services take; fields of other modes are left out, as the page greys them out."""
        values = {name: value for name, value in self.cleaned_data.items() if name != "name"}
        if values["mode"] != Mode.EXISTING_COLUMN:
            values |= {"column": "", "trusted_reason": ""}
        if values["mode"] != Mode.AI_GENERATED:
            values["endpoint"] = None
        return values

    def refuse(self, error: WorkbenchError) -> None:
        self.add_error(error.field if error.field in self.fields else None, error.message)


def _templates(version: SheetVersion, user: Any) -> tuple[Any, dict[str, LabelsetVersion | None]]:
    """Published versions that read only columns of this Sheet; of bound label types where any is bound."""
    visible = PromptTemplate.objects.visible_to(user).filter(
        versions__status=TemplateVersion.Status.PUBLISHED
    )
    bound = [binding.label_type_id for binding in bindings_of(version.sheet)]
    if bound:
        visible = visible.filter(label_type__in=bound)
    newest = [found for template in visible.distinct()[:MOST_TEMPLATES] if (found := _newest(template))]
    fitting = [found.pk for found in newest if _reads_only(found, version.column_names)]
    rows = (
        TemplateVersion.objects.filter(pk__in=fitting).select_related("template").order_by("template__name")
    )
    return rows, {slug: labelset_for(version.sheet, slug) for slug in bound}


def _newest(template: PromptTemplate) -> TemplateVersion | None:
    try:
        return published_version(template)
    except NothingPublished:
        return None


def _reads_only(version: TemplateVersion, names: list[str]) -> bool:
    try:
        for prompt in prompts_of(version):
            check_columns(prompt, names)
    except WorkbenchError:
        return False
    return set(version.file_columns) <= set(names)


def initial_of(row: GenerationConfig | TrainingSheet) -> dict[str, Any]:
    """`initial` for the form: what this row was or would be made with."""
    names = (
        "template_version", "mode", "endpoint", "column", "trusted_reason", "sample_size", "check_when_done",
        "use_case",
    )  # fmt: skip
    return {name: getattr(row, name) for name in names}
