"""The admin site whose first page is the Overview."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme, urlencode


class PortalSite(AdminSite):
    """Stock Django admin in our frame."""

    site_header = "Workbench"
    site_title = "Workbench"
    index_title = "Overview"
    index_template = "governance/overview.html"
    enable_nav_sidebar = True

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """To the one page where people log in; who is logged in and may not enter is told so."""
        onward = request.GET.get(REDIRECT_FIELD_NAME) or request.POST.get(REDIRECT_FIELD_NAME) or ""
        if not url_has_allowed_host_and_scheme(onward, allowed_hosts={request.get_host()}):
            onward = ""
        if self.has_permission(request):
            return HttpResponseRedirect(onward or reverse("admin:index"))
        if request.user.is_authenticated:
            return render(request, "account/may_not_enter.html", status=403)
        query = f"?{urlencode({REDIRECT_FIELD_NAME: onward})}" if onward else ""
        return HttpResponseRedirect(reverse("account_login") + query)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """A new password gives this session a new key, by which the list of sessions must know it."""
        from allauth.usersessions.models import UserSession

        before = request.session.session_key
        response = super().password_change(request, extra_context)
        if request.user.is_authenticated and request.session.session_key != before:
            UserSession.objects.create_from_request(request)
        return response

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Stages with counts and next actions, what waits for this person, what changed lately."""
        from governance import records
        from governance.portal import overview
        from governance.roles import ROLES, roles_of

        user: Any = request.user
        changes = records.changes_visible_to(user)[:6]
        context = self.each_context(request) | {
            "title": self.index_title,
            "greeting": f"{_part_of_day()}, {user.first_name or user.username}",
            "roles": sorted(ROLES[slug][0] for slug in roles_of(user)),
            "tiles": overview.tiles_for(user),
            "queue": [
                {"what": row.what, "from": row.source, "why": row.why, "url": row.url, "action": row.action}
                for row in overview.queue_for(user)
            ],
            "changes": [_change(change) for change in changes],
            "checklist": overview.checklist_for(user),
            **(extra_context or {}),
        }
        request.current_app = self.name  # type: ignore[attr-defined]
        return render(request, self.index_template, context)


def _part_of_day() -> str:
    hour = timezone.localtime().hour
    return "Good morning" if hour < 12 else "Good afternoon" if hour < 18 else "Good evening"


def _change(change: Any) -> dict[str, Any]:
    from governance import records

    reached = ", ".join(f"{count} {name}" for name, count in change.reached_shown.items())
    tones = {"tightened": "prohibited", "relaxed": "permitted", "both": "attention"}
    return {
        "text": f"{change.subject_label}: {change.reason}",
        "chip": f"{change.direction}{' · ' + reached if reached else ''}",
        "tone": tones[change.direction],
        "url": records.subject_url(change),
        "when": timezone.localtime(change.changed_at).strftime("%d %b %H:%M"),
    }
