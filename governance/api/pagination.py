"""Pages of lists: by cursor, so that rows arriving meanwhile neither repeat nor hide any."""

from __future__ import annotations

from typing import Any

from rest_framework.pagination import CursorPagination
from rest_framework.request import Request


class NewestFirst(CursorPagination):
    """Newest first, or as the view's `cursor_ordering` says. `?page_size=` up to 500."""

    page_size_query_param = "page_size"
    max_page_size = 500
    ordering = ("-created_at", "-id")

    def get_ordering(self, request: Request, queryset: Any, view: Any) -> tuple[str, ...]:
        return getattr(view, "cursor_ordering", self.ordering)
