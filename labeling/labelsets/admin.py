"""Desks of label types, labelsets and their versions."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse

from governance.admin_base import DeskAdmin
from governance.approvals.selectors import open_request
from governance.portal.rows import row_url
from governance.portal.steps import ReasonForm, Step
from labeling.labelsets import services
from labeling.labelsets.forms import DraftForm, NewLabelsetForm, OpinionsForm, bind_form
from labeling.labelsets.models import Labelset, LabelsetVersion, LabelType
from labeling.labelsets.selectors import draft_of
from workbench.sharing import SHARE, share_whole

LIST = "admin:labeling_labelset_changelist"


@admin.register(LabelType)
class LabelTypeAdmin(DeskAdmin):
    """Kinds of tasks; an item has at most one canonical label for each."""

    list_display = ("slug", "description")
    search_fields = ("slug", "description")
    fields = ("slug", "description")
    create_service = services.create_label_type


def _may_change(labelset: Labelset, user: Any) -> bool:
    return Labelset.objects.visible_to(user, "change").filter(pk=labelset.pk).exists()


def _may_start(labelset: Labelset, user: Any) -> bool:
    return _may_change(labelset, user) and draft_of(labelset) is None


def _may_bind(labelset: Labelset, user: Any) -> bool:
    return labelset.versions.filter(status=LabelsetVersion.Status.PUBLISHED).exists()


@admin.register(Labelset)
class LabelsetAdmin(DeskAdmin):
    """Reusable classes with a response schema; what experts may say."""

    change_form_template = "labeling/labelset_change_form.html"
    list_lead = "Classes and response schemas that experts label with. Published versions stay as they are."
    list_display = ("name", "label_type", "newest", "owner", "uses", "created_at")
    list_filter = ("label_type",)
    list_select_related = ("label_type", "owner")
    search_fields = ("name", "description")
    empty_state = {
        "title": "No labelset yet",
        "text": "A labelset says which answers experts may give: its classes, or any JSON Schema.",
        "url": "add/",
        "action": "Create a labelset",
    }
    create_service = services.create_labelset
    update_service = services.update_labelset
    service_argument = "labelset"
    steps = (
        Step(name="new-version", label="Start new version", service=services.start_new_version,
             argument="labelset", permission=services.CHANGE, available=_may_start, then=row_url),
        Step(name="bind", label="Bind to a Sheet", service=services.bind_labelset, argument="labelset",
             permission=services.CHANGE, form=bind_form, available=_may_bind,
             lead="The labelset then answers for its label type on that Sheet, in place of any other."),
        Step(name="ask-opinions", label="Ask several experts", service=services.ask_opinions, argument="labelset",
             permission=services.CHANGE, form=OpinionsForm, available=_may_change,
             lead="So many experts answer each item on their own, blind to one another, before it gets its "
                  "canonical label. What was said before stays, and counts."),
        SHARE,
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).prefetch_related("versions")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None:
            kwargs["form"] = NewLabelsetForm
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is not None:
            return [(None, {"fields": ("name", "description", "label_type", "opinions_asked", "owner")})]
        return [
            (None, {"fields": ("name", "label_type", "description")}),
            ("First draft", {"fields": ("classes", "response_schema", "seen_columns", "instructions")}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("label_type", "opinions_asked", "owner") if obj is not None else ()

    def row_of(self, result: Any) -> Any:
        return result.labelset if isinstance(result, LabelsetVersion) else result

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        bindings = row.bindings.all().visible_to(request.user).select_related("sheet")
        return super().page_context(request, row) | {
            "object_lead": row.description,
            "versions": row.versions.order_by("-number"),
            "bindings": bindings,
            "labels_url": reverse("labeling:labelset-labels", args=[row.pk]),
        }

    @admin.display(description="Newest version")
    def newest(self, labelset: Labelset) -> str:
        versions = sorted(labelset.versions.all(), key=lambda version: version.number)
        return f"v{versions[-1].number} · {versions[-1].get_status_display()}" if versions else "—"


def _is_free_draft(version: LabelsetVersion, user: Any) -> bool:
    is_draft = version.status == LabelsetVersion.Status.DRAFT
    return is_draft and _may_change(version.labelset, user) and open_request(version, "labelset-publish") is None


def _may_archive(version: LabelsetVersion, user: Any) -> bool:
    return version.status == LabelsetVersion.Status.PUBLISHED and _may_change(version.labelset, user)


@admin.register(LabelsetVersion)
class LabelsetVersionAdmin(DeskAdmin):
    """Versions of labelsets; drafts can be changed."""

    change_form_template = "labeling/labelset_version_form.html"
    list_display = ("__str__", "status_chip", "created_by", "created_at", "published_at")
    list_filter = ("status", "labelset__label_type")
    list_select_related = ("labelset", "created_by")
    search_fields = ("labelset__name",)
    form = DraftForm
    fieldsets = ((None, {"fields": ("classes", "response_schema", "seen_columns", "instructions")}),)
    update_service = services.update_draft
    service_argument = "version"
    steps = (
        Step(name="publish", label="Ask to publish", service=services.request_publish, argument="version",
             permission=services.CHANGE, form=ReasonForm, available=_is_free_draft, style="primary",
             lead="An approver looks at it and decides; a published version does not change any more."),
        share_whole("labelset"),
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

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        return super().page_context(request, row) | {
            "object_lead": f"{row.labelset.label_type} · created by {row.created_by.display_name}",
            "labelset_url": row_url(row.labelset),
            "waiting": open_request(row, "labelset-publish"),
        }
