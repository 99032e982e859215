"""The registry: models, their versions, aliases and evaluations, and what they learned from."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from governance import access
from governance.admin_base import DeskAdmin
from governance.portal.marks import chip
from governance.portal.rows import STATUS_KINDS, row_url
from governance.portal.steps import Step
from labeling.models import UseCase
from training.datasets.selectors import USABLE
from training.datasets.showing import lineage_url
from training.evaluations.showing import evaluations_shown
from training.lineage.selectors import training_sheets_of
from training.runs import affected, selectors, services
from training.runs.forms import AliasForm, VerdictForm
from training.runs.models import ModelVersion, RegisteredModel, TrainingRun
from workbench.sharing import SHARE, share_whole

VERSIONS_SHOWN = 20
Status = TrainingRun.Status
CHANGE = "training.change_registeredmodel"


@admin.register(RegisteredModel)
class RegisteredModelAdmin(DeskAdmin):
    """Named models; their versions come from runs."""

    change_form_template = "training/model_page.html"
    list_lead = "What runs have made. An alias such as champion names one version of a model at a time."
    list_display = ("name", "newest", "aliases", "use_case_name", "owner", "created_at")
    list_select_related = ("owner",)
    search_fields = ("name", "description")
    readonly_fields = ("owner", "created_at")
    update_service = services.describe_model
    service_argument = "model"
    steps = (SHARE,)
    empty_state = {
        "title": "No models yet",
        "text": "Training on an approved dataset makes the first version of a model.",
        "url": "/admin/training/trainingrun/add/",
        "permission": "training.add_trainingrun",
        "action": "Train a model",
    }

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        user: Any = request.user
        seen = UseCase.objects.visible_to(user).filter(pk=OuterRef("use_case")).values("name")
        runs = TrainingRun.objects.filter(model=OuterRef("pk")).order_by("-created_at", "-id").values("status")
        return super().get_queryset(request).prefetch_related("versions").annotate(
            seen_use_case=Subquery(seen[:1]), newest_run_status=Subquery(runs[:1])
        )

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """A use case that is not shared with the person is not named, and saving keeps it."""
        hidden = obj is not None and obj.use_case_id and obj.seen_use_case is None
        return ["description", *([] if hidden else ["use_case"]), *self.readonly_fields]

    def service_values(self, cleaned: dict[str, Any], obj: Any) -> dict[str, Any]:
        return {"use_case": obj.use_case, **cleaned}

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        versions = row.versions.select_related("model", "run__dataset_version__dataset").order_by("-number")
        shown = [_shown(version, request.user) for version in versions[:VERSIONS_SHOWN]]
        compared = [one["evaluations"][0]["row"].pk for one in shown if one["accuracy"] is not None]
        query = "&".join(f"ids={pk}" for pk in compared)
        return super().page_context(request, row) | {
            "object_lead": row.description,
            "versions": shown,
            "history": _history(shown),
            "without_version": {} if shown else _without_version(row, request.user),
            "compare_url": f"{reverse('training:compare')}?{query}" if len(compared) > 1 else "",
        }

    @admin.display(description="Newest version")
    def newest(self, model: Any) -> Any:
        number = max((version.number for version in model.versions.all()), default=0)
        status = model.newest_run_status
        if number or status is None:
            return f"v{number}" if number else "none"
        return format_html("none {}", chip(f"run {Status(status).label.lower()}", STATUS_KINDS[status]))

    @admin.display(description="Aliases")
    def aliases(self, model: RegisteredModel) -> str:
        named = [f"{alias} → v{version.number}" for version in model.versions.all() for alias in version.aliases]
        return ", ".join(sorted(named)) or "—"

    @admin.display(description="Use case")
    def use_case_name(self, model: Any) -> str:
        return model.seen_use_case or "—"


def _without_version(model: RegisteredModel, user: Any) -> dict[str, Any]:
    """What became of the newest run of a model that has no version, as far as the person may see it; what is next."""
    run = TrainingRun.objects.visible_to(user).filter(model=model).select_related("dataset_version").first()
    if run is None:
        return {"words": "No version yet."}
    ended = run.status in {Status.FAILED, Status.CANCELLED}
    retries = ended and user.has_perm("training.add_trainingrun") and run.dataset_version.status in USABLE
    return {
        "words": f"No version yet: its run is {run.get_status_display().lower()}.",
        "run": run,
        "run_url": row_url(run),
        "error": run.error,
        "train_url": f"{reverse('training:run-new')}?version={run.dataset_version_id}" if retries else "",
    }


def _shown(version: ModelVersion, user: Any) -> dict[str, Any]:
    """A version with its scored evaluations, newest first."""
    evaluations = evaluations_shown(version.evaluations.exclude(metrics={}), user)
    sees_data = access.can_see(user, version.run.dataset_version)
    return {
        "row": version,
        "url": row_url(version),
        "evaluations": evaluations,
        "accuracy": evaluations[0]["row"].metrics.get("accuracy") if evaluations else None,
        "affected": selectors.affected_pairs(version).count(),
        "dataset": version.run.dataset_version if sees_data else None,
        "dataset_url": row_url(version.run.dataset_version),
    }


def _history(shown: list[dict[str, Any]]) -> list[tuple[str, float]]:
    """Accuracy by version, in per cent, as rows of bars."""
    return [(f"v{one['row'].number}", round(one["accuracy"] * 100, 1)) for one in shown if one["accuracy"] is not None]


def _may_name(version: ModelVersion, user: Any) -> bool:
    return access.can_see(user, version.model, "change")


@admin.register(ModelVersion)
class ModelVersionAdmin(DeskAdmin):
    """One trained version: where it is kept, what it learned from, and what became of that."""

    change_form_template = "training/model_version.html"
    list_display = ("__str__", "uri", "created_at")
    list_select_related = ("model",)
    search_fields = ("model__name",)
    steps = (
        Step(name="alias", label="Set alias", service=services.set_alias, argument="model_version", form=AliasForm,
             permission=CHANGE, available=_may_name, success="The alias names this version now."),
        Step(name="decide", label="Decide on it", service=affected.decide_on_affected, argument="model_version",
             form=VerdictForm, permission="training.add_affecteddecision", style="primary",
             available=lambda row, user: selectors.affected_pairs(row).exists(), success="Decided, on record.",
             lead="It learned from pairs that would not permit it today. Say whether it may stay in use."),
        share_whole("model"),
    )  # fmt: skip

    def has_module_permission(self, request: HttpRequest) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("model", "run__dataset_version__dataset")

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        user: Any = request.user
        context = super().page_context(request, row)
        if user.has_perm("training.add_evaluation"):
            url = f"{reverse('training:evaluation-new')}?model_version={row.pk}"
            context["object_actions"].insert(0, {"label": "Evaluate", "url": url, "style": "primary", "method": "get"})
        learned = [{"row": one, "url": row_url(one.training_sheet)} for one in training_sheets_of(row, user)]
        return context | {
            "model_url": row_url(row.model),
            "run_url": row_url(row.run) if access.can_see(user, row.run) else "",
            "learned": learned,
            "hides_sources": row.lineage.count() > len(learned),
            "affected": selectors.why_affected(row),
            "decisions": row.decisions.select_related("decided_by"),
            "decision_in_force": affected.decision_in_force(row),
            "evaluations": evaluations_shown(row.evaluations, user),
            "lineage_url": lineage_url("model", row),
        }
