"""The desk of Use Cases."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

from governance.admin_base import DeskAdmin
from governance.portal.steps import Step
from labeling.usecases import services
from labeling.usecases.models import UseCase
from labeling.usecases.selectors import KINDS, assets_of


def _may_change(use_case: UseCase, user: Any) -> bool:
    return UseCase.objects.visible_to(user, "change").filter(pk=use_case.pk).exists()


@admin.register(UseCase)
class UseCaseAdmin(DeskAdmin):
    """Named purposes that group and share assets."""

    change_form_template = "labeling/usecase_change_form.html"
    list_lead = "A purpose and the Sheets, labelsets and templates that serve it. Grouping grants nothing by itself."
    list_display = ("name", "description", "owner", "created_at")
    list_select_related = ("owner",)
    search_fields = ("name", "description")
    fields = ("name", "description", *KINDS)
    filter_horizontal = KINDS
    empty_state = {
        "title": "No use case yet",
        "text": "A use case groups what serves one purpose, so that it can be found and shared together.",
        "url": "add/",
        "action": "Create a use case",
    }
    create_service = services.create_use_case
    update_service = services.update_use_case
    service_argument = "use_case"
    steps = (
        Step(name="delete", label="Delete", service=services.delete_use_case, argument="use_case",
             permission="labeling.delete_usecase", available=_may_change, style="danger",
             confirm="Delete this use case? Its assets stay.",
             then=lambda _: reverse("admin:labeling_usecase_changelist")),
    )  # fmt: skip

    def service_values(self, cleaned: dict[str, Any], obj: Any) -> dict[str, Any]:
        assets = [asset for kind in KINDS for asset in cleaned[kind]]
        return {"name": cleaned["name"], "description": cleaned["description"], "assets": assets}

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        return super().page_context(request, row) | {
            "object_lead": row.description,
            "groups": assets_of(row, request.user),
            "share_url": reverse("labeling:usecase-share", args=[row.pk]),
        }

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Without the right to change, the assets stand below, limited to what one may see."""
        if obj is not None and not self.has_change_permission(request, obj):
            return ("name", "description")
        return self.fields
