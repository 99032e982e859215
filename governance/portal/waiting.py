"""What waits for someone on the ground floor: requests to sign, and one's own that others decide."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from governance import desk
from governance.portal import navigation, overview


def register() -> None:
    overview.register_queue(requests_to_sign)
    navigation.register_count("admin:governance_approvalrequest_changelist", count_to_sign)


def count_to_sign(user: Any) -> int:
    """How many requests wait for this person; counted once per request, for the sidebar and the top bar."""
    if not hasattr(user, "_to_sign"):
        user._to_sign = desk.waiting_for(user).count()
    return int(user._to_sign)


def requests_to_sign(user: Any) -> Iterator[overview.QueueRow]:
    """The oldest requests that this person may sign."""
    from governance.admin_base import row_url

    for request in desk.waiting_for(user).select_related("requested_by").order_by("requested_at")[:8]:
        yield overview.QueueRow(
            what=request.title,
            source=request.subject_label,
            why=f"asked by {request.requested_by.display_name}: {request.reason[:80]}",
            url=row_url(request),
        )
