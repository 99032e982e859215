"""Pages of the ground floor: a job live, why a row may be used as it may, and the search."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.apps import apps
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from governance import access, constraints, derivations, jobs, lifting, records, whatif
from governance.compliance import questions
from governance.errors import ReauthenticationRequired, WorkbenchError
from governance.models import ApprovalRequest, ConstrainedModel, GovernedRow, Job
from governance.portal import related
from governance.portal.pages import portal_page, render_page
from governance.portal.rows import row_url
from governance.portal.searching import found
from governance.portal.strip import strip_for, strip_of
from governance.rules import declassifications
from governance.sign_in import kept
from governance.uses import Classification, Use, mask_of, uses_in


def _job(request: HttpRequest, pk: UUID) -> Job:
    return get_object_or_404(Job.objects.visible_to(request.user), pk=pk)


@portal_page("governance.view_job")
def job_page(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One job: progress with rate and time left, cancel, result or error."""
    job = _job(request, pk)
    subject = jobs.subject_of(job)
    kind = jobs.KINDS.get(job.kind)
    url = row_url(subject) if subject is not None else ""
    if url and "follow" in request.GET and job.state == Job.State.SUCCEEDED:
        return HttpResponseRedirect(url)
    context = {
        "title": kind.label if kind else job.kind,
        "breadcrumbs": [{"label": "Jobs", "url": reverse("admin:governance_job_changelist")}],
        "job": {
            "kind": job.kind,
            "label": kind.label if kind else job.kind,
            "state": job.state,
            "state_label": job.get_state_display(),
            "done": job.done,
            "total": job.total,
            "percent": job.percent,
            "rate": job.rate,
            "eta": job.eta_seconds,
            "result": job.result,
            "error": job.error,
            "subject_label": job.subject_label,
            "subject_url": url,
        },
        "progress_url": "" if job.is_finished else reverse("governance:job-progress", args=[job.pk]),
        "done_url": url,
        "cancel_url": reverse("governance:job-cancel", args=[job.pk]),
    }
    return render_page(request, "governance/job_detail.html", context)


@portal_page("governance.view_job")
def job_progress(request: HttpRequest, pk: UUID) -> JsonResponse:
    """What the job page asks for every second."""
    job = _job(request, pk)
    return JsonResponse({
        "state": job.state, "state_label": job.get_state_display(), "done": job.done, "total": job.total,
        "percent": job.percent, "rate": job.rate, "eta": job.eta_seconds, "finished": job.is_finished,
    })  # fmt: skip


@portal_page("governance.view_job")
@require_POST
def job_cancel(request: HttpRequest, pk: UUID) -> HttpResponse:
    try:
        jobs.cancel(job=_job(request, pk), by=request.user)
        messages.success(request, "Asked the job to stop; what is done so far is kept.")
    except WorkbenchError as error:
        messages.error(request, error.message)
    return HttpResponseRedirect(reverse("governance:job", args=[pk]))


class TermsForm(forms.Form):
    """A usage constraint as people write it."""

    permitted = forms.MultipleChoiceField(
        choices=Use.choices, required=False, widget=forms.CheckboxSelectMultiple, label="This row itself permits"
    )
    data_classification = forms.TypedChoiceField(choices=Classification.choices, coerce=int, label="Classification")
    permitted_until = forms.DateTimeField(
        required=False,
        help_text="After this moment nothing is permitted. Empty: no end.",
        widget=forms.DateTimeInput(attrs={"placeholder": "2027-03-31 00:00"}),
    )
    usage_reason = forms.CharField(label="Reason", widget=forms.Textarea(attrs={"rows": 3}), max_length=4000)

    def terms(self, row: ConstrainedModel) -> constraints.Terms:
        """Uses left unticked become prohibited, so that nothing looser elsewhere brings them back."""
        chosen = self.cleaned_data["permitted"]
        return constraints.Terms.parse({
            "allowed_uses": uses_in(row.allowed_uses | mask_of(chosen)),
            "prohibited_uses": [use for use in Use.values if use not in chosen],
            "data_classification": self.cleaned_data["data_classification"],
            "usage_reason": self.cleaned_data["usage_reason"],
            "permitted_until": self.cleaned_data["permitted_until"],
        })  # fmt: skip


def _constrained(request: HttpRequest, kind: str, pk: UUID) -> ConstrainedModel:
    try:
        model = apps.get_model(kind)
    except (LookupError, ValueError) as error:
        raise Http404 from error
    if not issubclass(model, ConstrainedModel):
        raise Http404
    return get_object_or_404(model._default_manager.visible_to(request.user), pk=pk)  # type: ignore[attr-defined]


