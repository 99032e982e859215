"""Rows found by their lists' own search, for the search page and the command palette."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from governance.admin_base import DeskAdmin
from governance.portal.rows import row_url

OF_EACH = 5


def found(request: HttpRequest, query: str) -> list[dict[str, Any]]:
    """`{"title", "hits": [{"label", "url"}]}` of each kind that this person may list, the first few of each."""
    groups = []
    for model, desk_admin in admin.site._registry.items():
        if not isinstance(desk_admin, DeskAdmin) or not desk_admin.search_fields:
            continue
        if not desk_admin.has_view_permission(request):
            continue
        rows, _ = desk_admin.get_search_results(request, desk_admin.get_queryset(request), query)
        # Keys are made in the order of time: the newest come by the key's index, without sorting all that fits.
        hits = [{"label": desk_admin.row_label(row), "url": row_url(row)} for row in rows.order_by("-pk")[:OF_EACH]]
        if hits:
            groups.append({"title": str(model._meta.verbose_name_plural).capitalize(), "hits": hits})
    return groups
