"""Starting a run."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from governance.errors import WorkbenchError
from governance.portal.pages import portal_page, render_page
from governance.portal.rows import row_url
from training.datasets.models import CuratedDataset, DatasetVersion
from training.datasets.selectors import USABLE, require_usable
from training.runs import services
from training.runs.affected import decision_in_force
from training.runs.forms import RunForm, model_names
from training.runs.selectors import affected_versions, summary
from training.trainers import Trainer, get_trainer, trainers
from training.trainers.errors import UnknownTrainer

LIST = "admin:training_trainingrun_changelist"


AT_MOST = 200


@portal_page("training.view_registeredmodel")
def affected(request: HttpRequest) -> HttpResponse:
    """Model versions that learned from rows that would not permit it today."""
    versions = affected_versions(request.user).prefetch_related("decisions__decided_by")[:AT_MOST]
    context = {
        "title": "Affected models",
        "lead": "Versions that learned from pairs which would not permit it today: a tag or constraint changed.",
        "breadcrumbs": [{"label": "Models", "url": reverse("admin:training_registeredmodel_changelist")}],
        "versions": [
            {"row": version, "url": row_url(version), "decision": _decision_on(version)} for version in versions
        ],
    }
    return render_page(request, "training/affected.html", context)


def _decision_on(version: Any) -> Any:
    """The decision in force; the pairs are compared only where their number is that of the last decision."""
    last = next(iter(version.decisions.all()), None)
    return decision_in_force(version) if last is not None and last.pairs == version.lost_pairs else None


@portal_page("training.add_trainingrun")
def run_new(request: HttpRequest) -> HttpResponse:
    """`?version=` an approved dataset version, `?trainer=` a trainer; without a version, the choice of one."""
    version, trainer = _version(request), _trainer(request)
    if version is None:
        return _choose(request)
    if refusal := _why_not(version):
        messages.error(request, refusal)
        return HttpResponseRedirect(row_url(version))
    form = RunForm(request.POST or None, trainer=trainer, version=version)
    if request.method == "POST" and form.is_valid():
        try:
            run = services.start_run(
                dataset_version=version, trainer=trainer.slug, by=request.user, **form.values()  # type: ignore[arg-type]
            )
            messages.success(request, "The run waits for a free worker; this page follows it.")
            return HttpResponseRedirect(row_url(run))
        except WorkbenchError as error:
            form.refuse(error)
    return _page(request, version, trainer, form)


def _usable(user: Any) -> Any:
    rows = DatasetVersion.objects.visible_to(user).filter(
        status__in=USABLE, dataset__purpose=CuratedDataset.Purpose.TRAINING
    )
    return rows.select_related("dataset")


def _version(request: HttpRequest) -> DatasetVersion | None:
    asked = request.GET.get("version", "")
    user: Any = request.user
    if not asked:
        return None
    try:
        return DatasetVersion.objects.visible_to(user).select_related("dataset").get(pk=asked)
    except (DatasetVersion.DoesNotExist, ValidationError) as error:
        raise Http404 from error


def _trainer(request: HttpRequest) -> Trainer:
    try:
        return get_trainer(request.GET.get("trainer") or trainers()[0].slug)
    except UnknownTrainer as error:
        raise Http404 from error


def _why_not(version: DatasetVersion) -> str:
    try:
        require_usable(version, "train on")
    except WorkbenchError as error:
        return error.message
    return ""


def _choose(request: HttpRequest) -> HttpResponse:
    context = {
        "title": "Train a model",
        "lead": "On which dataset? Only approved ones are offered.",
        "breadcrumbs": [{"label": "Runs", "url": reverse(LIST)}],
        "versions": _usable(request.user)[:100],
        "datasets_url": reverse("admin:training_curateddataset_changelist"),
    }
    return render_page(request, "training/run_choose.html", context)


def _page(request: HttpRequest, version: DatasetVersion, trainer: Trainer, form: RunForm) -> HttpResponse:
    context = {
        "title": "Train a model",
        "lead": f"On {version}, with: {trainer.label}",
        "breadcrumbs": [{"label": "Runs", "url": reverse(LIST)}, {"label": str(version), "url": row_url(version)}],
        "version": version,
        "version_url": row_url(version),
        "form": form,
        "trainer": trainer,
        "trainers": trainers(),
        "summary": summary(version),
        "model_names": model_names(request.user),
    }
    return render_page(request, "training/run_form.html", context)
