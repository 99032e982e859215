"""Making a dataset, and changing what a draft selects."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse

from governance.errors import WorkbenchError
from governance.portal.pages import portal_page, render_page
from governance.portal.rows import row_url
from training.datasets import services
from training.datasets.forms import DatasetForm, column_names, initial_of, initial_split
from training.datasets.models import CuratedDataset, DatasetVersion
from training.datasets.rules import Split
from training.datasets.selectors import sees_sources

LIST = "admin:training_curateddataset_changelist"


@portal_page("training.add_curateddataset")
def dataset_new(request: HttpRequest) -> HttpResponse:
    """A dataset from reviewed Training Sheets; `?training_sheet=` ticks one."""
    initial = initial_split(Split()) | {"training_sheets": request.GET.getlist("training_sheet")}
    form = DatasetForm(request.POST or None, user=request.user, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            return _saved(request, services.create_dataset(by=request.user, **form.values()))  # type: ignore[arg-type]
        except WorkbenchError as error:
            form.refuse(error)
    return _page(request, form, "New dataset", [])


@portal_page(services.CHANGE)
def dataset_draft(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Change what a draft selects."""
    user: Any = request.user
    changeable = CuratedDataset.objects.visible_to(user, "change")
    draft = get_object_or_404(DatasetVersion.objects.filter(dataset__in=changeable).select_related("dataset"), pk=pk)
    if refusal := _why_not(draft, user):
        messages.error(request, refusal)
        return HttpResponseRedirect(row_url(draft))
    form = DatasetForm(request.POST or None, user=user, version=draft, initial=initial_of(draft))
    if request.method == "POST" and form.is_valid():
        try:
            return _saved(request, services.update_draft(version=draft, by=user, **form.changes()))
        except WorkbenchError as error:
            form.refuse(error)
    return _page(request, form, f"Change {draft}", [{"label": str(draft), "url": row_url(draft)}])


def _why_not(draft: DatasetVersion, user: Any) -> str:
    if draft.frozen_at is not None:
        return f"“{draft}” is frozen; start a new version to select anew."
    if not sees_sources(draft, user):
        return f"“{draft}” selects from rows that are not shared with you; only someone who sees them can change it."
    return ""


def _saved(request: HttpRequest, version: DatasetVersion) -> HttpResponse:
    messages.success(request, f"Saved “{version}” as a draft. Look at what it selects, then freeze it.")
    return HttpResponseRedirect(row_url(version))


def _page(request: HttpRequest, form: DatasetForm, title: str, crumbs: list[dict[str, str]]) -> HttpResponse:
    context = {
        "title": title,
        "lead": "Choose approved pairs and divide them. Nothing is fixed before you freeze.",
        "breadcrumbs": [{"label": "Curated datasets", "url": reverse(LIST)}, *crumbs],
        "form": form,
        "column_names": column_names(form),
    }
    return render_page(request, "training/dataset_form.html", context)
