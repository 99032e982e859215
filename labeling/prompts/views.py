"""Trying a template out on items of a Sheet, before anyone approves it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404

from governance.errors import WorkbenchError
from governance.portal.pages import portal_page, render_page
from governance.portal.rows import row_url
from labeling.prompts import services
from labeling.prompts.forms import TrialForm
from labeling.prompts.models import TemplateVersion
from workbench.sheets import selectors as sheets


@portal_page("labeling.view_prompttemplate")
def template_test(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The filled prompts of the first items of a chosen Sheet; what cannot be filled in, with its line."""
    version = get_object_or_404(TemplateVersion.objects.visible_to(request.user), pk=pk)
    form = TrialForm(request.GET if "sheet" in request.GET else None, user=request.user)
    context: dict[str, Any] = {
        "title": "Test against sample rows",
        "lead": f"{version}: filled in with items of a Sheet. No model is asked and nothing is saved.",
        "breadcrumbs": [{"label": str(version), "url": row_url(version)}],
        "form": form,
        "version": version,
    }
    if form.is_bound and form.is_valid():
        context |= _tried(request, version, form)
    return render_page(request, "labeling/template_test.html", context)


def _tried(request: HttpRequest, version: TemplateVersion, form: TrialForm) -> dict[str, Any]:
    sheet = form.cleaned_data["sheet"]
    sheet_version = sheets.latest_version(sheet)
    try:
        trial = services.test_template(
            version=version, sheet_version=sheet_version, by=request.user, limit=form.cleaned_data["limit"]
        )
    except WorkbenchError as error:
        return {"refused": error.message}
    sources = {"system_prompt": version.system_prompt, "user_prompt": version.user_prompt}
    items = [{"tried": one, "source_line": _line_of(sources.get(one.field, ""), one.line)} for one in trial.items]
    return {"trial": trial, "items": items, "sheet_version": sheet_version}


def _line_of(source: str, line: int | None) -> str:
    """The template's text at that line, to show beside the error."""
    lines = source.splitlines()
    return lines[line - 1] if line and line <= len(lines) else ""
