"""What an expert enters beside the answer itself, and what an import asks for."""

from __future__ import annotations

from typing import Any

from django import forms

from governance.constraints import Terms
from governance.errors import InvalidInput
from governance.uploads import content_in
from governance.uses import ALL_USES, Classification, Use, mask_of, uses_in
from labeling.interchange.formats import CHOICES
from labeling.labels.models import CanonicalLabel
from labeling.labelsets.models import LabelType
from workbench.models import Sheet

FIELDS_OF_TERMS = ("permitted", "data_classification", "usage_reason")


class JudgementForm(forms.Form):
    """How sure the expert is, why, and what the label may be used for."""

    confidence = forms.ChoiceField(choices=CanonicalLabel.Confidence.choices, initial="high")
    notes = forms.CharField(required=False, max_length=8_000, widget=forms.Textarea(attrs={"rows": 2}))
    permitted = forms.MultipleChoiceField(
        choices=Use.choices, required=False, widget=forms.CheckboxSelectMultiple, label="This label itself permits"
    )
    data_classification = forms.TypedChoiceField(choices=Classification.choices, coerce=int, label="Classification")
    usage_reason = forms.CharField(
        required=False, max_length=4_000, label="Reason of the constraint", widget=forms.Textarea(attrs={"rows": 2})
    )
    seen_version = forms.IntegerField(widget=forms.HiddenInput)

    def terms(self) -> Terms | None:
        """The constraint as entered, or None where nothing of it was touched."""
        if not set(self.changed_data) & set(FIELDS_OF_TERMS):
            return None
        permitted = mask_of(self.cleaned_data["permitted"])
        return Terms(
            allowed_uses=ALL_USES,
            prohibited_uses=ALL_USES & ~permitted,
            data_classification=self.cleaned_data["data_classification"],
            usage_reason=self.cleaned_data["usage_reason"].strip(),
            permitted_until=None,
        )


def judgement_of(label: CanonicalLabel | None) -> dict[str, Any]:
    """`initial` for the form; without a label, everything that its sources permit."""
    shown = label or CanonicalLabel()
    return {
        "confidence": shown.confidence,
        "notes": shown.notes,
        "permitted": uses_in(shown.own_uses),
        "data_classification": shown.data_classification,
        "usage_reason": shown.usage_reason,
        "seen_version": shown.version if label is not None and label.retired_at is None else 0,
    }


class ChoiceForm(forms.Form):
    """Which Sheet and label type; only Sheets that the person may see."""

    sheet = forms.ModelChoiceField(queryset=Sheet.objects.none())
    label_type = forms.ModelChoiceField(queryset=LabelType.objects.none())

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["sheet"].queryset = Sheet.objects.visible_to(user)  # type: ignore[attr-defined]
        self.fields["label_type"].queryset = LabelType.objects.visible_to(user)  # type: ignore[attr-defined]


class ImportForm(forms.Form):
    """Labels in one of the formats, from a file or typed."""

    format = forms.ChoiceField(choices=CHOICES, initial="jsonl", required=False)
    file = forms.FileField(required=False, help_text="UTF-8, or a ZIP archive for YOLO; at most 20 MB.")
    lines = forms.CharField(
        required=False,
        strip=False,
        label="Or text",
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text='Of JSON Lines, one per line: {"item_ref": "…", "data": …, "confidence": "high", "notes": ""}',
    )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        upload = cleaned.get("file")
        if bool(upload) == bool(cleaned.get("lines")):
            raise forms.ValidationError("Choose a file or enter text, one of the two.")
        cleaned["content"] = self._content(upload) if upload else cleaned["lines"].encode(errors="replace")
        cleaned["format"] = cleaned.get("format") or "jsonl"
        return cleaned

    def _content(self, upload: Any) -> bytes:
        try:
            return content_in(upload, field="file")
        except InvalidInput as error:
            raise forms.ValidationError({"file": error.message}) from error


class ExportForm(forms.Form):
    """Which use the labels leave for, and as what."""

    use = forms.ChoiceField(choices=[(use.value, use.label) for use in (Use.TESTING, Use.FEW_SHOT)])
    format = forms.ChoiceField(choices=CHOICES)
