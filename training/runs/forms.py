"""The form of a run, drawn from what the trainer declares, and those of an alias and a decision."""

from __future__ import annotations

from typing import Any, cast

from django import forms

from governance.errors import WorkbenchError
from training.datasets.models import DatasetVersion
from training.runs.models import AffectedDecision, RegisteredModel
from training.trainers import Hyperparameter, Trainer

PREFIX = "setting_"
OWN_FIELDS = ("name", "model_name", "base_model")


class RunForm(forms.Form):
    """Names and base model; the trainer's own settings follow."""

    name = forms.CharField(max_length=120, label="Name of the run")
    model_name = forms.CharField(
        max_length=120,
        label="Model",
        help_text="A new name makes a new model; a known one gets its next version.",
        widget=forms.TextInput(attrs={"list": "model-names"}),
    )
    base_model = forms.ChoiceField()

    def __init__(self, data: Any = None, *, trainer: Trainer, version: DatasetVersion) -> None:
        initial = {"name": f"{version} run {version.runs.count() + 1}"[:120], "model_name": version.dataset.name}
        super().__init__(data, initial=initial, label_suffix="")
        self.trainer = trainer
        cast(forms.ChoiceField, self.fields["base_model"]).choices = list(trainer.base_models)
        for setting in trainer.hyperparameters:
            self.fields[PREFIX + setting.name] = field_for(setting)

    @property
    def settings(self) -> list[forms.BoundField]:
        """The fields that the trainer declares."""
        return [self[PREFIX + setting.name] for setting in self.trainer.hyperparameters]

    def values(self) -> dict[str, Any]:
        """As the service takes them."""
        cleaned = self.cleaned_data
        chosen = {one.name: cleaned[PREFIX + one.name] for one in self.trainer.hyperparameters}
        return {**{name: cleaned[name] for name in OWN_FIELDS}, "hyperparameters": chosen}

    def refuse(self, error: WorkbenchError) -> None:
        """Beside the field at fault; what belongs to no field stands above the form."""
        name = next((one for one in (error.field, PREFIX + error.field) if one in self.fields), None)
        self.add_error(name, error.message)


def field_for(setting: Hyperparameter) -> forms.Field:
    """A form field that asks for one declared setting."""
    words: dict[str, Any] = {
        "label": setting.name.replace("_", " ").capitalize(), "initial": setting.default, "help_text": setting.help,
    }  # fmt: skip
    if setting.type == "bool":
        return forms.BooleanField(required=False, **words)
    if setting.type == "choice":
        return forms.ChoiceField(choices=[(one, one) for one in setting.choices], **words)
    words["help_text"] = f"{setting.help} {setting.minimum:g} to {setting.maximum:g}."
    kind: type[forms.Field] = forms.IntegerField if setting.type == "int" else forms.FloatField
    widget = forms.NumberInput(attrs={"step": "1" if setting.type == "int" else "any"})
    bounds: dict[str, Any] = {"min_value": setting.minimum, "max_value": setting.maximum}
    return kind(**bounds, widget=widget, **words)


def model_names(user: Any) -> list[str]:
    """Models that `user` could train the next version of."""
    return list(RegisteredModel.objects.visible_to(user, "change").order_by("name").values_list("name", flat=True))


class AliasForm(forms.Form):
    """A name for one version."""

    alias = forms.CharField(
        max_length=40, help_text="Such as champion; it names one version at a time and moves here from any other."
    )


class VerdictForm(forms.Form):
    """What becomes of an affected version."""

    verdict = forms.ChoiceField(
        choices=AffectedDecision.Verdict.choices, widget=forms.RadioSelect,
        help_text="It holds for the pairs that are affected now. Aliases are set on it only if it may stay.",
    )
    reason = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), max_length=4000)
