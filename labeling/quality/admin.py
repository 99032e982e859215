"""The list of findings: what was found where, decided one by one or many at once."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from governance.admin_base import DeskAdmin
from governance.errors import WorkbenchError
from governance.models import Job
from governance.portal.marks import chip
from governance.portal.rows import follow_url
from governance.portal.steps import ReasonForm, Step
from labeling.generation.admin import EXTRA_STEPS
from labeling.generation.models import TrainingSheet
from labeling.quality import services
from labeling.quality.filters import KindFilter
from labeling.quality.forms import AcceptForm
from labeling.quality.kinds import label_of
from labeling.quality.models import Finding
from labeling.quality.showing import proposal_words
from labeling.review.admin import TrainingSheetFilter

State = Finding.State
KINDS = {State.OPEN: "attention", State.ACCEPTED: "permitted", State.DISMISSED: "plain", State.GONE: "plain"}
SHOWN = 5


def _can_be_checked(sheet: TrainingSheet, user: Any) -> bool:
    return sheet.status != TrainingSheet.Status.GENERATING


def _is_open(finding: Finding, user: Any) -> bool:
    return finding.state == State.OPEN


def _proposes(finding: Finding, user: Any) -> bool:
    return _is_open(finding, user) and finding.proposes and user.has_perm("governance.tighten_constraint")


EXTRA_STEPS.append(
    Step(name="check-quality", label="Check quality", service=services.start_check, argument="training_sheet",
         permission=services.ADD, available=_can_be_checked)
)  # fmt: skip


@admin.register(Finding)
class FindingAdmin(DeskAdmin):
    """What quality checks found in pairs that someone may see."""

    list_display = ("what", "item", "where", "proposal", "state_chip", "training_sheet", "found_at")
    list_filter = (TrainingSheetFilter, "state", "detector", KindFilter)
    list_select_related = ("training_sheet", "pair")
    search_fields = ("pair__item_ref", "training_sheet__name")
    ordering = ("-id",)
    fields = (
        "what", "item", "training_sheet", "where", "likeness", "other", "proposal", "state_chip", "found_at",
        "decided_by", "decided_at", "reason", "constraint_change",
    )  # fmt: skip
    readonly_fields = fields
    actions = ("accept_selected", "dismiss_selected")
    empty_state = {
        "title": "Nothing found",
        "text": "“Check quality” on the page of a Training Sheet looks for personal data, secrets and duplicates.",
        "url": "/admin/labeling/trainingsheet/",
        "permission": "labeling.view_trainingsheet",
        "action": "Training Sheets",
    }
    steps = (
        Step(name="accept", label="Accept the constraint", service=services.accept_finding, argument="finding",
             permission=services.CHANGE, available=_proposes, style="primary", success="The pair is bound by it now."),
        Step(name="dismiss", label="Dismiss", service=services.dismiss_finding, argument="finding", form=ReasonForm,
             permission=services.CHANGE, available=_is_open, success="Dismissed.",
             lead="Says that this is none. A later check keeps to it as long as the pair says the same."),
    )  # fmt: skip

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(services.CHANGE))

    @admin.display(description="Found", ordering="kind")
    def what(self, finding: Finding) -> str:
        return label_of(finding.kind)

    @admin.display(description="Pair", ordering="pair__item_ref")
    def item(self, finding: Finding) -> SafeString:
        url = f"{reverse('labeling:review-pair', args=[finding.training_sheet_id])}?pair={finding.pair_id}"
        return format_html('<a href="{}">{}</a>', url, finding.pair.item_ref)

    @admin.display(description="Where")
    def where(self, finding: Finding) -> str:
        """Places, never what stands there."""
        return ", ".join(dict.fromkeys(place["part"] for place in finding.places)) or "the whole pair"

    @admin.display(description="Likeness")
    def likeness(self, finding: Finding) -> str:
        return f"{finding.score:.0%}" if finding.score is not None else "—"

    @admin.display(description="Proposes")
    def proposal(self, finding: Finding) -> str:
        return proposal_words(finding) or "nothing"

    @admin.display(description="State", ordering="state")
    def state_chip(self, finding: Finding) -> SafeString:
        return chip(finding.get_state_display(), KINDS[State(finding.state)])

    @admin.action(description="Accept the constraints of selected", permissions=["decide"])
    def accept_selected(self, request: HttpRequest, queryset: QuerySet[Finding]) -> HttpResponse | None:
        return self._decide(request, queryset, services.ACCEPT, AcceptForm)

    @admin.action(description="Dismiss selected", permissions=["decide"])
    def dismiss_selected(self, request: HttpRequest, queryset: QuerySet[Finding]) -> HttpResponse | None:
        return self._decide(request, queryset, services.DISMISS, ReasonForm)

    def _decide(
        self, request: HttpRequest, queryset: QuerySet[Finding], action: str, form_class: Any
    ) -> HttpResponse | None:
        """Asks first, with what would be decided; then decides and says how many could not be."""
        form = form_class(request.POST if "confirmed" in request.POST else None)
        if "confirmed" not in request.POST or not form.is_valid():
            return self._ask_about(request, queryset, action, form)
        try:
            outcome = services.decide_many(
                findings=queryset, action=action, by=request.user, reason=form.cleaned_data["reason"]
            )
        except WorkbenchError as error:
            self.message_user(request, error.message, messages.ERROR)
            return None
        if isinstance(outcome, Job):
            return HttpResponseRedirect(follow_url(outcome))
        self._report(request, outcome)
        return None

    def _report(self, request: HttpRequest, outcome: services.Outcome) -> None:
        if outcome.decided:
            self.message_user(request, f"{_findings(outcome.decided)} decided.", messages.SUCCESS)
        if outcome.left:
            self.message_user(request, f"{outcome.left:,} not open any more, left as they are.", messages.INFO)
        for refusal in outcome.refusals[:SHOWN]:
            self.message_user(request, f"{refusal['item_ref']}: {refusal['error']}", messages.ERROR)
        if (rest := outcome.refused - SHOWN) > 0:
            self.message_user(request, f"{rest:,} more were not decided, for reasons of this kind.", messages.WARNING)

    def _ask_about(
        self, request: HttpRequest, queryset: QuerySet[Finding], action: str, form: Any
    ) -> HttpResponse | None:
        counted = dict(queryset.order_by().values_list("state").annotate(Count("pk")))
        due = counted.get(State.OPEN, 0)
        if not due:
            self.message_user(request, "None of these findings is open. Nothing was to be done.")
            return None
        words = "Accept the constraints of" if action == services.ACCEPT else "Dismiss"
        lead = "Each pair becomes as strict as its findings propose, at once; nothing becomes looser. Findings that "
        lead += "propose nothing stay open." if action == services.ACCEPT else ""
        return render(request, "labeling/pair_bulk.html", {
            **self.admin_site.each_context(request),
            "title": f"{words} {_findings(due)}",
            "lead": lead if action == services.ACCEPT else "Says that they are none; the reason goes on record.",
            "counts": [(label, counted[value]) for value, label in State.choices if value in counted],
            "form": form,
            "action_label": f"{words} {_findings(due)}",
            "action_name": f"{action}_selected",
            "danger": False,
            "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
            "select_across": request.POST.get("select_across", "0"),
            "cancel_url": request.get_full_path(),
            "breadcrumbs": [{"label": "Findings", "url": request.get_full_path()}],
        })  # fmt: skip


def _findings(count: int) -> str:
    return f"{count:,} finding{'' if count == 1 else 's'}"
