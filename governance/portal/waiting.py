"""What waits for someone on the ground floor: requests to sign, and what an auditor must look at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.urls import reverse

from governance.approvals import reminders
from governance.approvals.selectors import changes_wanted, closed_unsigned, last_words, waiting_for
from governance.compliance import figures
from governance.models import ApprovalRequest
from governance.portal import navigation, overview

APPROVALS = "admin:governance_approvalrequest_changelist"
CLOSED_WORDS: dict[str, str] = {
    ApprovalRequest.State.VOID: "Void",
    ApprovalRequest.State.EXPIRED: "Not decided in time",
}


def register() -> None:
    overview.register_queue(requests_to_sign)
    overview.register_queue(changes_asked_for)
    overview.register_queue(closed_without_an_answer)
    overview.register_queue(writes_past_every_door)
    navigation.register_count(APPROVALS, count_to_sign)


def count_to_sign(user: Any) -> int:
    """How many requests wait for this person."""
    return waiting_for(user).count()


def requests_to_sign(user: Any) -> Iterator[overview.QueueRow]:
    """The oldest requests that this person may sign."""
    from governance.portal.rows import row_url

    reminded = reminders.todays(user)
    for request in waiting_for(user).select_related("requested_by").order_by("requested_at")[:8]:
        asked = f"asked by {request.requested_by.display_name}: {request.reason[:80]}"
        yield overview.QueueRow(
            what=request.title,
            source=request.subject_label,
            why=f"reminder: waits since {request.requested_at:%d %b}; {asked}" if request.pk in reminded else asked,
            url=row_url(request),
        )


def changes_asked_for(user: Any) -> Iterator[overview.QueueRow]:
    """What this person asked for and must change first, with what the approver said."""
    from governance.portal.rows import row_url

    for request in changes_wanted(user)[:8]:
        yield overview.QueueRow(
            what=f"Changes asked for: {request.title}",
            source=request.subject_label,
            why=last_words(request)[:160],
            url=row_url(request),
        )


def closed_without_an_answer(user: Any) -> Iterator[overview.QueueRow]:
    """What this person asked for and what closed by itself, with the reason."""
    from governance.portal.rows import row_url

    for request in closed_unsigned(user)[:8]:
        yield overview.QueueRow(
            what=f"{CLOSED_WORDS[request.state]}: {request.title}",
            source=request.subject_label,
            why=(request.closed_because or "")[:240],
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
