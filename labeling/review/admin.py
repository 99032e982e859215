"""The desk of pairs: find them, look at one with its decisions, decide many at once."""

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
from governance.portal import content
from governance.portal.marks import chip
from governance.portal.rows import follow_url
from governance.portal.steps import Step
from governance.uses import Use
from labeling.generation.models import QAPair, TrainingSheet
from labeling.generation.selectors import outdated
from labeling.quality.filters import FindingFilter
from labeling.review import amending, assigning, services
from labeling.review.assigning_desk import AssignedFilter, assign_selected, take_back_selected
from labeling.review.forms import BulkForm, NoteForm
from labeling.review.models import PairAssignment, PairDecision
from labeling.review.showing import shown_messages
from labeling.review.transitions import REVIEW, STARTS_FROM

TONES = {"canonical": "permitted", "ai_generated": "machine", "existing_column": "primary", "manual": "plain"}
SHOWN_DECISIONS = 50


class TrainingSheetFilter(admin.SimpleListFilter):
    """Training Sheets that the person may see, newest first."""

    title = "training sheet"
    parameter_name = "training_sheet"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        rows = TrainingSheet.objects.visible_to(request.user).order_by("-created_at")
        chosen = rows.filter(pk=self._asked(request)) if self._asked(request) else rows.none()
        newest = list(rows.values_list("pk", "name")[:50])
        return [(str(pk), name) for pk, name in dict([*newest, *chosen.values_list("pk", "name")]).items()]

    def _asked(self, request: Any) -> str:
        asked = request.GET.get(self.parameter_name, "")
        return asked if len(asked) == 36 and asked.replace("-", "").isalnum() else ""

    def queryset(self, request: Any, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        known = {key for key, _ in self.lookup_choices}
        return queryset.filter(training_sheet=self.value()) if self.value() in known else queryset.none()


class FailedFilter(admin.SimpleListFilter):
    """Pairs without a usable answer."""

    title = "generation"
    parameter_name = "work"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        return [("failed", "failed"), ("done", "done")]

    def queryset(self, request: Any, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(work_state=self.value()) if self.value() else queryset


class UsesFilter(admin.SimpleListFilter):
    """Pairs that permit a use now, through all ancestors."""

    title = "permits"
    parameter_name = "permits"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        return list(Use.choices)

    def queryset(self, request: Any, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in Use.values:
            return queryset
        return queryset.filter(pk__in=QAPair.objects.permitting(str(self.value())).values("pk"))


def _bulk(action: str, words: str) -> Any:
    @admin.action(description=f"{words} selected", permissions=["review"])
    def decide(desk: QAPairAdmin, request: HttpRequest, queryset: QuerySet[QAPair]) -> HttpResponse | None:
        return desk.decide_selected(request, queryset, action, words)

    decide.__name__ = f"{action}_selected"
    return decide


def _has_newer_label(pair: QAPair, user: Any) -> bool:
    return outdated(pair.training_sheet).filter(pk=pair.pk).exists()


def _may_be_golden(pair: QAPair, user: Any) -> bool:
    return bool(pair.status == QAPair.Status.LABELED and not pair.is_golden)


def _is_golden(pair: QAPair, user: Any) -> bool:
    return bool(pair.is_golden)


@admin.register(QAPair)
class QAPairAdmin(DeskAdmin):
    """Question/answer pairs of all Training Sheets that someone may see."""

    list_display = (
        "item_ref",
        "status_chip",
        "golden",
        "origin",
        "answer_start",
        "uses",
        "training_sheet",
        "reviewed_by",
    )
    list_filter = (
        TrainingSheetFilter, "status", "is_golden", "labeling_mode", FailedFilter, AssignedFilter, UsesFilter,
        FindingFilter,
    )  # fmt: skip
    list_select_related = ("training_sheet", "answer", "derivation", "reviewed_by")
    search_fields = ("item_ref", "training_sheet__name")
    ordering = ("training_sheet", "position")
    fields = (
        "training_sheet", "assigned_to", "origin", "canonical_label", "canonical_version", "not_reused_because",
        "error", "reviewed_by", "reviewed_at", "review_notes", "raw_answer",
    )  # fmt: skip
    readonly_fields = fields
    change_form_template = "labeling/pair_page.html"
    actions = (
        _bulk("approve", "Approve"), _bulk("reject", "Reject"), _bulk("flag", "Flag"), assign_selected,
        take_back_selected,
    )  # fmt: skip
    empty_state = {
        "title": "No pairs yet",
        "text": "Pairs are made when a prompt template is applied to a Sheet.",
        "url": "/admin/generate/",
        "permission": "labeling.add_trainingsheet",
        "action": "Generate pairs",
    }
    steps = (
        Step(name="update-label", label="Take over the newer label", service=services.update_from_label,
             argument="pair", permission=REVIEW, available=_has_newer_label),
        Step(name="golden", label="Mark as golden", service=amending.mark_golden, argument="pair",
             permission=REVIEW, available=_may_be_golden),
        Step(name="not-golden", label="No longer golden", service=amending.unmark_golden, argument="pair",
             permission=REVIEW, available=_is_golden),
        Step(name="note", label="Leave a note", service=amending.leave_note, argument="pair", permission=REVIEW,
             form=NoteForm, lead="Others read it in the pair's history. It decides nothing."),
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With the Training Sheet, which is part of a pair's name; Django then adds nothing to a list by itself."""
        return super().get_queryset(request).select_related(*self.list_select_related)

    def has_review_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(REVIEW))

    def has_assign_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(assigning.ASSIGN))

    @admin.display(description="Assigned to")
    def assigned_to(self, pair: QAPair) -> str:
        given = PairAssignment.objects.filter(pair=pair).select_related("account").first()
        return given.account.display_name if given else "—"

    @admin.display(description="Origin", ordering="labeling_mode")
    def origin(self, pair: QAPair) -> SafeString:
        if pair.work_state == QAPair.Work.FAILED:
            return chip("failed", "prohibited")
        return chip(pair.get_labeling_mode_display(), TONES[pair.labeling_mode])

    @admin.display(description="Golden", ordering="is_golden")
    def golden(self, pair: QAPair) -> SafeString | str:
        return chip("golden", "attention") if pair.is_golden else "—"

    @admin.display(description="Answer")
    def answer_start(self, pair: QAPair) -> SafeString:
        text = content.in_a_line(pair.answer.shown) if pair.answer else pair.error
        shown = text if len(text) <= 80 else f"{text[:80]}…"
        return format_html('<span class="{}">{}</span>', "" if pair.answer else "muted", shown or "none yet")

    @admin.display(description="Raw answer of the model")
    def raw_answer(self, pair: QAPair) -> SafeString | str:
        return format_html("<pre>{}</pre>", pair.model_facts["raw"]) if pair.model_facts.get("raw") else "—"

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        context = super().page_context(request, row)
        decisions = row.decisions.select_related(
            "decided_by", "old_answer", "new_answer", "old_prompt", "new_prompt"
        )
        context |= {
            "messages_shown": shown_messages(row),
            "decisions": [_shown_decision(decision) for decision in decisions[:SHOWN_DECISIONS]],
            "answer_json": content.json_pretty(row.answer.shown) if row.answer else "",
        }
        url = f"{reverse('labeling:review-pair', args=[row.training_sheet_id])}?pair={row.pk}"
        context["object_actions"].insert(
            0, {"label": "Review", "url": url, "style": "primary", "method": "get"}
        )
        return context

    def decide_selected(
        self, request: HttpRequest, queryset: QuerySet[QAPair], action: str, words: str
    ) -> HttpResponse | None:
        """Asks first, with what would be decided; then decides and says how many could not be."""
        form = BulkForm(request.POST if "confirmed" in request.POST else None)
        if "confirmed" not in request.POST or not form.is_valid():
            return self._ask_about(request, queryset, action, words, form)
        try:
            outcome = services.decide_many(
                pairs=queryset, action=action, by=request.user, notes=form.cleaned_data["notes"]
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
            text = f"{outcome.decided:,} pair{'' if outcome.decided == 1 else 's'} decided."
            self.message_user(request, text, messages.SUCCESS)
        if outcome.left:
            self.message_user(request, f"{outcome.left:,} already decided, left as they are.", messages.INFO)
        for refusal in outcome.refusals[:5]:
            self.message_user(request, f"{refusal['item_ref']}: {refusal['error']}", messages.ERROR)
        if outcome.refused > len(outcome.refusals[:5]):
            rest = outcome.refused - len(outcome.refusals[:5])
            self.message_user(
                request, f"{rest:,} more were not decided, for reasons of this kind.", messages.WARNING
            )

    def _ask_about(
        self, request: HttpRequest, queryset: QuerySet[QAPair], action: str, words: str, form: BulkForm
    ) -> HttpResponse | None:
        counted = dict(queryset.order_by().values_list("status").annotate(Count("pk")))
        open_to_it = STARTS_FROM[action]
        due = sum(counted.get(status, 0) for status in open_to_it)
        left = sum(counted.values()) - due
        if not due:
            self.message_user(request, f"{left:,} already decided, left as they are. Nothing was to be done.")
            return None
        sheets = queryset.filter(status__in=open_to_it).order_by().values("training_sheet").distinct().count()
        wanted = f"{words} {due:,} pair{'' if due == 1 else 's'}"
        return render(request, "labeling/pair_bulk.html", {
            **self.admin_site.each_context(request),
            "title": wanted,
            "lead": f"From {sheets} training sheet{'' if sheets == 1 else 's'}. Those that cannot be decided are "
            "named afterwards and stay as they are.",
            "counts": [
                *((label, counted.get(value, 0)) for value, label in QAPair.Status.choices if value in open_to_it),
                *([("already decided, left as they are", left)] if left else []),
            ],
            "form": form,
            "action_label": wanted,
            "action_name": f"{action}_selected",
            "danger": action == "reject",
            "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
            "select_across": request.POST.get("select_across", "0"),
            "cancel_url": request.get_full_path(),
            "breadcrumbs": [{"label": "Q&A pairs", "url": request.get_full_path()}],
        })  # fmt: skip


def _shown_decision(decision: PairDecision) -> dict[str, Any]:
    old = decision.old_answer.shown if decision.old_answer else None
    new = decision.new_answer.shown if decision.new_answer else None
    is_same_prompt = decision.old_prompt_id == decision.new_prompt_id
    return {
        "decision": decision,
        "answer_diff": content.word_diff(old, new) if old != new else "",
        "prompt_diff": ""
        if is_same_prompt
        else content.word_diff(decision.old_prompt.messages, decision.new_prompt.messages),
    }
