"""Who signed in, how, and with what: the events of signing in, and the tokens that programs carry."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from governance.ids import uuid7
from governance.models.collections import RoleQuerySet, sees_every_row


class SignInEvent(models.Model):
    """One thing that happened at the door: someone signed in or out, failed to, or changed what proves who they are.

    What was typed is never kept. A try with a name that no account has keeps no name: people type their password
    into the wrong field.
    """

    recorded = append_only = True

    class Way(models.TextChoices):
        PASSWORD = "password"  # noqa: S105 - a way, not a secret
        TOTP = "totp", "password and authenticator app"
        RECOVERY_CODE = "recovery_code", "password and recovery code"
        PASSKEY = "passkey", "passkey"
        OIDC = "oidc", "identity provider"
        TOKEN = "token", "API token"

    class Outcome(models.TextChoices):
        SIGNED_IN = "signed_in", "signed in"
        CONFIRMED = "confirmed", "confirmed who they are"
        FAILED = "failed", "refused"
        LOCKED_OUT = "locked_out", "refused: too many tries"
        SIGNED_OUT = "signed_out", "signed out"
        FACTOR_ADDED = "factor_added", "second factor added"
        FACTOR_REMOVED = "factor_removed", "second factor removed"
        FACTORS_TAKEN = "factors_taken", "second factors removed by an administrator"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    name = models.CharField(max_length=300, blank=True, help_text="Of the account, as it was then; empty if unknown.")
    way = models.CharField(max_length=16, choices=Way, blank=True)
    outcome = models.CharField(max_length=16, choices=Outcome)
    address = models.GenericIPAddressField(null=True)
    note = models.TextField(blank=True, help_text="Who did it and why, where somebody else did.")
    happened_at = models.DateTimeField(auto_now_add=True)

    objects = RoleQuerySet.as_manager()

    class Meta:
        verbose_name = "sign-in event"
        ordering = ("-happened_at", "-id")
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                condition=Q(user__isnull=True, name="") | Q(user__isnull=False), name="signinevent_unknown_has_no_name"
            ),
        ]
        indexes: ClassVar[list[Any]] = [models.Index(fields=["-happened_at", "-id"], name="signinevent_newest")]

    def __str__(self) -> str:
        return f"{self.name or 'unknown'} {self.get_outcome_display()}"


class ApiTokenQuerySet(models.QuerySet):
    """Tokens, each seen by the account that it acts for; administrators and those who audit see all."""

    def visible_to(self, user: Any, action: str = "view") -> ApiTokenQuerySet:
        if not user.is_active or not user.is_authenticated:
            return self.none()
        return self if sees_every_row(user, action) else self.filter(user=user)


class ApiToken(models.Model):
    """One key with which a program acts for an account, within its scopes, until it ends. Only its digest is kept."""

    recorded = True
    derived_columns = ("last_used_at",)
    hidden_columns = ("digest",)

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="api_tokens")
    name = models.CharField(max_length=120)
    start = models.CharField(max_length=12, help_text="Its first characters, to tell tokens apart.")
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the token.")
    scopes = models.JSONField(default=list)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, help_text="To the minute.")
    revoked_at = models.DateTimeField(null=True)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        verbose_name = "API token"
        ordering = ("-created_at", "-id")
        indexes: ClassVar[list[Any]] = [models.Index(fields=["user", "-created_at"], name="apitoken_of_user")]

    def __str__(self) -> str:
        return f"{self.name} ({self.start}…)"
