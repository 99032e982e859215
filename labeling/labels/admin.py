"""The desk of canonical labels: found, explained and retired here; made in the labelling tool and in review."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from governance.admin_base import DeskAdmin
from governance.portal import content
from governance.portal.marks import chip
from governance.portal.steps import ReasonForm, Step
from labeling.labels import services
from labeling.labels.models import CanonicalLabel
from labeling.labelsets.models import Labelset, LabelsetBinding
from workbench.models import Sheet

CONFIDENCE_TONES = {"high": "permitted", "medium": "attention", "low": "prohibited"}


class VisibleFilter(admin.SimpleListFilter):
    """Choices that the person may see, of a foreign key of the label."""

    model: Any = None
    field = ""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        rows = self.model.objects.visible_to(request.user).order_by("name")[:200]
        return [(str(row.pk), row.name) for row in rows]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        known = {value for value, _ in self.lookup_choices}
        return queryset.filter(**{self.field: self.value()}) if self.value() in known else queryset


class SheetFilter(VisibleFilter):
    title = "sheet"
    parameter_name = "sheet"
    field = "sheet_id"
    model = Sheet


class LabelsetFilter(VisibleFilter):
    title = "labelset"
    parameter_name = "labelset"
    field = "labelset_id"
    model = Labelset


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("in_force", "in force"), ("retired", "retired")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(retired_at__isnull=self.value() == "in_force") if self.value() else queryset


def _in_force(label: CanonicalLabel, user: Any) -> bool:
    return label.retired_at is None


@admin.register(CanonicalLabel)
class CanonicalLabelAdmin(DeskAdmin):
    """Ground truth by item: label once, reuse everywhere."""

    change_form_template = "labeling/label_change_form.html"
    list_lead = "What experts said of items: one answer per item and label type, reused wherever it fits."
    list_display = (
        "item_ref", "answer", "label_type", "sheet", "labelset", "confidence_chip", "version", "uses", "labeled_by",
        "labeled_at",
    )  # fmt: skip
    list_filter = (SheetFilter, "label_type", LabelsetFilter, "confidence", StateFilter)
    list_select_related = ("content", "label_type", "sheet", "labelset", "derivation", "labeled_by")
    search_fields = ("item_ref", "notes")
    fields = (
        "sheet", "item_ref", "label_type", "labelset_version", "confidence", "notes", "version", "labeled_by",
        "labeled_at", "last_modified_by", "last_modified_at", "retired_at",
    )  # fmt: skip
    empty_state = {
        "title": "No canonical label yet",
        "text": "Labels come from the labelling tool, or from approving pairs in review.",
        "url": "/admin/label/",
        "action": "Open the labelling tool",
    }
    steps = (
        Step(name="retire", label="Retire", service=services.retire_label, argument="label", form=ReasonForm,
             permission="labeling.change_canonicallabel", available=_in_force, style="danger",
             lead="It is no longer reused. It stays on record, with every version it had."),
    )  # fmt: skip

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        return super().page_context(request, row) | {
            "object_lead": str(row.sheet),
            "object_status": _state(row),
            "data": row.data,
            "settlements": row.settlements.select_related("settled_by"),
            "tool_url": _tool_url(row) if _is_bound(row) else "",
        }

    @admin.display(description="Answer")
    def answer(self, label: CanonicalLabel) -> str:
        return Truncator(content.in_a_line(label.content.shown)).chars(80)

    @admin.display(description="Confidence", ordering="confidence")
    def confidence_chip(self, label: CanonicalLabel) -> SafeString:
        return chip(label.get_confidence_display(), CONFIDENCE_TONES[label.confidence])


def _state(label: CanonicalLabel) -> dict[str, str]:
    is_retired = label.retired_at is not None
    return {"text": "retired" if is_retired else "in force", "kind": "plain" if is_retired else "permitted"}


def _is_bound(label: CanonicalLabel) -> bool:
    return LabelsetBinding.objects.filter(sheet=label.sheet_id, label_type=label.label_type_id).exists()


def _tool_url(label: CanonicalLabel) -> str:
    query = {"sheet": label.sheet_id, "label_type": label.label_type_id, "item": label.item_ref}
    return f"{reverse('labeling:label-item')}?{urlencode(query)}"
