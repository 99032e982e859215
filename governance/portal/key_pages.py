"""The page of the account area on which people choose their keys."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from governance.errors import WorkbenchError
from governance.portal import keys


class KeysForm(forms.Form):
    """One field for each key, named by what it does, and the switch."""

    single_keys = forms.BooleanField(
        label="Single keys act on pages", required=False, help_text="Off: buttons and links only, on all your devices."
    )

    def __init__(self, *args: Any, chosen: keys.Chosen, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["single_keys"].initial = chosen.are_on
        for _, found in keys.places():
            for key in found:
                self.fields[key.slug] = forms.CharField(
                    label=key.label, required=False, max_length=1, initial=chosen.by_slug[key.slug],
                    widget=forms.TextInput(attrs={"class": "one-key", "autocomplete": "off"}),
                )  # fmt: skip

    @property
    def groups(self) -> list[tuple[str, list[Any]]]:
        return [(title, [self[key.slug] for key in found]) for title, found in keys.places()]


@login_required
def own_keys(request: HttpRequest) -> HttpResponse:
    """One's own keys, and the switch for all of them."""
    user: Any = request.user
    form = KeysForm(request.POST or None, chosen=keys.of(user))
    if request.method == "POST" and form.is_valid():
        entered = dict(form.cleaned_data)
        try:
            keys.choose(user=user, by=user, single_keys=entered.pop("single_keys"), keys=entered)
        except WorkbenchError as error:
            form.add_error(error.field if error.field in form.fields else None, error.message)
        else:
            messages.success(request, "Your keys are saved.")
            return HttpResponseRedirect(reverse("account_keys"))
    return render(request, "account/keys.html", {"form": form})
