"""What waits for someone on the ground floor: requests to sign, and what an auditor must look at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.urls import reverse

from governance import desk
from governance.approvals import reminders
from governance.compliance import figures
from governance.portal import navigation, overview


def register() -> None:
    overview.register_queue(requests_to_sign)
    overview.register_queue(changes_asked_for)
    overview.register_queue(writes_past_every_door)
    navigation.register_count("admin:governance_approvalrequest_changelist", count_to_sign)


def count_to_sign(user: Any) -> int:
    """How many requests wait for this person; counted once per request, for the sidebar and the top bar."""
    if not hasattr(user, "_to_sign"):
        user._to_sign = desk.waiting_for(user).count()
    return int(user._to_sign)


def requests_to_sign(user: Any) -> Iterator[overview.QueueRow]:
    """The oldest requests that this person may sign."""
    from governance.admin_base import row_url

    reminded = reminders.todays(user)
    for request in desk.waiting_for(user).select_related("requested_by").order_by("requested_at")[:8]:
        asked = f"asked by {request.requested_by.display_name}: {request.reason[:80]}"
        yield overview.QueueRow(
            what=request.title,
            source=request.subject_label,
            why=f"reminder: waits since {request.requested_at:%d %b}; {asked}" if request.pk in reminded else asked,
            url=row_url(request),
        )


def changes_asked_for(user: Any) -> Iterator[overview.QueueRow]:
    """What this person asked for and must change first, with what the approver said."""
    from governance.admin_base import row_url

    for request in desk.changes_wanted(user)[:8]:
        yield overview.QueueRow(
            what=f"Changes asked for: {request.title}",
            source=request.subject_label,
            why=desk.last_words(request)[:160],
            url=row_url(request),
        )


def writes_past_every_door(user: Any) -> Iterator[overview.QueueRow]:
    """The alert for auditors: something changed governed rows that is no door of the application."""
    if not user.has_perm("governance.view_recordentry"):
        return
    newest = figures.unattributed().order_by("-pk").first()
    if newest is None:
        return
    count = figures.unattributed().count()
    yield overview.QueueRow(
        what=f"{count:,} change{'' if count == 1 else 's'} past every door",
        source="The record",
        why=f"nobody is named; the newest on {newest.recorded_at[:10]}",
        url=f"{reverse('admin:governance_recordentry_changelist')}?door=none",
    )
