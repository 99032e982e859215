"""The page that asks to erase from the record: look first, ask then. What is typed stands in no address and no log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.apps import apps
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_POST

from governance import desk
from governance.errors import ReauthenticationRequired, WorkbenchError
from governance.models import GatePolicy
from governance.portal.pages import portal_page, render_page
from governance.portal.rows import row_url
from governance.record import archiving, erasing
from governance.record.erasing import Wanted


def kind_choices(kinds: Iterable[str]) -> list[tuple[str, str]]:
    """Kinds of row in words, for a form."""
    named = [(kind, str(apps.get_model(kind)._meta.verbose_name_plural).capitalize()) for kind in kinds]
    return sorted(named, key=lambda pair: pair[1])


def _column_choices(columns: Mapping[str, list[str]]) -> list[tuple[str, list[tuple[str, str]]]]:
    """The columns of each kind under its name. A column of several kinds is the same choice in each."""
    return [(words, [(name, name) for name in columns[kind]]) for kind, words in kind_choices(columns)]


class ErasureForm(forms.Form):
    """Which rows, and once they were looked at, why."""

    kind = forms.ChoiceField(label="Kind of row")
    object_id = forms.CharField(
        required=False, max_length=100, label="Id of one row", help_text="As the record shows it. Or leave it empty:"
    )
    column = forms.ChoiceField(
        required=False, label="Column", help_text="That holds a person’s identifier, such as email. They stand by kind."
    )
    value = forms.CharField(
        required=False, max_length=500, label="Identifier",
        help_text="Every row that ever held exactly this; in a column of JSON, that held it anywhere. It is looked for "
        "and then forgotten.",
    )  # fmt: skip
    reason = forms.CharField(
        required=False, max_length=2000, label="Reason", widget=forms.Textarea(attrs={"rows": 3}),
        help_text="The ground for it. It will stand on every erased entry, so name nobody in it.",
    )  # fmt: skip
    digest = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        columns = erasing.columns_by_kind()
        self.fields["kind"].choices = kind_choices(columns)
        self.fields["column"].choices = [("", "—"), *_column_choices(columns)]

    @property
    def wanted(self) -> Wanted:
        return Wanted(**{name: self.cleaned_data[name] for name in ("kind", "object_id", "column", "value")})


@portal_page("governance.add_erasurerequest")
def erase(request: HttpRequest) -> HttpResponse:
    """Look at what an erasure reaches; then ask for it."""
    try:
        minutes = GatePolicy.objects.get(gate=erasing.GATE).reauthenticate_minutes
        desk.require_proof(minutes, "Asking for an erasure", by=request.user)
    except ReauthenticationRequired:
        # What was typed is not kept: it may name a person.
        return HttpResponseRedirect(f"{reverse('account_reauthenticate')}?{urlencode({'next': request.path})}")
    form, reach, keys = ErasureForm(request.POST or None, initial=_named(request)), None, []
    if request.method == "POST" and form.is_valid():
        try:
            keys, reach = erasing.preview(wanted=form.wanted, by=request.user)
            if "ask" in request.POST:
                return _asked(request, form)
        except WorkbenchError as error:
            form.add_error(error.field if error.field in form.fields else None, error.message)
    return _page(request, form, reach, keys)


def _named(request: HttpRequest) -> dict[str, str]:
    return {"kind": request.GET.get("row_kind", ""), "object_id": request.GET.get("row", "")}


def _asked(request: HttpRequest, form: ErasureForm) -> HttpResponse:
    asked = erasing.request_erasure(
        wanted=form.wanted, digest=form.cleaned_data["digest"], reason=form.cleaned_data["reason"], by=request.user
    )
    messages.success(request, "Asked. Another compliance officer decides; until then nothing is erased.")
    return HttpResponseRedirect(row_url(asked))


def _page(request: HttpRequest, form: ErasureForm, reach: Any, keys: list[str]) -> HttpResponse:
    if reach is not None:
        seen = request.POST.copy()
        seen["digest"] = reach.digest
        form.data = seen
    context = {
        "title": "Erase from the record",
        "lead": "What is on record of a row is emptied; that it was there, and every proof, stays.",
        "breadcrumbs": [{"label": "Compliance desk", "url": reverse("governance:compliance")}],
        "form": form,
        "reach": reach,
        "is_on_record": reach is not None and reach.kind in erasing.erasable_kinds(),
        "keys": keys[:20],
        "more": max(0, len(keys) - 20),
    }
    return render_page(request, "governance/erase.html", context)


@portal_page("governance.add_recordarchive")
@require_POST
def archive(request: HttpRequest) -> HttpResponse:
    """Archive what is old enough, and follow it."""
    job = archiving.start_archiving(by=request.user)
    return HttpResponseRedirect(reverse("governance:job", args=[job.pk]))
