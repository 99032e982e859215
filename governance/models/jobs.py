"""Long work: the row is the truth, messages only point at it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from governance.ids import uuid7
from governance.models.collections import sees_every_row

if TYPE_CHECKING:
    from governance.models.people import User


class JobQuerySet(models.QuerySet):
    """Jobs, limited to what someone may see."""

    def visible_to(self, user: User, action: str = "view") -> Self:
        """The user's own jobs; auditors and administrators see all."""
        if not user.is_active or not user.is_authenticated:
            return self.none()
        return self if sees_every_row(user, action) else self.filter(requested_by=user)


class Job(models.Model):
    """One piece of long work: what, for whom, how far, and who holds it now."""

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        CANCELLED = "cancelled"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=64)
    subject_kind = models.CharField(max_length=100, blank=True)
    subject_id = models.UUIDField(null=True, blank=True)
    subject_label = models.CharField(max_length=300, blank=True)
    payload = models.JSONField(default=dict)
    state = models.CharField(max_length=12, choices=State, default=State.QUEUED)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    attempt = models.PositiveSmallIntegerField(default=0)
    lease_owner = models.CharField(max_length=200, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    woken_at = models.DateTimeField(null=True, blank=True, help_text="When a worker was last told to look.")
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    result = models.JSONField(default=dict)
    error = models.TextField(blank=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                condition=(Q(state="running") & ~Q(lease_owner="") & Q(lease_until__isnull=False))
                | (~Q(state="running") & Q(lease_owner="", lease_until__isnull=True)),
                name="job_lease_iff_running",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["queued", "running"], finished_at__isnull=True)
                | Q(state__in=["succeeded", "failed", "cancelled"], finished_at__isnull=False),
                name="job_finished_has_moment",
            ),
            models.CheckConstraint(condition=Q(total=0) | Q(done__lte=F("total")), name="job_done_within_total"),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["state", "lease_until"], name="job_state_lease"),
            models.Index(fields=["subject_kind", "subject_id", "-created_at"], name="job_subject"),
            models.Index(fields=["requested_by", "-created_at"], name="job_mine"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} · {self.subject_label}" if self.subject_label else self.kind

    @property
    def is_finished(self) -> bool:
        return self.state in {self.State.SUCCEEDED, self.State.FAILED, self.State.CANCELLED}

    @property
    def percent(self) -> int:
        """Whole per cent done, 0 while the total is unknown."""
        return 100 * self.done // self.total if self.total else 0

    @property
    def rate(self) -> float | None:
        """Items per second since the start, while it runs or after; None before anything is done."""
        if not self.started_at or not self.done:
            return None
        seconds = ((self.finished_at or timezone.now()) - self.started_at).total_seconds()
        return round(self.done / seconds, 2) if seconds > 0 else None

    @property
    def eta_seconds(self) -> int | None:
        """Seconds left at the present rate; None when that is not known."""
        if self.is_finished or not self.total or not self.rate:
            return None
        return int((self.total - self.done) / self.rate)
