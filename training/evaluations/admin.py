"""The desk of evaluations."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from governance import access
from governance.admin_base import DeskAdmin
from governance.portal.rows import row_url
from training.datasets.rows import exportable
from training.datasets.showing import lineage_url
from training.evaluations.models import Evaluation
from training.evaluations.selectors import asked, seen_by
from training.evaluations.showing import RELATED, confusion_picture, percent, score_lines
from training.progress import CANCEL, live_job

WRONG_A_PAGE = 25


@admin.register(Evaluation)
class EvaluationAdmin(DeskAdmin):
    """How well models and endpoints answer sets that permit it."""

    change_form_template = "training/evaluation_page.html"
    list_lead = "Tick two or more and compare them; every score comes with its 95 % interval."
    list_display = ("__str__", "asked_of", "status_chip", "accuracy", "macro_f1", "items", "created_by", "created_at")
    list_filter = ("status", "split")
    list_select_related = (*RELATED, "created_by")
    search_fields = ("dataset_version__dataset__name", "endpoint__name")
    actions = ("compare_selected",)
    steps = (CANCEL,)
    empty_state = {
        "title": "No evaluations yet",
        "text": "A run evaluates its model on the held-out side by itself. Any model or endpoint can answer any set.",
        "url": "add/",
        "action": "Evaluate a model",
    }

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("training.add_evaluation")

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        return HttpResponseRedirect(reverse("training:evaluation-new"))

    @admin.action(description="Compare", permissions=["view"])
    def compare_selected(self, request: HttpRequest, queryset: QuerySet[Evaluation]) -> HttpResponse:
        chosen = urlencode([("ids", str(pk)) for pk in queryset.order_by("created_at").values_list("pk", flat=True)])
        return HttpResponseRedirect(f"{reverse('training:compare')}?{chosen}")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return seen_by(super().get_queryset(request), request.user).select_related(*RELATED, "created_by")

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        user: Any = request.user
        model = row.model_version or row.endpoint
        return super().page_context(request, row) | live_job(row, user) | {
            "dataset_url": row_url(row.dataset_version),
            "asked": asked(row),
            "asked_url": row_url(model) if access.can_see(user, model) else "",
            "scores": score_lines(row.metrics),
            "confusion": confusion_picture(row),
            "wrong": _wrong(row, request.GET.get("page")),
            "compare_url": f"{reverse('training:compare')}?ids={row.pk}",
            "lineage_url": lineage_url("evaluation", row),
        }

    @admin.display(description="Model")
    def asked_of(self, evaluation: Any) -> str:
        return asked(evaluation)

    @admin.display(description="Accuracy", ordering="metrics__accuracy")
    def accuracy(self, evaluation: Evaluation) -> str:
        return _with_interval(evaluation, "Accuracy")

    @admin.display(description="Macro-F1", ordering="metrics__macro_f1")
    def macro_f1(self, evaluation: Evaluation) -> str:
        found = evaluation.metrics.get("macro_f1")
        return percent(found) if found is not None else "—"

    @admin.display(description="Items")
    def items(self, evaluation: Evaluation) -> str:
        return f"{evaluation.counts['items']:,}" if evaluation.counts else "—"


def _with_interval(evaluation: Evaluation, label: str) -> str:
    found = next((line for line in score_lines(evaluation.metrics) if line["label"] == label), None)
    if found is None:
        return "—"
    return f"{found['value']} ({found['interval']})" if found["interval"] else found["value"]


def _wrong(evaluation: Evaluation, page: str | None) -> Any:
    """A page of wrong answers with their questions, by position."""
    rows = evaluation.answers.filter(is_correct=False).order_by("member__position")
    found = Paginator(rows.select_related("member__answer", "member__prompt"), WRONG_A_PAGE).get_page(page)
    for answer in found:
        answer.question = exportable(answer.member.prompt.messages)[-1]["content"]
        if not isinstance(answer.question, str):
            answer.question = "\n".join(str(part.get("text") or part.get("ref")) for part in answer.question)
    return found
