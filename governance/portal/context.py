"""What every page knows: the badge, the sidebar, and what waits for this person."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from governance.comments.selectors import unread_count
from governance.models import Job
from governance.portal.theme import after, theme_of
from governance.portal.waiting import APPROVALS

COUNT_AT_MOST = 100


def portal(request: HttpRequest) -> dict[str, Any]:
    """Template context of the frame. Nothing for visitors who are not signed in."""
    theme = theme_of(request)
    frame: dict[str, Any] = {
        "environment_badge": settings.ENVIRONMENT_BADGE, "theme": theme, "next_theme": after(theme),
    }  # fmt: skip
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return frame
    from governance.portal.navigation import counts_for, navigation_for

    counts = counts_for(user)
    jobs = Job.objects.visible_to(user).filter(state__in=["queued", "running"])
    return frame | {
        "navigation": navigation_for(request, counts),
        "running_jobs_count": jobs.order_by()[:COUNT_AT_MOST].count(),
        "approvals_waiting_count": counts.get(APPROVALS, 0),
        "unread_count": unread_count(user),
    }
