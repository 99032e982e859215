"""To whom a Use Case is shared."""

from __future__ import annotations

from django import forms

from governance.portal import suggestions
from governance.portal.suggestions import SuggestingInput


class ShareForm(forms.Form):
    """An account by its name, or a group."""

    user = forms.CharField(required=False, label="User name", widget=SuggestingInput(suggestions.people))
    group = forms.CharField(required=False, widget=SuggestingInput(suggestions.groups))
    until = forms.DateTimeField(required=False, help_text="From this moment it grants nothing. Empty: no end.")
    level = forms.ChoiceField(choices=[("view", "see"), ("change", "see and change")])
