"""What a reviewer enters beside the answer: judgement, and corrections of the prompt's text."""

from __future__ import annotations

import copy
from typing import Any

from django import forms

from labeling.generation.models import QAPair
from labeling.labels.models import CanonicalLabel


class DecisionForm(forms.Form):
    """Notes, how sure the expert is, and the versions of the pair and of its item's label on the screen."""

    version = forms.IntegerField(widget=forms.HiddenInput)
    label_version = forms.IntegerField(widget=forms.HiddenInput, required=False)
    confidence = forms.ChoiceField(choices=CanonicalLabel.Confidence.choices, initial="high")
    notes = forms.CharField(required=False, max_length=8_000, widget=forms.Textarea(attrs={"rows": 2}))


class ReopenForm(forms.Form):
    """Why a decision is taken back."""

    version = forms.IntegerField(widget=forms.HiddenInput)
    reason = forms.CharField(max_length=4_000, widget=forms.Textarea(attrs={"rows": 2}))


class NoteForm(forms.Form):
    """A note for others."""

    notes = forms.CharField(label="Note", max_length=8_000, widget=forms.Textarea(attrs={"rows": 3}))


class PromptForm(forms.Form):
    """The texts of the prompt, one field for each; files stay as they are."""

    def __init__(self, *args: Any, pair: QAPair, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.messages = pair.messages
        for (place, part), text in _texts(self.messages).items():
            role = self.messages[place]["role"]
            self.fields[f"m{place}-{part}"] = forms.CharField(
                label=f"{role.capitalize()} message {place + 1}",
                required=False,
                strip=False,
                initial=text,
                widget=forms.Textarea(attrs={"rows": min(12, 2 + text.count("\n") + len(text) // 90)}),
            )

    def edited(self) -> list[dict[str, Any]] | None:
        """The messages with the texts as entered; None where nothing was changed."""
        messages = copy.deepcopy(self.messages)
        for (place, part), text in _texts(self.messages).items():
            entered = self.cleaned_data[f"m{place}-{part}"].replace("\r\n", "\n")
            if entered == text.replace("\r\n", "\n"):
                continue
            if part == "text":
                messages[place]["content"] = entered
            else:
                messages[place]["content"][int(part)]["text"] = entered
        return messages if messages != self.messages else None


def _texts(messages: list[dict[str, Any]]) -> dict[tuple[int, str], str]:
    """Every text by (message, part); part is "text" for a message that is one text."""
    found: dict[tuple[int, str], str] = {}
    for place, message in enumerate(messages):
        content = message["content"]
        if isinstance(content, str):
            found[place, "text"] = content
            continue
        for index, part in enumerate(content):
            if part.get("type") == "text":
                found[place, str(index)] = part["text"]
    return found


class BulkForm(forms.Form):
    """Confirms one decision about many pairs."""

    notes = forms.CharField(required=False, max_length=8_000, widget=forms.Textarea(attrs={"rows": 3}))