@portal_page()
def why(request: HttpRequest, kind: str, pk: UUID) -> HttpResponse:
    """What a row permits and why, each ancestor by name; and the form to change it."""
    row = _constrained(request, kind, pk)
    may_tighten = request.user.has_perm("governance.tighten_constraint")
    form = TermsForm(request.POST or kept.typed_before(request), initial=_initial(row))
    tried = None
    if request.method == "POST" and form.is_valid():
        if "try" in request.POST:
            tried = _tried(row, form, request.user)
        elif (answer := _change(request, row, form)) is not None:
            return answer
    binding = derivations.ancestors_of(row) if isinstance(row, GovernedRow) else []
    context = {
        "title": f"Why: {row._meta.verbose_name} {row}",
        "lead": "What this row may be used for, what prohibits it, and who decided.",
        "constraint": strip_for(row),
        "breadcrumbs": [{"label": str(row), "url": row_url(row)}],
        "row": row,
        "page_actions": related.links_of(row._meta.label_lower, row.pk, request.user),
        "row_kind": row._meta.label_lower,
        "own": strip_of(row.own_constraint.uses_now, 31, row.data_classification, reason=row.usage_reason),
        "ancestors": [_shown(one, request.user) for one in binding],
        "changes": records.changes_visible_to(request.user).filter(kind=kind, object_id=pk)[:20],
        "question": questions.about(row, Use.TRAINING),
        "form": form if may_tighten else None,
        "tried": tried,
        "may_request": request.user.has_perm("governance.request_relaxation"),
        **_leave(request, row),
    }
    return render_page(request, "governance/why.html", context)


def _leave(request: HttpRequest, row: ConstrainedModel) -> dict[str, str]:
    """Where leave for what made this row is asked for, or why it cannot be asked for here."""
    if not isinstance(row, GovernedRow) or not request.user.has_perm("governance.request_relaxation"):
        return {}
    if refusal := declassifications.why_no_leave(row.derivation):
        return {"no_leave": refusal}
    return {"declassify_url": reverse("governance:declassify", args=[row._meta.label_lower, row.pk])}


def _initial(row: ConstrainedModel) -> dict[str, Any]:
    return {
        "permitted": uses_in(row.own_uses),
        "data_classification": row.data_classification,
        "permitted_until": timezone.localtime(row.permitted_until) if row.permitted_until else None,
    }


def _tried(row: ConstrainedModel, form: TermsForm, user: Any) -> whatif.WhatIf | None:
    """What the form would change, or its errors."""
    try:
        return whatif.what_if(row=row, terms=form.terms(row), by=user)
    except WorkbenchError as error:
        form.add_error(error.field if error.field in form.fields else None, error.message)
        return None


def _change(request: HttpRequest, row: ConstrainedModel, form: TermsForm) -> HttpResponse | None:
    here = HttpResponseRedirect(request.path)
    try:
        terms = form.terms(row)
        if constraints.is_looser(row, terms):
            asked: ApprovalRequest = constraints.request_relaxation(row=row, terms=terms, by=request.user)
            messages.success(request, "This permits more than now, so a compliance officer must approve it. Asked.")
            return HttpResponseRedirect(row_url(asked))
        change = constraints.tighten(row=row, terms=terms, by=request.user)
    except ReauthenticationRequired:
        return kept.prove_first(request)
    except WorkbenchError as error:
        form.add_error(error.field if error.field in form.fields else None, error.message)
        return None
    reached = ", ".join(f"{count} {name}" for name, count in change.reached.items()) or "nothing else"
    told = f" Reached: {reached}." if records.counts_everything(request.user) else ""
    messages.success(request, f"Changed at once, for everything made from it.{told}")
    return here


def _shown(ancestor: derivations.Ancestor, user: Any) -> dict[str, Any]:
    """One ancestor; its name only for those who may see it."""
    model = apps.get_model(ancestor.kind)
    row = model._default_manager.filter(pk=ancestor.pk).first()
    # Leave that was given binds by nothing but its end, and is told to whoever sees what it reaches.
    gives = ancestor.kind == lifting.KIND
    visible = gives or (row is not None and access.can_see(user, row))
    return {
        "label": ancestor.label if visible else f"a {model._meta.verbose_name} that you may not see",
        "url": reverse("governance:why", args=[ancestor.kind, ancestor.pk]) if visible and not gives else "",
        "reason": ancestor.reason if visible else "",
        "strip": None if gives else strip_of(ancestor.constraint.uses_now, 31, ancestor.constraint.classification),
        "until": ancestor.constraint.until,
        "binds": bool(ancestor.prohibits),
    }


@portal_page()
def search(request: HttpRequest) -> HttpResponse:
    """Finds rows by their lists' own search, five of each kind."""
    query = request.GET.get("q", "").strip()[:200]
    groups = found(request, query) if query else []
    context = {"title": f"Search: {query}" if query else "Search", "query": query, "groups": groups}
    return render_page(request, "governance/search.html", context)
