"""Forms of findings."""

from __future__ import annotations

from django import forms


class AcceptForm(forms.Form):
    """What is said besides when constraints are accepted."""

    reason = forms.CharField(
        label="Note", required=False, max_length=4000, widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Goes on record with the kind of what was found.",
    )  # fmt: skip
