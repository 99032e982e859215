"""Gates: who must approve which step, what was asked, and each person's answer."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from django.conf import settings
from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models import Q
from django.utils import timezone

from governance.ids import uuid7
from governance.models.collections import RoleQuerySet, Tracked, sees_every_row
from governance.models.people import Person

TITLES: dict[str, str] = {}
"""What each gate is called, by its slug; `register_gate` enters it, so that rows can say it."""


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
    comment_required = models.BooleanField(
        default=True, help_text="Whether an approval needs a comment. Any other answer always does."
    )

    objects = RoleQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "gate policies"
        ordering = ("gate",)

    def __str__(self) -> str:
        return TITLES.get(self.gate, self.gate)


class PolicyProposal(Tracked):
    """New values that someone proposes for the policy of one gate; they act once its request is approved."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    policy = models.ForeignKey(GatePolicy, on_delete=models.PROTECT, related_name="proposals")
    approvals = models.JSONField(default=dict)
    author_may_approve = models.BooleanField()
    lifetime_days = models.PositiveSmallIntegerField()
    reauthenticate_minutes = models.PositiveSmallIntegerField()
    comment_required = models.BooleanField()
    proposed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField(auto_now_add=True)

    objects = RoleQuerySet.as_manager()

    class Meta:
        ordering = ("-proposed_at", "-id")

    def __str__(self) -> str:
        return f"for “{self.policy}”"


class ApprovalRequest(Tracked):
    """One step that someone asked for and that others must approve."""

    class State(models.TextChoices):
        PENDING = "pending", "waiting"
        APPROVED = "approved"
        REJECTED = "rejected"
        CHANGES = "changes", "changes asked for"
        WITHDRAWN = "withdrawn"
        EXPIRED = "expired"
        VOID = "void"
        REVOKED = "revoked", "approval taken back"

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
    def standing(self) -> str:
        """Its state as words that go on after “this request is”."""
        return STANDINGS[self.State(self.state)]

    @property
    def title(self) -> str:
        """What is asked for, in words."""
        return TITLES.get(self.gate, self.gate)


STANDINGS: dict[str, str] = {
    ApprovalRequest.State.PENDING: "waiting",
    ApprovalRequest.State.APPROVED: "approved",
    ApprovalRequest.State.REJECTED: "rejected",
    ApprovalRequest.State.CHANGES: "closed: changes were asked for",
    ApprovalRequest.State.WITHDRAWN: "withdrawn",
    ApprovalRequest.State.EXPIRED: "expired",
    ApprovalRequest.State.VOID: "void",
    ApprovalRequest.State.REVOKED: "closed: its approval was taken back",
}


class Approval(models.Model):
    """One person's signed answer to one request. Append-only: who takes it back adds an `ApprovalWithdrawal`.

    `for_account` is whose right was signed with, where that was delegated. `round` counts from 1, and up by each answer
    that the person took back, so that the table itself refuses a second answer that counts.
    """

    recorded = append_only = True

    class Verdict(models.TextChoices):
        APPROVE = "approve", "approved"
        REJECT = "reject", "rejected"
        CHANGES = "changes", "asked for changes"

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
    delegation = models.ForeignKey("Delegation", on_delete=models.PROTECT, null=True, related_name="+")
    for_account = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    round = models.PositiveSmallIntegerField(default=1)

    class Meta:
        ordering = ("signed_at",)
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["request", "person", "round"], name="approval_once_a_person"),
            models.CheckConstraint(
                condition=Q(delegation=None, for_account=None) | Q(delegation__isnull=False, for_account__isnull=False),
                name="approval_delegated_for_someone",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.approver} {self.get_verdict_display()}"


class ApprovalWithdrawal(models.Model):
    """One answer taken back: it stays where it is and no longer counts. Append-only."""

    recorded = append_only = True

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    approval = models.OneToOneField(Approval, on_delete=models.PROTECT, related_name="withdrawal")
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+",
        help_text="Empty where it stopped counting by itself: two accounts turned out to be one person.",
    )  # fmt: skip
    reason = models.TextField()
    withdrawn_at = models.DateTimeField(auto_now_add=True)
    authenticated_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("withdrawn_at",)

    def __str__(self) -> str:
        return f"{self.approval}, taken back"


class DelegationQuerySet(models.QuerySet):
    """Delegations, limited to those whom they concern."""

    def visible_to(self, user: Any, action: str = "view") -> Self:
        permission = f"governance.{action}_delegation"
        if not user.is_active or not (sees_every_row(user, action) or user.has_perm(permission)):
            return self.none()
        return self if sees_every_row(user, action) else self.filter(Q(delegator=user) | Q(delegate=user))

    def in_force(self) -> Self:
        return self.filter(revoked_at=None, until__gt=timezone.now())


class Delegation(Tracked):
    """One person's right to sign in one role, lent to another person until a date; at one gate, or at all (empty)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    delegator = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="delegated")
    delegate = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="delegated_to")
    role = models.SlugField()
    gate = models.SlugField(max_length=64, blank=True)
    reason = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)
    until = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = DelegationQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=~Q(delegator=models.F("delegate")), name="delegation_to_someone_else"),
            models.CheckConstraint(
                condition=Q(revoked_at=None, revoked_by=None) | Q(revoked_at__isnull=False, revoked_by__isnull=False),
                name="delegation_revoked_by_someone",
            ),
        ]
        indexes: ClassVar[list[Any]] = [models.Index(fields=["delegate", "until"], name="delegation_of_delegate")]

    def __str__(self) -> str:
        return f"{self.role.replace('-', ' ')}, {self.delegator} to {self.delegate}"


class Reminder(models.Model):
    """One person reminded of one open request on one day."""

    class Why(models.TextChoices):
        OPEN = "open", "waits long"
        EXPIRING = "expiring", "is about to expire"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    request = models.ForeignKey(ApprovalRequest, on_delete=models.PROTECT, related_name="reminders")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    account = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    day = models.DateField()
    why = models.CharField(max_length=12, choices=Why)
    mailed_to = models.EmailField(blank=True, help_text="Empty where no message was sent; the portal shows it anyway.")
    reminded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-reminded_at", "-id")
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["request", "person", "day"], name="reminder_once_a_day"),
        ]

    def __str__(self) -> str:
        return f"{self.account} of {self.request}"
