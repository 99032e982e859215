"""The desks of Training Sheets and saved configurations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from governance import access
from governance.admin_base import DeskAdmin
from governance.models import Job
from governance.portal.marks import chip, progress, use_strip
from governance.portal.rows import row_url
from governance.portal.steps import ReasonForm, Step
from governance.portal.strip import strip_of
from governance.uses import ALL_USES
from labeling.generation import derived, services
from labeling.generation.models import GenerationConfig, TrainingSheet
from labeling.generation.selectors import Progress, outdated, progress_of, with_counts
from labeling.generation.showing import bar, origin_rows
from labeling.generation.transitions import CHANGE, Status
from labeling.prompts.models import PromptTemplate
from labeling.quality import showing as quality
from labeling.review import services as review
from labeling.review import standing
from labeling.review.assigning_desk import ASSIGN_STEP
from workbench.models import Sheet
from workbench.sharing import SHARE, is_shared

EXTRA_STEPS: list[Step] = []
"""What apps above this one offer on a Training Sheet's page; they add to it when their desks are loaded."""


class StateFilter(admin.SimpleListFilter):
    """Stored and derived states alike."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        return [*Status.choices, *((name, name) for name in derived.states())]

    def queryset(self, request: Any, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        if self.value() in Status.values:
            return queryset.filter(status=self.value())
        return derived.in_state(queryset, str(self.value()))


class SheetFilter(admin.SimpleListFilter):
    """Sheets that the person may see."""

    title = "sheet"
    parameter_name = "sheet"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        rows = Sheet.objects.visible_to(request.user).filter(training_sheets__isnull=False).distinct()
        return [(str(pk), name) for pk, name in rows.order_by("name").values_list("pk", "name")[:100]]

    def queryset(self, request: Any, queryset: QuerySet[Any]) -> QuerySet[Any]:
        known = {key for key, _ in self.lookup_choices}
        return queryset.filter(sheet=self.value()) if self.value() in known else queryset


class TemplateFilter(admin.SimpleListFilter):
    """Templates that the person may see."""

    title = "template"
    parameter_name = "template"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        used = TrainingSheet.objects.values("template_version__template")
        rows = PromptTemplate.objects.visible_to(request.user).filter(pk__in=used).order_by("name")
        return [(str(pk), name) for pk, name in rows.values_list("pk", "name")[:100]]

    def queryset(self, request: Any, queryset: QuerySet[Any]) -> QuerySet[Any]:
        known = {key for key, _ in self.lookup_choices}
        return queryset.filter(template_version__template=self.value()) if self.value() in known else queryset


def _in(*states: str) -> Any:
    return lambda sheet, user: sheet.status in states and access.can_see(user, sheet, "change")


def _has_failed(sheet: TrainingSheet, user: Any) -> bool:
    failed = sheet.pairs.filter(work_state="failed", status="unlabeled")
    return _in(Status.READY)(sheet, user) and failed.exists()


def _is_undecided(sheet: TrainingSheet, user: Any) -> bool:
    return (
        sheet.owner_id == user.pk
        and _in(Status.READY, Status.FAILED, Status.CANCELLED)(sheet, user)
        and not sheet.pairs.filter(version__gt=1).exists()
    )


def _all_decided(sheet: TrainingSheet, user: Any) -> bool:
    undecided = sheet.pairs.filter(status__in=["unlabeled", "flagged"])
    return _in(Status.READY)(sheet, user) and not undecided.exists()


def _has_newer_labels(sheet: TrainingSheet, user: Any) -> bool:
    return sheet.status == Status.READY and outdated(sheet).exists()


def _filled(names: Sequence[str], row: Any) -> list[str]:
    """Each way of generating leaves other fields empty; a page that lists them all hides what was chosen."""
    stored = row._meta.concrete_fields if row else ()
    empty = {field.name for field in stored if getattr(row, field.attname) in (None, "", False)}
    return [name for name in names if name not in empty]


def _list_url(_: Any) -> str:
    return reverse("admin:labeling_trainingsheet_changelist")


@admin.register(TrainingSheet)
class TrainingSheetAdmin(DeskAdmin):
    """Question/answer pairs made by one template from one Sheet, and where they stand."""

    list_display = ("name", "state", "reviewed_part", "open_pairs", "uses", "made_from", "created_at")
    list_filter = (StateFilter, SheetFilter, TemplateFilter, "mode")
    list_select_related = ("sheet", "template_version__template", "owner", "derivation")
    search_fields = ("name", "sheet__name", "template_version__template__name")
    fields = (
        "description", "sheet_link", "template_link", "labelset_version", "mode", "endpoint", "column",
        "trusted_reason", "sample_size", "check_when_done", "use_case", "config", "source_version", "owner",
        "created_at", "reviewed_at",
    )  # fmt: skip
    readonly_fields = fields
    change_form_template = "labeling/training_sheet.html"
    change_list_template = "labeling/training_sheet_list.html"
    empty_state = {
        "title": "No Training Sheets yet",
        "text": "Apply a prompt template to a Sheet. Items that an expert has labelled already come approved.",
        "url": "/admin/generate/",
        "permission": "labeling.add_trainingsheet",
        "action": "Generate pairs",
    }
    steps = (
        Step(name="finish-review", label="Finish review", service=review.finish_review, argument="training_sheet",
             permission=CHANGE, available=_all_decided, style="primary", success="The review is finished."),
        ASSIGN_STEP,
        Step(name="retry-failed", label="Retry failed", service=services.retry_failed, argument="training_sheet",
             permission=CHANGE, available=_has_failed),
        Step(name="update-labels", label="Take over newer labels", service=review.update_all_from_labels,
             argument="training_sheet", permission="labeling.review_qapair", available=_has_newer_labels,
             confirm="Pairs take the newest version of their labels. Frozen datasets keep what they have."),
        Step(name="resume", label="Resume generation", service=services.resume_generation,
             argument="training_sheet", permission=CHANGE, available=_in(Status.FAILED, Status.CANCELLED),
             style="primary"),
        Step(name="keep", label="Review what is there", service=services.keep_what_is_there,
             argument="training_sheet", permission=CHANGE, available=_in(Status.FAILED, Status.CANCELLED)),
        Step(name="cancel", label="Cancel generation", service=services.cancel_generation,
             argument="training_sheet", permission=CHANGE, available=_in(Status.GENERATING), style="danger",
             confirm="Stop generating? Pairs made so far are kept."),
        Step(name="reopen", label="Reopen review", service=review.reopen_training_sheet, argument="training_sheet",
             form=ReasonForm, permission=CHANGE, available=_in(Status.REVIEWED),
             lead="Pairs become decidable again. Frozen datasets keep what they were frozen with."),
        SHARE,
        Step(name="delete", label="Delete", service=services.delete_training_sheet, argument="training_sheet",
             permission=CHANGE, available=_is_undecided, style="danger", then=_list_url,
             confirm="Delete this Training Sheet and its pairs? Nobody has decided any of them.",
             success="Deleted."),
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return with_counts(super().get_queryset(request))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return _filled(self.fields, obj)

    def open_steps(self, request: HttpRequest, row: Any) -> list[Step]:
        return [
            *(step for step in EXTRA_STEPS if step.is_open(row, request.user)),
            *super().open_steps(request, row),
        ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Training Sheets are made on the Generate page, which the list links to."""
        return False

    @admin.display(description="State", ordering="status")
    def state(self, sheet: TrainingSheet) -> SafeString:
        return self.status_chip(sheet)

    @admin.display(description="Approved")
    def reviewed_part(self, sheet: Any) -> SafeString:
        return progress(sheet.labeled_count, sheet.pair_count)

    @admin.display(description="To decide")
    def open_pairs(self, sheet: Any) -> str:
        return f"{sheet.open_count:,}"

    @admin.display(description="Uses")
    def uses(self, sheet: TrainingSheet) -> SafeString:
        return use_strip(strip_of(ALL_USES, sheet.derivation.uses, sheet.derivation.classification))

    @admin.display(description="Made from", ordering="sheet__name")
    def made_from(self, sheet: TrainingSheet) -> SafeString:
        return format_html('<div>{}<br><span class="muted">{}</span></div>', sheet.sheet, sheet.template_version)

    @admin.display(description="Sheet")
    def sheet_link(self, sheet: TrainingSheet) -> SafeString:
        return format_html('<a href="{}">{}</a>', row_url(sheet.sheet), sheet.sheet_version)

    @admin.display(description="Template")
    def template_link(self, sheet: TrainingSheet) -> SafeString:
        return format_html(
            '<a href="{}">{}</a>', row_url(sheet.template_version.template), sheet.template_version
        )

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        context = super().page_context(request, row)
        found = progress_of(row)
        job = services.latest_job(row)
        visible_job = job and Job.objects.visible_to(request.user).filter(pk=job.pk).first()
        return context | {
            "progress": found,
            "state_bar": bar(found),
            "origins": origin_rows(row.result),
            "not_reused": sorted(row.result.get("not_reused", {}).items()),
            "derivation_strip": strip_of(ALL_USES, row.derivation.uses, row.derivation.classification),
            "derived_states": [chip(name, "primary") for name in derived.states_of([row.pk])[row.pk]],
            "newer_labels": outdated(row).count(),
            "next_steps": _next_steps(row, found, request.user),
            "pairs_url": f"{reverse('admin:labeling_qapair_changelist')}?training_sheet={row.pk}",
            "job_url": reverse("governance:job", args=[job.pk]) if visible_job else "",
            "has_failure": bool(row.error),
            "quality": quality.summary(row, request.user),
            "share_url": self._share_url(request, row),
            "standing": _standing(row, request.user),
        }

    def _share_url(self, request: HttpRequest, row: TrainingSheet) -> str:
        """Where its owner opens it to reviewers, as long as nobody else may see it."""
        waits = row.status in {Status.GENERATING, Status.READY} and SHARE.is_open(row, request.user)
        return self.step_url(row, SHARE.name) if waits and not is_shared(row) else ""


