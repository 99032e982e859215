"""What is asked before an evaluation starts."""

from __future__ import annotations

from typing import Any, cast

from django import forms

from governance.errors import WorkbenchError
from training.datasets.models import DatasetVersion
from training.datasets.selectors import USABLE
from training.runs.models import ModelVersion
from workbench.models import ModelEndpoint


class EvaluationForm(forms.Form):
    """One model version or endpoint, and the set that it answers."""

    dataset_version = forms.ModelChoiceField(
        DatasetVersion.objects.none(), label="Dataset", help_text="Approved versions that you may see."
    )
    split = forms.ChoiceField(
        label="Side", required=False,
        choices=[("", "held out: test, else validation"), ("test", "test"), ("validation", "validation")],
        help_text="Only rows that permit evaluation are asked.",
    )  # fmt: skip
    model_version = forms.ModelChoiceField(
        ModelVersion.objects.none(), required=False, help_text="Either one of our models …"
    )
    endpoint = forms.ModelChoiceField(
        ModelEndpoint.objects.none(), required=False, label="Model endpoint", help_text="… or a model endpoint."
    )

    def __init__(self, data: Any = None, *, user: Any, initial: Any = None) -> None:
        super().__init__(data, initial=initial, label_suffix="")
        rows = {
            "dataset_version": DatasetVersion.objects.visible_to(user).filter(status__in=USABLE)
            .select_related("dataset"),
            "model_version": ModelVersion.objects.visible_to(user).select_related("model"),
            "endpoint": ModelEndpoint.objects.visible_to(user).filter(is_active=True).order_by("name"),
        }  # fmt: skip
        for name, queryset in rows.items():
            cast(forms.ModelChoiceField, self.fields[name]).queryset = queryset

    def refuse(self, error: WorkbenchError) -> None:
        """Beside the field at fault; what belongs to no field stands above the form."""
        self.add_error(error.field if error.field in self.fields else None, error.message)
