"""What people fill in about datasets, as the services take it, and errors beside the field at fault."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.db.models import Q

from governance.errors import WorkbenchError
from governance.uses import Use
from labeling.models import LabelType, QAPair, TemplateVersion, TrainingSheet, UseCase
from training.datasets.models import CuratedDataset, DatasetVersion
from training.datasets.rules import SIDE_USES, Rules, Split
from training.exits import EXIT_OF_USE
from training.exports.models import Export
from workbench.models import Sheet

SPLIT_FIELDS = (*SIDE_USES, "keep_together")
RULE_FIELDS = ("min_confidence", "min_quality", "origins", "uses")
LABEL_FIELDS = ("label_sheet", "label_type", "label_template")
FIXED_SPLIT = "Fixed: a version was frozen with it, and no group may change sides."


class TrainingSheetField(forms.ModelMultipleChoiceField):
    """Training Sheets with what they answer."""

    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.name} · {obj.label_type_id}"


def _percent(label: str) -> forms.FloatField:
    number = forms.NumberInput(attrs={"step": "any"})
    return forms.FloatField(label=f"{label} %", min_value=0, max_value=100, widget=number)


def _threshold(label: str, help_text: str) -> forms.FloatField:
    number = forms.NumberInput(attrs={"step": "0.01"})
    return forms.FloatField(
        label=label, required=False, min_value=0, max_value=1, help_text=help_text, widget=number
    )


def _ticks(choices: Any, label: str, help_text: str) -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(
        choices=choices, required=False, widget=forms.CheckboxSelectMultiple, label=label, help_text=help_text
    )


class DatasetForm(forms.Form):
    """A dataset with one version of it that is a draft."""

    name = forms.CharField(max_length=120)
    description = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))
    purpose = forms.ChoiceField(
        choices=CuratedDataset.Purpose.choices, help_text="A set for evaluation only never trains anything."
    )
    use_case = forms.ModelChoiceField(UseCase.objects.none(), required=False)
    training_sheets = TrainingSheetField(
        TrainingSheet.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Only those whose review is finished.",
    )
    train = _percent("Train")
    validation = _percent("Validation")
    test = _percent("Test")
    keep_together = forms.CharField(
        label="Keep together by",
        required=False,
        max_length=128,
        help_text="A column such as patient_id: items with the same value stay on one side. Empty: each by itself.",
        widget=forms.TextInput(attrs={"list": "column-names"}),
    )
    min_confidence = _threshold("Lowest confidence", "0 to 1, of answers by a model. Empty takes all.")
    min_quality = _threshold("Lowest quality", "0 to 1; what was not scored is left out. Empty takes all.")
    origins = _ticks(QAPair.Origin.choices, "Answers from", "None ticked takes all.")
    uses = _ticks(Use.choices, "Must also permit", "Besides the use of its side, every member must permit these.")
    label_sheet = forms.ModelChoiceField(Sheet.objects.none(), required=False, label="Sheet")
    label_type = forms.ModelChoiceField(LabelType.objects.none(), required=False)
    label_template = forms.ModelChoiceField(
        TemplateVersion.objects.none(), required=False, label="Template that asks the question"
    )

    def __init__(
        self, data: Any = None, *, user: Any, version: DatasetVersion | None = None, initial: Any = None
    ) -> None:
        super().__init__(data, initial=initial, label_suffix="")
        self.version = version
        self._limit_choices(user)
        if version is not None:
            self.fields["purpose"].disabled = True
            if version.dataset.versions.filter(frozen_at__isnull=False).exists():
                self._fix_split()

    def _limit_choices(self, user: Any) -> None:
        chosen = self.version.training_sheets.values("pk") if self.version else TrainingSheet.objects.none()
        choosable = Q(status=TrainingSheet.Status.REVIEWED) | Q(pk__in=chosen)
        rows = {
            "use_case": UseCase.objects.visible_to(user).order_by("name"),
            "training_sheets": TrainingSheet.objects.visible_to(user).filter(choosable).order_by("-created_at"),
            "label_sheet": Sheet.objects.visible_to(user).order_by("name"),
            "label_type": LabelType.objects.visible_to(user).order_by("slug"),
            "label_template": TemplateVersion.objects.visible_to(user)
            .exclude(status=TemplateVersion.Status.DRAFT).select_related("template")
            .order_by("template__name", "-created_at"),
        }  # fmt: skip
        for name, queryset in rows.items():
            cast(forms.ModelChoiceField, self.fields[name]).queryset = queryset

    def _fix_split(self) -> None:
        for name in SPLIT_FIELDS:
            self.fields[name].disabled = True
        self.fields["keep_together"].help_text = FIXED_SPLIT

    def values(self) -> dict[str, Any]:
        """As create_dataset takes them."""
        cleaned = dict(self.cleaned_data)
        split = {side: round(cleaned.pop(side) / 100, 6) for side in SIDE_USES}
        split["by"] = cleaned.pop("keep_together")
        rules = {name: cleaned.pop(name) for name in RULE_FIELDS}
        return {**cleaned, "split": split, "rules": rules}

    def changes(self) -> dict[str, Any]:
        """As update_draft takes them."""
        values = self.values()
        del values["purpose"]
        if self.fields["train"].disabled:
            del values["split"]
        return values

    def refuse(self, error: WorkbenchError) -> None:
        """Beside the field at fault; what belongs to no field stands above the form."""
        field = error.field
        if field == "split":
            field = "keep_together" if "no column" in error.message else "train"
        self.add_error(field if field in self.fields else None, error.message)

    @property
    def has_labels(self) -> bool:
        """Whether the part about canonical labels is in use, and so stands open."""
        return any(self[name].value() or self[name].errors for name in LABEL_FIELDS)


def initial_of(version: DatasetVersion) -> dict[str, Any]:
    dataset, rules = version.dataset, Rules.parse(version.rules)
    return {
        "name": dataset.name,
        "description": dataset.description,
        "purpose": dataset.purpose,
        "use_case": dataset.use_case_id,
        "training_sheets": list(version.training_sheets.values_list("pk", flat=True)),
        **{name: getattr(version, f"{name}_id") for name in LABEL_FIELDS},
        **{name: getattr(rules, name) for name in RULE_FIELDS},
        **initial_split(Split.parse(dataset.split)),
    }


def initial_split(split: Split) -> dict[str, Any]:
    """Shares as percentages."""
    return {side: round(getattr(split, side) * 100, 4) for side in SIDE_USES} | {"keep_together": split.by}


def column_names(form: DatasetForm) -> list[str]:
    """Columns to keep items together by: those of the newest Training Sheets that can be chosen."""
    offered: Any = cast(forms.ModelChoiceField, form.fields["training_sheets"]).queryset
    newest = offered.select_related("sheet_version")[:50]
    return sorted({name for sheet in newest for name in sheet.sheet_version.column_names})


class ExportForm(forms.Form):
    """For which use, and how, rows leave."""

    use = forms.ChoiceField(
        choices=[(use.value, use.label) for use in EXIT_OF_USE],
        help_text="Training holds the train side, validation the validation side, evaluation the test side, "
        "testing by hand all of it; only rows that permit the use.",
    )  # fmt: skip
    format = forms.ChoiceField(choices=Export.Format.choices)
    embed_files = forms.BooleanField(
        required=False, label="Put images and files into the lines", help_text="Chat JSONL only."
    )
