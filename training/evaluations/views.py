"""Starting an evaluation, and evaluations side by side."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from governance.errors import WorkbenchError
from governance.portal.pages import portal_page, render_page
from governance.portal.rows import row_url
from training.evaluations import selectors, services
from training.evaluations.forms import EvaluationForm
from training.evaluations.models import Evaluation
from training.evaluations.showing import RELATED, score_lines

LIST = "admin:training_evaluation_changelist"
CHOICES_SHOWN = 50


@portal_page("training.add_evaluation")
def evaluation_new(request: HttpRequest) -> HttpResponse:
    """`?version=`, `?model_version=` and `?endpoint=` fill the form."""
    initial = {
        "dataset_version": request.GET.get("version"),
        "model_version": request.GET.get("model_version"),
        "endpoint": request.GET.get("endpoint"),
    }
    form = EvaluationForm(request.POST or None, user=request.user, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            evaluation = services.start_evaluation(by=request.user, **form.cleaned_data)  # type: ignore[arg-type]
            messages.success(request, "The evaluation waits for a free worker; this page follows it.")
            return HttpResponseRedirect(row_url(evaluation))
        except WorkbenchError as error:
            form.refuse(error)
    context = {
        "title": "Evaluate a model",
        "lead": "It answers every row of one side that permits evaluation; answers are kept and compared.",
        "breadcrumbs": [{"label": "Evaluations", "url": reverse(LIST)}],
        "form": form,
        "action_label": "Start evaluation",
        "cancel_url": reverse(LIST),
    }
    return render_page(request, "governance/reason_form.html", context)


@portal_page("training.view_evaluation")
def compare(request: HttpRequest) -> HttpResponse:
    """`?ids=` two or more: scores, whether they differ beyond chance, and the items on which they differ."""
    user: Any = request.user
    ids = [one for part in request.GET.getlist("ids") for one in part.split(",") if one]
    context: dict[str, Any] = {
        "title": "Compare evaluations",
        "lead": "Each against the first, on the items that both answered.",
        "breadcrumbs": [{"label": "Evaluations", "url": reverse(LIST)}],
        "choices": [
            {"row": one, "asked": selectors.asked(one), "checked": str(one.pk) in ids}
            for one in _finished(user)[:CHOICES_SHOWN]
        ],
    }
    if ids:
        try:
            context |= _compared(selectors.compare(selectors.chosen_evaluations(ids, user)))
        except WorkbenchError as error:
            context["refused"] = error.message
    return render_page(request, "training/compare.html", context)


def _finished(user: Any) -> Any:
    rows = Evaluation.objects.visible_to(user).filter(status=Evaluation.Status.SUCCEEDED)
    return selectors.seen_by(rows, user).select_related(*RELATED)


def _compared(found: selectors.Comparison) -> dict[str, Any]:
    against = {pair.other.pk: pair for pair in found.pairwise}
    bars = [(f"{number}. {selectors.asked(one)}", round(one.metrics["accuracy"] * 100, 1))
            for number, one in enumerate(found.evaluations, start=1)]  # fmt: skip
    return {
        "comparison": found,
        "columns": [
            {"row": one, "name": selectors.asked(one), "url": row_url(one), "scores": score_lines(one.metrics),
             "pair": against.get(one.pk)}
            for one in found.evaluations
        ],
        "accuracies": bars,
    }  # fmt: skip
