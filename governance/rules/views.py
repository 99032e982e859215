"""Pages that change what tags mean, and that ask for a declassification. Both show first what it would change."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse

from governance import access, derivations, whatif
from governance.errors import ReauthenticationRequired, WorkbenchError
from governance.models import TagRule
from governance.portal.pages import portal_page, render_page
from governance.portal.rows import row_url, waiting_words
from governance.portal.strip import strip_of
from governance.rules import declassifications, tag_rules
from governance.rules.selectors import derived_row
from governance.sign_in import kept
from governance.uses import ALL_USES, Classification, Use, mask_of, uses_in

REASON = forms.CharField(label="Reason", widget=forms.Textarea(attrs={"rows": 3}), max_length=4000)


class RuleForm(forms.Form):
    """What a tag permits."""

    permitted = forms.MultipleChoiceField(
        choices=Use.choices, required=False, widget=forms.CheckboxSelectMultiple,
        label="What carries this tag permits",
    )  # fmt: skip
    data_classification = forms.TypedChoiceField(
        choices=Classification.choices, coerce=int, label="Classification", help_text="At least this."
    )
    reason = REASON

    def terms(self) -> tag_rules.Rule:
        return tag_rules.Rule(
            allowed_uses=mask_of(self.cleaned_data["permitted"]),
            data_classification=self.cleaned_data["data_classification"],
            reason=self.cleaned_data["reason"].strip(),
        )


class NewRuleForm(RuleForm):
    """A tag and what it permits."""

    tag = forms.CharField(max_length=64, help_text="As the catalog writes it; upper and lower case are the same.")
    field_order = ("tag", "permitted", "data_classification", "reason")


@portal_page("governance.add_tagrule")
def add_rule(request: HttpRequest) -> HttpResponse:
    """Give a tag a meaning."""
    form = NewRuleForm(request.POST or None, initial={"permitted": Use.values, "data_classification": 3})
    tried = None
    if request.method == "POST" and form.is_valid():
        tag, terms = form.cleaned_data["tag"].strip().upper(), form.terms()
        if "try" in request.POST:
            tried = _tried(form, lambda: tag_rules.what_if(rule=TagRule(tag=tag), terms=terms, by=request.user))
        elif (rule := _done(form, lambda: tag_rules.add_rule(tag=tag, terms=terms, by=request.user))) is not None:
            messages.success(request, f"Tag {rule} binds what carries it, at once.")
            return HttpResponseRedirect(row_url(rule))
    context = {
        "title": "New tag rule",
        "lead": "What a catalog tag means for everything made from the tables, columns and volumes that carry it.",
        "breadcrumbs": [{"label": "Tag rules", "url": reverse("admin:governance_tagrule_changelist")}],
        "form": form,
        "tried": tried,
        "action_label": "Add rule",
        "about": "It binds at once what carries the tag.",
    }
    return render_page(request, "governance/tried_form.html", context)


@portal_page("governance.change_tagrule")
def change_rule(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Change what a tag means: stricter acts at once, looser is asked for."""
    rule = get_object_or_404(TagRule.objects.visible_to(request.user), pk=pk)
    initial = {"permitted": uses_in(rule.allowed_uses), "data_classification": rule.data_classification}
    form, tried = RuleForm(request.POST or kept.typed_before(request), initial=initial), None
    if request.method == "POST" and form.is_valid():
        if "try" in request.POST:
            tried = _tried(form, lambda: tag_rules.what_if(rule=rule, terms=form.terms(), by=request.user))
        elif (answer := _change_rule(request, rule, form)) is not None:
            return answer
    context = {
        "title": f"Change tag rule {rule}",
        "lead": rule.reason,
        "breadcrumbs": [{"label": str(rule), "url": row_url(rule)}],
        "form": form,
        "tried": tried,
        "action_label": "Change rule",
        "about": "Stricter acts at once, on everything made from what carries the tag. Looser becomes a request that a "
        "compliance officer decides; it then reaches rows that say no more than their tags do.",
    }
    return render_page(request, "governance/tried_form.html", context)


