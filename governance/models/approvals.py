"""Gates: who must approve which step, what was asked, and each person's answer."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models import Q

from governance.ids import uuid7
from governance.models.collections import RoleQuerySet, Tracked
from governance.models.people import Person

TITLES: dict[str, str] = {}
"""What each gate is called, by its slug; `desk.register_gate` enters it, so that rows can say it."""


class GatePolicy(Tracked):
    """How many people of which roles must approve one kind of step."""

    gate = models.SlugField(max_length=64, unique=True)
    approvals = models.JSONField(default=dict, help_text='Approvals needed by role, such as {"approver": 1}.')
    author_may_approve = models.BooleanField(default=False)
    lifetime_days = models.PositiveSmallIntegerField(default=30)
    reauthenticate_minutes = models.PositiveSmallIntegerField(
        default=15,
        help_text="Who signs must have proved who they are within so many minutes. 0: at any time in their session.",
    )

    objects = RoleQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "gate policies"
        ordering = ("gate",)

    def __str__(self) -> str:
        return TITLES.get(self.gate, self.gate)


class ApprovalRequest(Tracked):
    """One step that someone asked for and that others must approve."""

    class State(models.TextChoices):
        PENDING = "pending", "waiting"
        APPROVED = "approved"
        REJECTED = "rejected"
        WITHDRAWN = "withdrawn"
        EXPIRED = "expired"
        VOID = "void", "void: content changed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    gate = models.SlugField(max_length=64)
    content_type = models.ForeignKey(ContentType, on_delete=models.PROTECT, related_name="+")
    object_id = models.UUIDField()
    subject = GenericForeignKey("content_type", "object_id")
    subject_label = models.CharField(max_length=300)
    fingerprint = models.CharField(max_length=64, help_text="Of everything the approvers are shown.")
    payload = models.JSONField(default=dict, help_text="What the step will do, where the subject does not say.")
    needed = models.JSONField(default=dict, help_text="Approvals needed by role.")
    reason = models.TextField()
    state = models.CharField(max_length=12, choices=State, default=State.PENDING)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    requested_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-requested_at", "-id")
        permissions: ClassVar[list[Any]] = [("decide_approvalrequest", "Can approve or reject requests")]
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["gate", "content_type", "object_id"],
                condition=Q(state="pending"),
                name="approval_one_open_request",
            ),
            models.CheckConstraint(
                condition=Q(state="pending", decided_at__isnull=True)
                | (~Q(state="pending") & Q(decided_at__isnull=False)),
                name="approval_decided_has_moment",
            ),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["state", "-requested_at"], name="approval_waiting"),
            models.Index(fields=["content_type", "object_id"], name="approval_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.title}: {self.subject_label}"

    @property
    def title(self) -> str:
        """What is asked for, in words."""
        return TITLES.get(self.gate, self.gate)


class Approval(models.Model):
    """One person's signed answer to one request. Append-only."""

    recorded = append_only = True

    class Verdict(models.TextChoices):
        APPROVE = "approve", "approved"
        REJECT = "reject", "rejected"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    request = models.ForeignKey(ApprovalRequest, on_delete=models.PROTECT, related_name="approvals")
    approver = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    role = models.SlugField()
    verdict = models.CharField(max_length=8, choices=Verdict)
    comment = models.TextField()
    fingerprint = models.CharField(max_length=64)
    signed_at = models.DateTimeField(auto_now_add=True)
    authenticated_at = models.DateTimeField(
        null=True, help_text="When the person last proved who they are; empty where a command on the server signed."
    )

    class Meta:
        ordering = ("signed_at",)
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["request", "person"], name="approval_once_a_person"),
        ]

    def __str__(self) -> str:
        return f"{self.approver} {self.get_verdict_display()}"