def _standing(sheet: TrainingSheet, user: Any) -> dict[str, Any] | None:
    """The rule by which pairs of this Training Sheet are dealt, for those who may see it."""
    rule = standing.rule_for(sheet)
    if rule is None or not user.has_perm("labeling.view_assignmentrule") or not access.can_see(user, rule):
        return None
    names = ", ".join(account.display_name for account in rule.people.order_by("username"))
    return {"url": row_url(rule), "names": names, "hindrance": standing.hindrance(rule, sheet)}


def _next_steps(sheet: TrainingSheet, found: Progress, user: Any) -> list[dict[str, str]]:
    """What this person can do now, the most useful first."""
    steps = []
    if sheet.status == Status.READY and found.undecided and user.has_perm("labeling.review_qapair"):
        url = reverse("labeling:review-pair", args=[sheet.pk])
        steps.append({"label": f"Review {found.undecided:,} pairs", "url": url, "style": "primary"})
    if user.has_perm("labeling.add_trainingsheet"):
        url = f"{reverse('labeling:generate')}?again={sheet.pk}"
        steps.append({"label": "Generate again", "url": url, "style": "plain"})
    return steps


class RunForm(forms.Form):
    """The name of what is made."""

    name = forms.CharField(
        max_length=120,
        required=False,
        help_text="Of the new Training Sheet. Empty: this configuration's, with the time.",
    )


