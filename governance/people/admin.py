"""Desks of people: linked accounts, memberships that end, and who looked as whom."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse

from governance.admin_base import DeskAdmin
from governance.models import AccountLink, MembershipEnd, SeenAs, User
from governance.people import linking, memberships
from governance.people.views import link_page
from governance.portal.steps import ReasonForm, Step


def _part(*, link: AccountLink, by: User, reason: str) -> AccountLink:
    return linking.part(account=link.account, by=by, reason=reason)


def _may_part(link: AccountLink, user: Any) -> bool:
    return user.is_superuser and link.way != AccountLink.Way.PARTED and link.account.person_id == link.new_person_id


@admin.register(AccountLink)
class AccountLinkAdmin(DeskAdmin):
    """Accounts that were found to be of one person, or parted again."""

    list_display = ("account", "other", "way", "decided_by", "decided_at", "reason")
    list_filter = ("way",)
    list_select_related = ("account", "other", "decided_by")
    search_fields = ("account__username", "other__username", "reason")
    fields = ("account", "other", "old_person", "new_person", "way", "reason", "decided_by", "decided_at")
    list_lead = (
        "Accounts with the same verified e-mail are one person's by themselves. At every gate one person counts once."
    )
    empty_state = {
        "title": "No accounts are linked",
        "text": "When one person has two accounts, link them: neither can then approve what the other asked for.",
        "url": "add/", "action": "Link two accounts",
    }  # fmt: skip
    steps = (
        Step(name="part", label="Part them", service=_part, argument="link", form=ReasonForm, style="danger",
             available=_may_part, lead="The account becomes a person of its own. What was signed stays as it was."),
    )  # fmt: skip

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        return link_page(request)


@admin.register(MembershipEnd)
class MembershipEndAdmin(DeskAdmin):
    """Memberships of groups that end by themselves."""

    list_display = ("user", "group", "until", "reason", "set_by")
    list_filter = ("group",)
    list_select_related = ("user", "group", "set_by")
    search_fields = ("user__username", "group__name", "reason")
    fields = ("user", "group", "until", "reason")
    autocomplete_fields = ("user", "group")
    create_service = memberships.end_membership
    list_lead = "From its end on, a membership counts nowhere; the worker takes it away soon after."
    empty_state = {
        "title": "No membership has an end",
        "text": "Whoever is in a group only for a while need not be remembered: give the membership an end.",
        "url": "add/", "action": "End a membership",
    }  # fmt: skip
    steps = (
        Step(name="keep", label="Let it go on", service=memberships.keep_membership, argument="end", form=ReasonForm,
             available=lambda end, user: user.is_superuser, success="The membership has no end any more.",
             then=lambda _: "../../../"),
    )  # fmt: skip


@admin.register(SeenAs)
class SeenAsAdmin(DeskAdmin):
    """Which administrator looked at what which account sees."""

    list_display = ("looked_at", "looked_by", "account", "kind")
    list_select_related = ("looked_by", "account")
    search_fields = ("looked_by__username", "account__username")
    fields = ("looked_by", "account", "kind", "looked_at")
    empty_state = {
        "title": "Nobody has looked as someone else",
        "text": "Administrators can see what an account sees, and why; each look is kept here.",
    }