def _change_rule(request: HttpRequest, rule: TagRule, form: RuleForm) -> HttpResponse | None:
    terms, by = form.terms(), request.user
    service = tag_rules.request_relaxed_rule if tag_rules.is_looser(rule, terms) else tag_rules.tighten_rule
    try:
        result = _done(form, lambda: service(rule=rule, terms=terms, by=by))
    except ReauthenticationRequired:
        return kept.prove_first(request)
    if result is None:
        return None
    if isinstance(result, TagRule):
        messages.success(request, "Changed at once, for everything made from what carries the tag.")
    else:
        messages.success(request, f"Asked. It waits for: {waiting_words(result)}.")
    return HttpResponseRedirect(row_url(result))


class LeaveForm(forms.Form):
    """What one tool's results are to permit besides, and until when."""

    permitted = forms.MultipleChoiceField(
        choices=Use.choices, required=False, widget=forms.CheckboxSelectMultiple, label="Permit besides"
    )
    data_classification = forms.TypedChoiceField(
        choices=Classification.choices, coerce=int, label="Classification",
        help_text="Sources above it come down to it.",
    )  # fmt: skip
    until = forms.DateTimeField(
        help_text=f"It ends then; at most {declassifications.DAYS_AT_MOST} days from now.",
        widget=forms.DateTimeInput(attrs={"placeholder": "2027-03-31 00:00"}),
    )
    reason = REASON

    def leave(self) -> declassifications.Leave:
        return declassifications.Leave(
            uses=mask_of(self.cleaned_data["permitted"]),
            classification=self.cleaned_data["data_classification"],
            until=self.cleaned_data["until"],
            reason=self.cleaned_data["reason"],
        )


@portal_page("governance.request_relaxation")
def declassify(request: HttpRequest, kind: str, pk: UUID) -> HttpResponse:
    """Ask that what one tool makes permit more than its sources do."""
    row = derived_row(kind, pk, request.user)
    try:
        scope = declassifications.words_of(declassifications.scope_of(row.derivation))
    except WorkbenchError as error:
        messages.error(request, error.message)
        return HttpResponseRedirect(row_url(row))
    initial = {"data_classification": row.derivation.classification}
    form, tried = LeaveForm(request.POST or kept.typed_before(request), initial=initial), None
    if request.method == "POST" and form.is_valid():
        leave, by = form.leave(), request.user
        try:
            if "try" in request.POST:
                tried = _tried(form, lambda: declassifications.what_if_given(row=row, leave=leave, by=by))
            elif asked := _done(
                form, lambda: declassifications.request_declassification(row=row, leave=leave, by=by)
            ):
                messages.success(request, f"Asked. It waits for: {waiting_words(asked)}.")
                return HttpResponseRedirect(row_url(asked))
        except ReauthenticationRequired:
            return kept.prove_first(request)
    context = {
        "title": "Ask for a declassification",
        "lead": f"For all that is made with {scope}.",
        "breadcrumbs": [{"label": str(row), "url": row_url(row)}],
        "form": form,
        "tried": tried,
        "action_label": "Ask for it",
        "about": "Sources bind what is made from them. Where the result shows less than its sources do, a compliance "
        "officer can give leave for what this tool makes, until a date. Nothing changes until then.",
        "sources": [_source(one, request.user) for one in derivations.origins_of(row.derivation)],
    }
    return render_page(request, "governance/tried_form.html", context)


def _source(one: Any, user: Any) -> dict[str, Any]:
    """A source by name only for those who may see it."""
    label = f"{one.kind_word} {one}" if access.can_see(user, one) else f"a {one.kind_word} that you may not see"
    return {"label": label, "strip": strip_of(one.own_constraint.uses_now, ALL_USES, one.data_classification)}


def _tried(form: forms.Form, ask: Any) -> whatif.WhatIf | None:
    answer: whatif.WhatIf | None = _done(form, ask)
    return answer


def _done(form: forms.Form, work: Any) -> Any:
    """What `work` returns, or None with its broken rule as an error of the form."""
    try:
        return work()
    except ReauthenticationRequired:
        raise
    except WorkbenchError as error:
        named = {"allowed_uses": "permitted", "uses": "permitted"}.get(error.field or "", error.field)
        form.add_error(named if named in form.fields else None, error.message)
        return None
