"""The command palette: pages and actions that this person may open, and rows that they may see."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, JsonResponse
from django.urls import reverse
from django.views.decorators.http import require_GET

from governance.admin_base import DeskAdmin
from governance.portal.navigation import Entry, navigation_for, opens, url_of
from governance.portal.pages import portal_page
from governance.portal.searching import found

LONGEST = 200
SHORTEST = 2  # characters before rows are searched

# What one can begin from anywhere, besides adding a row of some kind.
ACTIONS = (
    Entry("Generate pairs", "labeling:generate", "labeling.add_trainingsheet"),
    Entry("My approvals", "governance:my-approvals", "governance.decide_approvalrequest"),
    Entry("Notifications", "governance:notifications", "governance.view_notification"),
    Entry("Signing in", "mfa_index"),
    Entry("Sessions", "usersessions_list"),
    Entry("API tokens", "account_tokens"),
)


@portal_page()
@require_GET
def palette(request: HttpRequest) -> JsonResponse:
    """`{"groups": [{"title", "entries": [{"label", "url"}]}]}` for what was typed, as `q`."""
    query = request.GET.get("q", "").strip()[:LONGEST]
    groups = [
        {"title": "Pages", "entries": _matching(_pages(request), query)},
        {"title": "Actions", "entries": _matching(_actions(request), query)},
    ]
    if len(query) >= SHORTEST:
        groups += [{"title": group["title"], "entries": group["hits"]} for group in found(request, query)]
    return JsonResponse({"groups": [group for group in groups if group["entries"]]})


def _pages(request: HttpRequest) -> list[dict[str, str]]:
    return [
        {"label": f"{section['title']}: {entry['label']}" if section["title"] else entry["label"], "url": entry["url"]}
        for section in navigation_for(request, {})
        for entry in section["entries"]
    ]


def _actions(request: HttpRequest) -> list[dict[str, str]]:
    user: Any = request.user
    named = [{"label": entry.label, "url": str(url_of(entry.target))} for entry in ACTIONS if opens(entry, user)]
    adding = [
        {
            "label": f"Add {model._meta.verbose_name}",
            "url": reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_add"),
        }
        for model, desk in admin.site._registry.items()
        if isinstance(desk, DeskAdmin) and desk.has_add_permission(request)
    ]
    return [*named, *adding]


def _matching(entries: list[dict[str, str]], query: str) -> list[dict[str, str]]:
    """Those whose label holds every word that was typed."""
    words = query.casefold().split()
    return [entry for entry in entries if all(word in entry["label"].casefold() for word in words)]
