"""Steps of a row as buttons on its page: each asks for what it needs and calls one service."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse

from governance.approvals.selectors import possible_signers
from governance.errors import ReauthenticationRequired, WorkbenchError
from governance.models import ApprovalRequest, Job
from governance.portal.rows import follow_url, row_url, waiting_words
from governance.sign_in import kept


class ReasonForm(forms.Form):
    """Asks why; the answer goes on record."""

    reason = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), max_length=4000)


class CommentForm(forms.Form):
    """Asks for the comment of a signature."""

    comment = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), max_length=4000)


def _always(row: Any, user: Any) -> bool:
    return True


@dataclass(frozen=True, kw_only=True)
class Step:
    """One button on a row's page. It calls `service(<argument>=row, by=user, **form values)`.

    `form` is asked for first; `available(row, user)` hides the button; `then(result)` is the page to go to.
    """

    name: str
    label: str
    service: Callable[..., Any]
    argument: str
    permission: str = ""
    form: type[forms.Form] | Callable[[Any, Any], type[forms.Form]] | None = None
    available: Callable[[Any, Any], bool] = _always
    style: str = "plain"
    lead: str = ""
    confirm: str = ""
    success: str = ""
    then: Callable[[Any], str] | None = None
    aside: Callable[[Any, Any], dict[str, Any]] | None = None
    """`aside(row, user)` is what the form's page shows besides, as context of its template."""

    def is_open(self, row: Any, user: Any) -> bool:
        return (not self.permission or user.has_perm(self.permission)) and self.available(row, user)


class StepPages:
    """The part of an admin class that shows the steps of a row and makes them."""

    steps: Sequence[Step] = ()

    opts: Any
    admin_site: Any

    def get_urls(self) -> list[Any]:
        info = f"{self.opts.app_label}_{self.opts.model_name}"
        step = path("<path:object_id>/do/<slug:step_name>/", self.admin_site.admin_view(self.step_view),
                    name=f"{info}_step")
        return [step, *super().get_urls()]  # type: ignore[misc]

    def open_steps(self, request: HttpRequest, row: Any) -> list[Step]:
        return [step for step in self.steps if step.is_open(row, request.user)]

    def _button(self, request: HttpRequest, row: Any, step: Step) -> dict[str, Any]:
        return {
            "label": step.label,
            "url": self.step_url(row, step.name),
            "style": step.style,
            "method": "get" if step.form else "post",
            "confirm": step.confirm,
        }

    def step_url(self, row: Any, name: str) -> str:
        info = f"{self.opts.app_label}_{self.opts.model_name}"
        return reverse(f"admin:{info}_step", args=[row.pk, name])

    def step_view(self, request: HttpRequest, object_id: str, step_name: str) -> HttpResponse:
        """Asks for what the step needs, then makes it."""
        row = self.get_object_or_404(request, object_id)
        step = next((step for step in self.open_steps(request, row) if step.name == step_name), None)
        if step is None:
            messages.error(request, f"“{step_name}” cannot be done on {row} now, or not by you.")
            return HttpResponseRedirect(row_url(row))
        if request.method != "POST" and step.form is None:
            return HttpResponseRedirect(row_url(row))
        form = _form_of(step, row, request)
        if request.method == "POST" and (form is None or form.is_valid()):
            try:
                result = step.service(**{step.argument: row}, by=request.user, **(form.cleaned_data if form else {}))
            except ReauthenticationRequired:
                return kept.prove_first(request)
            except WorkbenchError as error:
                return self._refused(request, row, step, form, error)
            return self._made(request, row, step, result)
        return self._ask(request, row, step, form)

    def _made(self, request: HttpRequest, row: Any, step: Step, result: Any) -> HttpResponse:
        if isinstance(result, ApprovalRequest) and result.state == ApprovalRequest.State.PENDING:
            messages.success(request, f"Asked. It waits for: {waiting_words(result)}.")
            if not possible_signers(result):
                messages.warning(request, "Nobody who could sign may see this yet: share it with your approvers.")
        elif not isinstance(result, Job):
            messages.success(request, step.success or f"{step.label}: done.")
        if step.then is not None:
            return HttpResponseRedirect(step.then(result))
        return HttpResponseRedirect(follow_url(result) if isinstance(result, Job) else row_url(row))

    def _refused(
        self, request: HttpRequest, row: Any, step: Step, form: forms.Form | None, error: WorkbenchError
    ) -> HttpResponse:
        if form is None:
            messages.error(request, error.message)
            return HttpResponseRedirect(row_url(row))
        form.add_error(error.field if error.field in form.fields else None, error.message)
        return self._ask(request, row, step, form)

    def _ask(self, request: HttpRequest, row: Any, step: Step, form: forms.Form | None) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": step.label,
            "lead": step.lead or str(row),
            "form": form,
            "action_label": step.label,
            "cancel_url": row_url(row),
            "danger": step.style == "danger",
            "breadcrumbs": [{"label": str(row), "url": row_url(row)}],
            **(step.aside(row, request.user) if step.aside else {}),
        }
        return render(request, "governance/reason_form.html", context)


def _form_of(step: Step, row: Any, request: HttpRequest) -> forms.Form | None:
    if step.form is None:
        return None
    made = step.form if isinstance(step.form, type) else step.form(row, request.user)
    if request.method == "POST":
        return made(request.POST or None, request.FILES or None)
    typed = kept.typed_before(request)
    return made(initial={name: typed.get(name) for name in made.base_fields if name in typed}) if typed else made()
