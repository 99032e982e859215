"""Desks of tag rules and declassifications."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

from governance.admin_base import DeskAdmin
from governance.models import Declassification, TagRule
from governance.portal import related
from governance.portal.marks import chip, use_strip
from governance.portal.steps import ReasonForm, Step
from governance.portal.strip import strip_of
from governance.rules import declassifications
from governance.rules.leave import sources_in_words
from governance.uses import Classification, uses_in


@admin.register(TagRule)
class TagRuleAdmin(DeskAdmin):
    """What catalog tags mean for everything made from what carries them."""

    list_display = ("tag", "permits", "reason")
    fields = ("tag", "permits", "reason")
    search_fields = ("tag", "reason")
    change_list_template = "governance/tag_rules.html"

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        context = super().page_context(request, row)
        actions = [*context["object_actions"], *related.links_of(row._meta.label_lower, row.pk, request.user)]
        if request.user.has_perm("governance.change_tagrule"):
            url = reverse("governance:tag-rule-change", args=[row.pk])
            actions.insert(0, {"label": "Change", "url": url, "style": "primary", "method": "get", "confirm": ""})
        return context | {"object_actions": actions}

    @admin.display(description="Permits")
    def permits(self, rule: TagRule) -> Any:
        return use_strip(strip_of(rule.allowed_uses, 31, rule.data_classification))


@admin.register(Declassification)
class DeclassificationAdmin(DeskAdmin):
    """Leave for what one tool makes to permit more than its sources do."""

    list_display = ("scope_label", "permits", "permitted_until", "standing_chip", "requested_by", "usage_reason")
    list_select_related = ("requested_by",)
    search_fields = ("scope_label", "usage_reason")
    fields = (
        "scope_label", "permits", "from_sources", "usage_reason", "permitted_until", "requested_by", "requested_at",
        "approved_at", "ended_at", "end_reason",
    )  # fmt: skip
    empty_state = {
        "title": "Nothing is declassified",
        "text": "Where what a template or labelset makes shows less than its sources do, open “Why” on one of its rows "
        "and ask there. A compliance officer decides.",
    }
    steps = (
        Step(
            name="end",
            label="End now",
            service=declassifications.end,
            argument="declassification",
            permission="governance.tighten_constraint",
            form=ReasonForm,
            available=lambda row, user: row.standing == "in force",
            style="danger",
            lead="Its sources bind again at once, for everything made from them.",
        ),
    )

    @admin.display(description="Permits besides")
    def permits(self, one: Declassification) -> str:
        uses = ", ".join(uses_in(one.grants_uses)) or "no other use"
        return f"{uses}; down to {Classification(one.grants_classification).label}"

    @admin.display(description="State")
    def standing_chip(self, one: Declassification) -> Any:
        tones = {"asked for": "attention", "in force": "permitted"}
        return chip(one.standing, tones.get(one.standing, "plain"))

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """With the sources that this person may see by name."""
        one = super().get_object(request, object_id, from_field)
        if one is not None:
            one.sources_named = sources_in_words([one], request.user)[0]
        return one

    @admin.display(description="Lifted sources")
    def from_sources(self, one: Any) -> str:
        return str(one.sources_named)
