"""Giving pairs to people in the portal: from a selection of pairs, or from a Training Sheet's page."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render

from governance.errors import WorkbenchError
from governance.models import Job, User
from governance.portal.rows import follow_url
from governance.portal.steps import Step
from labeling.generation.models import QAPair, TrainingSheet
from labeling.review import assigning, assignments
from labeling.review.selectors import OPEN


class AssignedFilter(admin.SimpleListFilter):
    """Pairs by whom they were given to."""

    title = "assigned"
    parameter_name = "assigned"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        return [("me", "to me"), ("someone", "to somebody"), ("nobody", "to nobody")]

    def queryset(self, request: Any, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "me":
            return assignments.mine(queryset, request.user)
        narrow = {"someone": assignments.given, "nobody": assignments.nobodys}.get(str(self.value()))
        return narrow(queryset) if narrow else queryset


class AssignForm(forms.Form):
    """To whom: people by name, or the members of a group."""

    people = forms.MultipleChoiceField(required=False, help_text="Several are dealt pairs in turn.")
    group = forms.ChoiceField(required=False, help_text="Or all its members who may review, in turn.")
    keep = forms.BooleanField(
        required=False, initial=True, label="Leave alone what was given to somebody before"
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        entered: dict[str, Any] = super().clean() or {}
        if bool(entered.get("people")) == bool(entered.get("group")):
            raise forms.ValidationError("Choose either people or a group.")
        return entered


def form_for(sheet: TrainingSheet, user: Any) -> type[forms.Form]:
    """The form with those who may be given pairs of this Training Sheet."""
    reviewers = assignments.reviewers_of(sheet)
    groups = Group.objects.filter(user__in=[one.pk for one in reviewers]).distinct().order_by("name")
    people = forms.MultipleChoiceField(
        choices=[(one.username, one.display_name) for one in reviewers], required=False,
        help_text="Several are dealt pairs in turn.",
    )  # fmt: skip
    group = forms.ChoiceField(
        choices=[("", "—"), *((one.name, one.name) for one in groups)], required=False,
        help_text="Or all its members who may review, in turn.",
    )  # fmt: skip
    return type("AssignForm", (AssignForm,), {"people": people, "group": group})


def assign_sheet(
    *, training_sheet: TrainingSheet, by: User, people: list[str], group: str, keep: bool
) -> assigning.Assigned | Job:
    """Deal all undecided pairs of a Training Sheet. Raises what the services raise."""
    pairs = QAPair.objects.filter(training_sheet=training_sheet)
    return assigning.assign_pairs(pairs=pairs, people=_people(people, group, pairs), by=by, keep=keep)


def _people(names: list[str], group: str, pairs: QuerySet[QAPair]) -> list[User]:
    return assigning.members_for(group, pairs) if group else assigning.named_people(names)


def _has_open_pairs(sheet: TrainingSheet, user: Any) -> bool:
    return sheet.status == TrainingSheet.Status.READY and sheet.pairs.filter(status__in=OPEN).exists()


ASSIGN_STEP = Step(
    name="assign", label="Assign pairs", service=assign_sheet, argument="training_sheet", form=form_for,
    permission=assigning.ASSIGN, available=_has_open_pairs,
    lead="Deals what is undecided. Whoever is given a pair meets it first in review, and is told.",
)  # fmt: skip


@admin.action(description="Assign selected", permissions=["assign"])
def assign_selected(desk: Any, request: HttpRequest, queryset: QuerySet[QAPair]) -> HttpResponse | None:
    """Asks to whom, then gives the undecided ones of the selection to them."""
    sheet = _one_sheet(queryset)
    if sheet is None:
        desk.message_user(request, "Choose pairs of one Training Sheet.", messages.ERROR)
        return None
    form = form_for(sheet, request.user)(request.POST if "confirmed" in request.POST else None)
    if "confirmed" not in request.POST or not form.is_valid():
        return _ask(desk, request, queryset, sheet, form)
    chosen = form.cleaned_data
    try:
        people = _people(chosen["people"], chosen["group"], queryset)
        return _told(desk, request, queryset, people, keep=chosen["keep"])
    except WorkbenchError as error:
        desk.message_user(request, error.message, messages.ERROR)
        return None


@admin.action(description="Take back assignment of selected", permissions=["assign"])
def take_back_selected(desk: Any, request: HttpRequest, queryset: QuerySet[QAPair]) -> HttpResponse | None:
    """The undecided ones of the selection are nobody's again."""
    try:
        return _told(desk, request, queryset, [], keep=False)
    except WorkbenchError as error:
        desk.message_user(request, error.message, messages.ERROR)
        return None


def _told(
    desk: Any, request: Any, queryset: QuerySet[QAPair], people: list[User], *, keep: bool
) -> HttpResponse | None:
    outcome = assigning.assign_pairs(pairs=queryset, people=people, by=request.user, keep=keep)
    if isinstance(outcome, Job):
        return HttpResponseRedirect(follow_url(outcome))
    word = "assigned" if people else "taken back"
    left = f" {outcome.left:,} left as they are." if outcome.left else ""
    desk.message_user(
        request, f"{outcome.assigned:,} pair{'' if outcome.assigned == 1 else 's'} {word}.{left}", messages.SUCCESS
    )
    return None


def _one_sheet(queryset: QuerySet[QAPair]) -> TrainingSheet | None:
    sheets = list(queryset.order_by().values_list("training_sheet", flat=True).distinct()[:2])
    return TrainingSheet.objects.filter(pk=sheets[0]).first() if len(sheets) == 1 else None


def _ask(
    desk: Any, request: HttpRequest, queryset: QuerySet[QAPair], sheet: TrainingSheet, form: forms.Form
) -> HttpResponse:
    open_count = queryset.filter(status__in=OPEN).count()
    return render(request, "labeling/pair_bulk.html", {
        **desk.admin_site.each_context(request),
        "title": f"Assign {open_count:,} pair{'' if open_count == 1 else 's'}",
        "lead": f"Of {sheet}. What is decided already stays as it is.",
        "counts": [("undecided", open_count)],
        "form": form,
        "action_label": "Assign",
        "action_name": "assign_selected",
        "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
        "select_across": request.POST.get("select_across", "0"),
        "cancel_url": request.get_full_path(),
        "breadcrumbs": [{"label": "Q&A pairs", "url": request.get_full_path()}],
    })  # fmt: skip
