"""Who came in, for those who audit; tokens for administrators. allauth's own desks are taken away."""

from __future__ import annotations

from typing import Any

from django.contrib import admin

from governance.admin_base import DeskAdmin
from governance.models import ApiToken, SignInEvent
from governance.portal.marks import chip
from governance.portal.steps import Step
from governance.sign_in import services

TONES: dict[str, str] = {
    SignInEvent.Outcome.SIGNED_IN: "permitted", SignInEvent.Outcome.CONFIRMED: "permitted",
    SignInEvent.Outcome.FAILED: "attention", SignInEvent.Outcome.LOCKED_OUT: "prohibited",
    SignInEvent.Outcome.FACTORS_TAKEN: "attention",
}  # fmt: skip

# They would show secrets of second factors, and let rows be edited past the record.
for _model in [one for one in admin.site._registry if one.__module__.startswith("allauth.")]:
    admin.site.unregister(_model)


@admin.register(SignInEvent)
class SignInEventAdmin(DeskAdmin):
    """Who signed in, failed to, or signed out; when, how and from where."""

    list_display = ("happened_at", "who", "outcome_chip", "way", "address", "note")
    list_filter = ("outcome", "way", "happened_at")
    list_select_related = ("user",)
    search_fields = ("name", "user__username", "address")
    fields = ("happened_at", "who", "outcome_chip", "way", "address", "note")
    empty_state = {
        "title": "Nobody has signed in yet",
        "text": "Every sign-in, failed try and sign-out is kept here. What was typed is never kept.",
    }

    @admin.display(description="Who", ordering="name")
    def who(self, event: SignInEvent) -> str:
        return event.name or "no known account"

    @admin.display(description="What happened", ordering="outcome")
    def outcome_chip(self, event: SignInEvent) -> Any:
        return chip(event.get_outcome_display(), TONES.get(event.outcome, "plain"))


@admin.register(ApiToken)
class ApiTokenAdmin(DeskAdmin):
    """Tokens that programs carry: whose, for what, until when."""

    list_display = ("name", "user", "scope_words", "state_chip", "expires_at", "last_used_at")
    list_filter = ("user",)
    list_select_related = ("user", "created_by")
    search_fields = ("name", "start", "user__username")
    fields = ("name", "start", "user", "scope_words", "state_chip", "created_by", "created_at", "expires_at",
              "last_used_at", "revoked_at")  # fmt: skip
    empty_state = {
        "title": "No tokens yet",
        "text": "Programs sign in with tokens; people make their own under Signing in → API tokens.",
    }
    steps = (
        Step(name="revoke", label="Revoke", service=services.revoke_token, argument="token", style="danger",
             confirm="Revoke this token? Programs that carry it are refused at once.",
             available=lambda token, user: token.revoked_at is None
             and (token.user_id == user.pk or user.is_superuser)),
    )  # fmt: skip

    @admin.display(description="May")
    def scope_words(self, token: ApiToken) -> str:
        return ", ".join(token.scopes)

    @admin.display(description="State")
    def state_chip(self, token: ApiToken) -> Any:
        return chip(*services.state_of(token))
