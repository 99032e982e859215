"""Desks of Prompt Templates and their versions."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse

from governance.admin_base import DeskAdmin
from governance.approvals.selectors import open_request
from governance.portal import hiding
from governance.portal.rows import row_url
from governance.portal.steps import ReasonForm, Step
from labeling.prompts import services
from labeling.prompts.definition import number_of
from labeling.prompts.forms import CopyForm, DraftForm, LevelForm, NewTemplateForm
from labeling.prompts.models import PromptTemplate, TemplateVersion
from labeling.prompts.selectors import draft_of
from workbench.sharing import SHARE, share_whole

LIST = "admin:labeling_prompttemplate_changelist"
GATE = "template-publish"


def _may_change(template: PromptTemplate, user: Any) -> bool:
    return PromptTemplate.objects.visible_to(user, "change").filter(pk=template.pk).exists()


def _may_start(template: PromptTemplate, user: Any) -> bool:
    return _may_change(template, user) and draft_of(template) is None


@admin.register(PromptTemplate)
class PromptTemplateAdmin(DeskAdmin):
    """How models are asked; a tool for every stage."""

    change_form_template = "labeling/template_change_form.html"
    list_lead = "Prompts with placeholders, schemas and examples, in semantic versions."
    list_display = ("name", "label_type", "newest", "owner", "uses", "created_at")
    list_filter = ("label_type",)
    list_select_related = ("label_type", "owner")
    search_fields = ("name", "description")
    empty_state = {
        "title": "No prompt template yet",
        "text": "A template says how a model is asked about each item of a Sheet, and what shape its answer has.",
        "url": "add/",
        "action": "Create a template",
    }
    create_service = services.create_template
    update_service = services.update_template
    service_argument = "template"
    steps = (
        Step(name="new-version", label="Start new version", service=services.start_new_version,
             argument="template", permission=services.CHANGE, form=LevelForm, available=_may_start, then=row_url),
        SHARE,
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).prefetch_related("versions")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None:
            kwargs["form"] = NewTemplateForm
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is not None:
            return [(None, {"fields": ("name", "description", "label_type", "owner")})]
        return [
            (None, {"fields": ("name", "label_type", "description")}),
            ("First draft", {"fields": ("user_prompt", "input_schema")}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("label_type", "owner") if obj is not None else ()

    def row_of(self, result: Any) -> Any:
        return result.template if isinstance(result, TemplateVersion) else result

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        versions = hiding.shown(row.versions.select_related("created_by", "labelset"), request.user)
        versions.sort(key=number_of, reverse=True)
        return super().page_context(request, row) | {"object_lead": row.description, "versions": versions}

    @admin.display(description="Newest version")
    def newest(self, template: PromptTemplate) -> str:
        version = max(template.versions.all(), key=number_of, default=None)
        return f"{version.version} · {version.get_status_display()}" if version else "—"


def _is_free_draft(version: TemplateVersion, user: Any) -> bool:
    is_draft = version.status == TemplateVersion.Status.DRAFT
    return is_draft and _may_change(version.template, user) and open_request(version, GATE) is None


def _may_take_over(version: TemplateVersion, user: Any) -> bool:
    return version.labelset_id is not None and _is_free_draft(version, user)


def _may_archive(version: TemplateVersion, user: Any) -> bool:
    return version.status == TemplateVersion.Status.PUBLISHED and _may_change(version.template, user)


@admin.register(TemplateVersion)
class TemplateVersionAdmin(DeskAdmin):
    """Versions of Prompt Templates; drafts can be changed and tried out."""

    change_form_template = "labeling/template_version_form.html"
    list_display = ("__str__", "status_chip", "labelset", "created_by", "created_at", "published_at")
    list_filter = ("status", "template__label_type")
    list_select_related = ("template", "created_by", "labelset")
    search_fields = ("template__name", "user_prompt")
    form = DraftForm
    fieldsets = (
        ("Prompt", {"fields": ("number", "system_prompt", "user_prompt")}),
        ("Columns and files", {"fields": ("input_schema", "file_columns")}),
        ("Answer", {"fields": ("labelset", "output_schema")}),
        ("Examples", {"fields": ("examples",)}),
        ("Model", {"fields": ("endpoint", "temperature", "max_tokens")}),
    )
    update_service = services.update_draft
    service_argument = "version"
    steps = (
        Step(name="publish", label="Ask to publish", service=services.request_publish, argument="version",
             permission=services.CHANGE, form=ReasonForm, available=_is_free_draft, style="primary",
             lead="An approver looks at it and decides; a published version does not change any more."),
        Step(name="take-over", label="Take over the labelset's schema", service=services.take_over_schema,
             argument="version", permission=services.CHANGE, available=_may_take_over,
             success="The output schema is now the labelset's."),
        Step(name="duplicate", label="Duplicate", service=services.duplicate, argument="version", form=CopyForm,
             permission="labeling.add_prompttemplate", then=row_url),
        share_whole("template"),
        Step(name="archive", label="Archive", service=services.archive, argument="version", form=ReasonForm,
             permission=services.CHANGE, available=_may_archive, style="danger"),
        Step(name="delete", label="Delete draft", service=services.delete_draft, argument="version",
             permission=services.CHANGE, available=_is_free_draft, style="danger",
             confirm="Delete this draft?", then=lambda _: reverse(LIST)),
    )  # fmt: skip

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if not request.user.has_perm(services.CHANGE):
            return False
        return obj is None or _is_free_draft(obj, request.user)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """A version that cannot change shows its number by the model's own name."""
        if obj is None or self.has_change_permission(request, obj):
            return self.fieldsets
        return [(title, {"fields": _as_stored(given["fields"])}) for title, given in self.fieldsets]

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        return super().page_context(request, row) | {
            "object_lead": f"{row.template.label_type} · created by {row.created_by.display_name}",
            "template_url": row_url(row.template),
            "trial_url": reverse("labeling:template-test", args=[row.pk]),
            "waiting": open_request(row, GATE),
        }


def _as_stored(fields: tuple[str, ...]) -> tuple[str, ...]:
    return tuple("version" if name == "number" else name for name in fields)
