"""Pages of the compliance desk."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from governance.compliance import clauses, evidence, figures, filters, questions
from governance.errors import ReauthenticationRequired, WorkbenchError
from governance.models import SavedQuestion
from governance.portal.pages import portal_page, render_page
from governance.record import checking, keys, verifier
from governance.sign_in import kept

AUDITS = "governance.view_recordentry"
IN_MEMORY = 16 * 2**20  # bytes of a bundle before it goes to a temporary file


@portal_page(AUDITS)
def home(request: HttpRequest) -> HttpResponse:
    """What is open, what changed, which questions are asked again, and whether the record holds."""
    chain = figures.chain_status()
    text, tone = chain.verdict
    saved = SavedQuestion.objects.visible_to(request.user).select_related("owner")
    context = {
        "title": "Compliance desk",
        "lead": "Who allowed what, when and why; what it reached; and the proof.",
        "status": {"text": f"record {text}", "kind": tone},
        "figures": figures.figures_for(request.user),
        "chain": chain,
        "days": figures.changes_by_day(),
        "chart_days": figures.CHART_DAYS,
        "expiring": figures.expiring(),
        "ending": figures.rights_that_end(),
        "expiring_days": figures.EXPIRING_DAYS,
        "standing": questions.STANDING,
        "saved": [
            {"row": one, "url": questions.changes_url(one.filters), "mine": one.owner_id == request.user.pk}
            for one in saved
        ],
    }
    return render_page(request, "governance/compliance.html", context)


@portal_page(AUDITS)
@require_POST
def check(request: HttpRequest) -> HttpResponse:
    """Start a check of the whole record and follow it."""
    job = checking.start_check(by=request.user)
    return HttpResponseRedirect(reverse("governance:job", args=[job.pk]))


class EvidenceForm(forms.Form):
    """What stands on the evidence."""

    question = forms.CharField(
        max_length=500, label="Question", help_text="What the evidence answers; it stands on its report."
    )
    reason = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}), max_length=4000, label="What it is for",
        help_text="For whom, and why. It goes on record.",
    )  # fmt: skip


def _asked(request: HttpRequest, cleaned: dict[str, Any]) -> evidence.Asked:
    """One row of the record by `row_kind` and `row`, or the changes that the filters of the address name."""
    return evidence.Asked(
        question=cleaned.get("question", ""),
        reason=cleaned.get("reason", ""),
        filters=filters.asked_in(request.GET),
        kind=request.GET.get("row_kind", ""),
        object_id=request.GET.get("row", ""),
    )


def _question_of(asked: evidence.Asked) -> str:
    if asked.kind:
        return f"Everything on record of {asked.kind} {asked.object_id}"
    return f"Constraint changes — {filters.words(asked.filters) or 'all'}"


@portal_page("governance.add_evidenceexport")
def evidence_page(request: HttpRequest) -> HttpResponse:
    """Ask for what the evidence stands, then hand it out as one archive."""
    asked = _asked(request, {})
    form = EvidenceForm(request.POST or kept.typed_before(request), initial={"question": _question_of(asked)[:500]})
    if request.method == "POST" and form.is_valid():
        try:
            return _handed_out(request, _asked(request, form.cleaned_data))
        except ReauthenticationRequired:
            return kept.prove_first(request)
        except WorkbenchError as error:
            form.add_error(error.field if error.field in form.fields else None, error.message)
    key = keys.newest()
    context = {
        "title": "Hand out evidence",
        "lead": "One archive: every entry on record of the rows that answer, their proofs, and a program to check.",
        "breadcrumbs": [{"label": "Compliance desk", "url": reverse("governance:compliance")}],
        "form": form,
        "about": _question_of(asked),
        "key": key,
    }
    return render_page(request, "governance/evidence.html", context)


def _handed_out(request: HttpRequest, asked: evidence.Asked) -> Any:
    out = tempfile.SpooledTemporaryFile(IN_MEMORY)
    try:
        export = evidence.hand_out(asked=asked, by=request.user, out=out)
    except BaseException:
        out.close()
        raise
    name = f"evidence-{timezone.now():%Y-%m-%d}-{export.digest[:8]}.zip"
    return FileResponse(out, as_attachment=True, filename=name, content_type="application/zip")


@portal_page(AUDITS)
def verifier_file(request: HttpRequest) -> FileResponse:
    """The program that checks evidence, from the installation rather than from the evidence."""
    return FileResponse(
        Path(verifier.__file__).open("rb"), as_attachment=True, filename="verify.py", content_type="text/x-python"
    )


@portal_page(AUDITS)
def mapping(request: HttpRequest) -> HttpResponse:
    """Which record answers which clause of which rule; and which clauses nothing here covers."""
    context = {
        "title": "Rules and records",
        "lead": "Which record of the Workbench answers which clause, and which clauses it does not cover.",
        "breadcrumbs": [{"label": "Compliance desk", "url": reverse("governance:compliance")}],
        "rules": clauses.RULES,
    }
    return render_page(request, "governance/mapping.html", context)


@portal_page("governance.add_savedquestion")
@require_POST
def save_question(request: HttpRequest) -> HttpResponse:
    """Keep the filters of the list under a name."""
    asked = {name: value for name, value in request.POST.items() if name in filters.FILTERS and value}
    try:
        question = questions.save_question(name=request.POST.get("name", ""), asked=asked, by=request.user)
        messages.success(request, f"Saved “{question}” on the compliance desk.")
    except WorkbenchError as error:
        messages.error(request, error.message)
    return HttpResponseRedirect(questions.changes_url(asked))


@portal_page("governance.delete_savedquestion")
@require_POST
def delete_question(request: HttpRequest, pk: UUID) -> HttpResponse:
    question = get_object_or_404(SavedQuestion.objects.visible_to(request.user), pk=pk)
    try:
        questions.delete_question(question=question, by=request.user)
        messages.success(request, f"Deleted “{question.name}”.")
    except WorkbenchError as error:
        messages.error(request, error.message)
    return HttpResponseRedirect(reverse("governance:compliance"))