def _run(*, config: GenerationConfig, by: Any, name: str) -> Job:
    job = services.latest_job(services.run_config(config=config, by=by, name=name))
    return job  # type: ignore[return-value]


def _config_list_url(_: Any) -> str:
    return reverse("admin:labeling_generationconfig_changelist")


@admin.register(GenerationConfig)
class GenerationConfigAdmin(DeskAdmin):
    """Recipes kept under a name, to preview and run again."""

    list_display = ("name", "sheet", "template_version", "mode", "created_by", "created_at")
    list_filter = ("mode",)
    list_select_related = ("sheet", "template_version__template", "created_by")
    search_fields = ("name", "sheet__name", "template_version__template__name")
    fields = (
        "sheet", "sheet_version", "template_version", "labelset_version", "mode", "endpoint", "column",
        "trusted_reason", "sample_size", "check_when_done", "use_case", "created_by", "created_at",
    )  # fmt: skip
    readonly_fields = fields
    empty_state = {
        "title": "No saved configurations",
        "text": "Keep what you generate with under a name, and run it again when the data has grown.",
        "url": "/admin/generate/",
        "permission": "labeling.add_trainingsheet",
        "action": "Generate pairs",
    }
    steps = (
        Step(name="run", label="Run", service=_run, argument="config", form=RunForm,
             permission="labeling.add_trainingsheet", style="primary",
             lead="Generates on the data as it is now."),
        Step(name="delete", label="Delete", service=services.delete_config, argument="config",
             permission="labeling.delete_generationconfig", style="danger", then=_config_list_url,
             confirm="Forget this configuration? What was made with it stays.", success="Deleted."),
    )  # fmt: skip

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return _filled(self.fields, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        context = super().page_context(request, row)
        if request.user.has_perm("labeling.add_trainingsheet"):
            url = f"{reverse('labeling:generate')}?config={row.pk}"
            context["object_actions"].append(
                {"label": "Preview or adapt", "url": url, "style": "plain", "method": "get"}
            )
        return context
