"""The Generate page: choose, preview, generate or keep the configuration."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone

from governance.errors import WorkbenchError
from governance.portal.pages import portal_page, render_page
from governance.portal.rows import follow_url, row_url
from governance.portal.strip import strip_of
from governance.uses import ALL_USES
from labeling.generation import services
from labeling.generation.forms import GenerateForm, SheetForm, initial_of
from labeling.generation.models import GenerationConfig, TrainingSheet
from labeling.generation.previewing import Preview
from workbench.models import Sheet, SheetVersion
from workbench.sheets.selectors import published_version

ADD = "labeling.add_trainingsheet"


@portal_page(ADD)
def generate(request: HttpRequest) -> HttpResponse:
    """Without a Sheet: which one. With one: the recipe, its preview, and the start."""
    origin = _origin(request)
    sheet = origin.sheet if origin else _chosen_sheet(request)
    configs = GenerationConfig.objects.visible_to(request.user).select_related(
        "sheet", "template_version__template"
    )
    context: dict[str, Any] = {
        "title": "Generate pairs",
        "lead": "Apply a prompt template to a Sheet. Items that an expert has labelled already come approved.",
        "sheet_form": SheetForm(initial={"sheet": sheet}, user=request.user),
        "configs": [(config, row_url(config)) for config in configs[:20]],
        "breadcrumbs": [
            {"label": "Training sheets", "url": reverse("admin:labeling_trainingsheet_changelist")}
        ],
    }
    if sheet is None:
        return render_page(request, "labeling/generate.html", context)
    try:
        version = published_version(sheet)
    except WorkbenchError as error:
        messages.error(request, error.message)
        return HttpResponseRedirect(reverse("labeling:generate"))
    return _recipe_page(request, version, origin, context)


def _origin(request: HttpRequest) -> GenerationConfig | TrainingSheet | None:
    """The configuration or Training Sheet whose recipe is taken over."""
    user: Any = request.user
    if key := request.GET.get("config"):
        return get_object_or_404(GenerationConfig.objects.visible_to(user), pk=_key(key))
    if key := request.GET.get("again"):
        return get_object_or_404(TrainingSheet.objects.visible_to(user), pk=_key(key))
    return None


def _key(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise Http404 from error


def _chosen_sheet(request: HttpRequest) -> Sheet | None:
    if not request.GET.get("sheet"):
        return None
    form = SheetForm(request.GET, user=request.user)
    if not form.is_valid():
        raise Http404("There is no such Sheet, or you may not see it.")
    return form.cleaned_data["sheet"]  # type: ignore[no-any-return]


def _recipe_page(
    request: HttpRequest,
    version: SheetVersion,
    origin: GenerationConfig | TrainingSheet | None,
    context: dict[str, Any],
) -> HttpResponse:
    initial = {"name": f"{version.sheet.name} {timezone.localtime():%Y-%m-%d %H:%M}"}
    initial |= initial_of(origin) if origin else {}
    form = GenerateForm(request.POST or None, initial=initial, sheet_version=version, user=request.user)
    preview = None
    if request.method == "POST" and form.is_valid():
        answer = _act(request, version.sheet, origin, form)
        if isinstance(answer, HttpResponse):
            return answer
        preview = answer
    context |= {"form": form, "sheet": version.sheet, "sheet_version": version, "preview": preview}
    if preview is not None:
        context["preview_strip"] = strip_of(ALL_USES, preview.uses, preview.classification)
    return render_page(request, "labeling/generate.html", context)


def _act(
    request: HttpRequest, sheet: Sheet, origin: GenerationConfig | TrainingSheet | None, form: GenerateForm
) -> HttpResponse | Preview | None:
    by: Any = request.user
    recipe, action = form.recipe(), request.POST.get("action", "preview")
    try:
        if action in {"preview", "ask"}:
            return services.preview(by=by, sheet=sheet, ask=action == "ask", **recipe)
        name = form.cleaned_data["name"]
        if action == "save":
            config = services.save_config(by=by, name=name, sheet=sheet, **recipe)
            messages.success(request, f"Saved as “{config}”. It can be run again at any time.")
            return HttpResponseRedirect(row_url(config))
        followed = origin if isinstance(origin, GenerationConfig) else None
        made = services.start_generation(by=by, name=name, sheet=sheet, config=followed, **recipe)
    except WorkbenchError as error:
        form.refuse(error)
        return None
    job: Any = services.latest_job(made)
    return HttpResponseRedirect(follow_url(job))
