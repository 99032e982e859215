"""Pages for administrators: which accounts are one person's, and what an account sees."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from governance import access
from governance.errors import WorkbenchError
from governance.models import User
from governance.people import linking, seeing
from governance.portal import suggestions
from governance.portal.lists import CappedPaginator
from governance.portal.pages import portal_page, render_page
from governance.portal.rows import row_url
from governance.portal.suggestions import SuggestingInput


class LinkForm(forms.Form):
    """Which two accounts are one person's."""

    account = forms.CharField(widget=SuggestingInput(suggestions.people), help_text="One account, by user name.")
    other = forms.CharField(widget=SuggestingInput(suggestions.people), help_text="Another account of the same person.")
    reason = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}), max_length=4000, help_text="How you know. It goes on record."
    )


def link_page(request: HttpRequest) -> HttpResponse:
    """Say that two accounts are one person's; the caller is the admin's add page."""
    if not request.user.is_superuser:
        raise PermissionDenied
    form = LinkForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            return _linked(request, form.cleaned_data)
        except WorkbenchError as error:
            form.add_error(error.field if error.field in form.fields else None, error.message)
    back = reverse("admin:governance_accountlink_changelist")
    context = {
        "title": "Link two accounts",
        "lead": "Accounts of one person count once at every gate, from now on and on open requests.",
        "breadcrumbs": [{"label": "Linked accounts", "url": back}],
        "form": form,
        "action_label": "Link them",
        "cancel_url": back,
    }
    return render_page(request, "governance/reason_form.html", context)


def _linked(request: HttpRequest, values: dict[str, Any]) -> HttpResponse:
    account, other = (access.account_named(values[name], field=name) for name in ("account", "other"))
    made = linking.link(account=account, other=other, by=request.user, reason=values["reason"])  # type: ignore[arg-type]
    messages.success(request, f"{account.username} and {other.username} are one person from now on.")
    return HttpResponseRedirect(row_url(made[0]))


class SeeAsForm(forms.Form):
    """Whose eyes, which kind, and a part of the name."""

    account = forms.CharField(
        widget=SuggestingInput(suggestions.people), help_text="One account, by user name; begin to type to choose."
    )
    kind = forms.ChoiceField(required=False)
    q = forms.CharField(required=False, label="Name holds", max_length=120)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        named = [(label, str(model._meta.verbose_name_plural)) for label, model in seeing.kinds().items()]
        self.fields["kind"].choices = [("", "an overview"), *named]  # type: ignore[attr-defined]


@portal_page()
def see_as(request: HttpRequest) -> HttpResponse:
    """What one account sees and may do, and why. Changes nothing; each look is on record."""
    if not request.user.is_superuser:
        raise PermissionDenied
    form = SeeAsForm(request.GET if "account" in request.GET else None)
    shown: dict[str, Any] = {}
    if form.is_bound and form.is_valid():
        account = User.objects.filter(username=form.cleaned_data["account"].strip()).first()
        if account is None:
            form.add_error("account", f"There is no account {form.cleaned_data['account'].strip()!r}.")
        else:
            kind = form.cleaned_data["kind"]
            seeing.look_as(account=account, by=request.user, kind=kind)  # type: ignore[arg-type]
            shown = _kind_of(request, account, kind, form.cleaned_data["q"]) if kind else _all_kinds(account)
    context = {
        "title": "See as",
        "lead": "Which rows an account sees, what it may do with them, and why. Each look is on record.",
        "form": form,
        "looks_url": reverse("admin:governance_seenas_changelist"),
    }
    return render_page(request, "governance/see_as.html", context | shown)


def _all_kinds(account: User) -> dict[str, Any]:
    return {"account": account, "kinds": seeing.counts_of(account), "roles": _groups_of(account)}


def _groups_of(account: User) -> list[str]:
    from django.contrib.auth.models import Group

    from governance.models.collections import groups_of

    return list(Group.objects.filter(pk__in=groups_of(account)).order_by("name").values_list("name", flat=True))


def _kind_of(request: HttpRequest, account: User, kind: str, query: str) -> dict[str, Any]:
    model = seeing.kind_named(kind)
    pages: Paginator[Any] = CappedPaginator(seeing.rows_of(account, model, query=query), seeing.ROWS)
    page = pages.get_page(request.GET.get("page"))
    sights = [{"sight": one, "url": row_url(one.row)} for one in seeing.explain(account, list(page.object_list))]
    return {
        "account": account,
        "kind_title": model._meta.verbose_name_plural,
        "actions": seeing.actions_of(account, model),
        "sights": sights,
        "page": page,
        "query": request.GET.copy(),
    }
