"""What people say about rows to one another, and what each is told of it."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from django.apps import apps
from django.conf import settings
from django.db import models
from django.db.models import Q

from governance.ids import uuid7

COMMENTED: set[str] = set()
"""Kinds of rows that can be commented on, as "app.model"; apps add theirs with `comments.selectors.register`."""


class CommentQuerySet(models.QuerySet):
    """Comments, as far as the rows that they are about are visible."""

    def visible_to(self, user: Any, action: str = "view") -> Self:
        may_read = user.has_perm("governance.view_comment") or user.has_perm("governance.read_every_row")
        if not user.is_active or not may_read:
            return self.none()
        seen = Q(pk__in=[])
        for kind in sorted(COMMENTED):
            rows = apps.get_model(kind)._default_manager.visible_to(user)  # type: ignore[attr-defined]
            seen |= Q(kind=kind, object_id__in=rows.order_by().values("pk"))
        return self.filter(seen)


class Comment(models.Model):
    """One thing that one person said about one row, in plain text with @names in it. Append-only."""

    recorded = append_only = True

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=64, help_text="The row it is about, as app.model.")
    object_id = models.UUIDField()
    text = models.TextField()
    written_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    written_at = models.DateTimeField(auto_now_add=True)
    door = models.CharField(max_length=16, blank=True)

    objects = CommentQuerySet.as_manager()

    class Meta:
        ordering = ("written_at", "id")
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["object_id", "written_at"], name="comment_of_row"),
            models.Index(fields=["-written_at", "-id"], name="comment_newest"),
        ]

    def __str__(self) -> str:
        return f"comment of {self.written_by_id}"


class NotificationQuerySet(models.QuerySet):
    """Notifications; each belongs to whoever is told."""

    def visible_to(self, user: Any, action: str = "view") -> Self:
        return self.filter(account=user) if user.is_active else self.none()


class Notification(models.Model):
    """One thing that one account is told: that it was mentioned, or that work was given to it."""

    class Why(models.TextChoices):
        MENTION = "mention", "mentioned you"
        ASSIGNED = "assigned", "assigned pairs to you"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notifications")
    why = models.CharField(max_length=12, choices=Why)
    kind = models.CharField(max_length=64, help_text="The row it is about, as app.model.")
    object_id = models.UUIDField()
    comment = models.ForeignKey(Comment, on_delete=models.CASCADE, null=True, related_name="notifications")
    count = models.PositiveIntegerField(default=1, help_text="How many rows were given to the account.")
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    read_at = models.DateTimeField(null=True)
    mailed_at = models.DateTimeField(null=True)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["comment", "account"], name="notification_once_a_comment"),
            models.CheckConstraint(
                condition=Q(why="mention", comment__isnull=False) | (~Q(why="mention") & Q(comment__isnull=True)),
                name="notification_mention_has_comment",
            ),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["account", "-created_at", "-id"], name="notification_of_account"),
            models.Index(fields=["account"], condition=Q(read_at=None), name="notification_unread"),
            models.Index(fields=["account"], condition=Q(read_at=None, mailed_at=None), name="notification_to_mail"),
        ]

    def __str__(self) -> str:
        return f"{self.get_why_display()}, {self.created_at:%Y-%m-%d}"


class NotificationChoice(models.Model):
    """Whether one account is told by e-mail too. Without a row it is."""

    account = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="notification_choice"
    )
    by_mail = models.BooleanField(default=True)

    objects = NotificationQuerySet.as_manager()

    def __str__(self) -> str:
        return "digest by e-mail" if self.by_mail else "no e-mail"
