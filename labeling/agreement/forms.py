"""What an expert enters beside their answer, who is assigned, and how a conflict is settled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms

from governance import access
from governance.roles import holders_of
from labeling.agreement.models import Opinion
from labeling.labels.models import CanonicalLabel
from workbench.models import Sheet

ANOTHER = "another"


class OpinionForm(forms.Form):
    """How sure the expert is, and why."""

    confidence = forms.ChoiceField(choices=CanonicalLabel.Confidence.choices, initial="high")
    notes = forms.CharField(required=False, max_length=8_000, widget=forms.Textarea(attrs={"rows": 2}))


class AssignForm(forms.Form):
    """Who answers which items."""

    experts: Any = forms.ModelMultipleChoiceField(queryset=None, widget=forms.CheckboxSelectMultiple)
    items = forms.CharField(widget=forms.Textarea(attrs={"rows": 6}), help_text="One per line, as on the list.")

    def __init__(self, *args: Any, sheet: Sheet, **kwargs: Any) -> None:
        """Offered are experts who may see the Sheet; others have no business here."""
        super().__init__(*args, **kwargs)
        readers = access.accounts_that_may_see(sheet).order_by().values("pk")
        found = holders_of(["domain-expert"]).filter(pk__in=readers).distinct().order_by("first_name", "username")
        self.fields["experts"].queryset = found  # type: ignore[attr-defined]

    def clean_items(self) -> list[str]:
        """At most a thousand at once."""
        refs = [line.strip() for line in self.cleaned_data["items"].splitlines() if line.strip()]
        if len(refs) > 1_000:
            raise forms.ValidationError(f"{len(refs):,} items are too many at once; expected at most 1,000.")
        return refs


class FreeForm(forms.Form):
    """Why a place is freed; of one's own one need not say."""

    reason = forms.CharField(required=False, max_length=4_000, widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(self, *args: Any, is_own: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].required = not is_own


class SettleForm(forms.Form):
    """Whose answer is right, or another one, and why."""

    choice = forms.ChoiceField(widget=forms.RadioSelect, label="What is right")
    reason = forms.CharField(max_length=4_000, widget=forms.Textarea(attrs={"rows": 2}))
    confidence = forms.ChoiceField(choices=CanonicalLabel.Confidence.choices, initial="high")

    def __init__(self, *args: Any, said: Sequence[Opinion], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        who: dict[str, list[str]] = {}
        for opinion in said:
            who.setdefault(opinion.content_id, []).append(opinion.given_by.display_name)
        answers = [(digest, f"As {' and '.join(names)} said") for digest, names in who.items()]
        self.fields["choice"].choices = [*answers, (ANOTHER, "Another answer, below")]  # type: ignore[attr-defined]
