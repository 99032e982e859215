"""The desk of runs."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from governance import access
from governance.admin_base import DeskAdmin
from governance.portal.rows import row_url
from training.datasets.showing import exclusion_rows, lineage_url
from training.evaluations.showing import confusion_picture, evaluations_shown
from training.progress import CANCEL, live_job
from training.runs.models import ModelVersion, TrainingRun
from training.runs.selectors import Summary, model_name, seen_by
from training.trainers import get_trainer
from training.trainers.errors import UnknownTrainer


@admin.register(TrainingRun)
class TrainingRunAdmin(DeskAdmin):
    """Trainings of models on approved datasets."""

    change_form_template = "training/run_page.html"
    list_lead = "Each run trains one version of a model on one approved dataset, and puts every pair on record."
    list_display = ("name", "status_chip", "model_name", "dataset_version", "trained_on", "created_by", "created_at")
    list_filter = ("status", "trainer")
    list_select_related = ("dataset_version__dataset", "created_by")
    search_fields = ("name", "dataset_version__dataset__name")
    empty_state = {
        "title": "No runs yet",
        "text": "A run trains a model on an approved dataset, registers it and evaluates it on what was held out.",
        "url": "add/",
        "action": "Train a model",
    }
    steps = (CANCEL,)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("training.add_trainingrun")

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        return HttpResponseRedirect(reverse("training:run-new"))

    def get_queryset(self, request: HttpRequest) -> Any:
        rows = seen_by(super().get_queryset(request), request.user)
        return rows.select_related("dataset_version__dataset", "created_by")

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        user: Any = request.user
        version = ModelVersion.objects.filter(run=row).select_related("model").first()
        evaluations = evaluations_shown(version.evaluations, user) if version else []
        scored = next((one["row"] for one in evaluations if one["row"].metrics), None)
        found = Summary(**row.counts) if row.counts else None
        return super().page_context(request, row) | live_job(row, user) | {
            "version_url": row_url(row.dataset_version),
            "trainer_label": _label(row.trainer),
            "model_version": version,
            "model_name": model_name(row),
            "model_url": row_url(version) if version and access.can_see(user, version) else "",
            "summary": found,
            "reasons": exclusion_rows(found.reasons) if found else [],
            "settings": _words(row.hyperparameters),
            "facts": _words(row.metrics),
            "evaluations": evaluations,
            "confusion": confusion_picture(scored) if scored else "",
            "lineage_url": lineage_url("run", row),
        }

    @admin.display(description="Model")
    def model_name(self, run: Any) -> str:
        return model_name(run)

    @admin.display(description="Trained on")
    def trained_on(self, run: TrainingRun) -> str:
        return f"{run.counts['train']:,} pairs" if run.counts else "—"


def _label(slug: str) -> str:
    try:
        return get_trainer(slug).label
    except UnknownTrainer:
        return f"{slug} (no longer installed)"


def _words(values: dict[str, Any]) -> list[tuple[str, str]]:
    return [(name.replace("_", " ").capitalize(), _value(value)) for name, value in values.items()]


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,.6g}" if isinstance(value, float) else str(value)
