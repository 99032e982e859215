"""Reading comments and notifications: what stands at a row, who can be mentioned there, what somebody is told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db.models import Q, QuerySet

from governance import access
from governance.models import Comment, Notification, User
from governance.models.comments import COMMENTED

SUGGESTED = 8
LOOKED_AT = 100  # candidates, before a list of suggestions is given up
UNREAD_SHOWN = 100


def register(kind: str) -> None:
    """Rows of this kind, as "app.model", can be commented on. Call it in `AppConfig.ready`."""
    COMMENTED.add(kind)


def commented_row(kind: str, pk: UUID, user: User) -> Any:
    """The row, or None where there is none for `user`, or none that can be commented on."""
    if kind not in COMMENTED:
        return None
    model: Any = apps.get_model(kind)
    return model._default_manager.visible_to(user).filter(pk=pk).first()


def comments_on(row: Any) -> QuerySet[Comment]:
    """Everything that was said about a row, oldest first; the caller has found the row through its rights."""
    return Comment.objects.filter(kind=row._meta.label_lower, object_id=row.pk).select_related("written_by")


def people_to_mention(row: Any, typed: str = "") -> list[User]:
    """The first few accounts that may see `row` and whose user name or name begins with `typed`."""
    found: list[User] = []
    begins = Q(username__istartswith=typed) | Q(first_name__istartswith=typed) | Q(last_name__istartswith=typed)
    for account in access.accounts_that_may_see(row).filter(begins)[:LOOKED_AT]:
        if access.can_see(account, row):
            found.append(account)
        if len(found) == SUGGESTED:
            break
    return found


def unread_count(user: User) -> int:
    """How many notifications wait unread, counted no further than to `UNREAD_SHOWN`."""
    return Notification.objects.filter(account=user, read_at=None).order_by()[:UNREAD_SHOWN].count()


@dataclass(frozen=True)
class Told:
    """One notification as its person may know it now: `row` is None where they may not see it (any more)."""

    notification: Notification
    row: Any

    @property
    def what(self) -> str:
        """The row by its kind, and by name only where it is visible."""
        name = apps.get_model(self.notification.kind)._meta.verbose_name
        return f"{name} {self.row}" if self.row is not None else f"a {name} that you may not see any more"

    @property
    def words(self) -> str:
        """What happened, in a sentence."""
        by = self.notification.made_by.display_name
        if self.notification.why == Notification.Why.ASSIGNED:
            count = self.notification.count
            return f"{by} assigned {count:,} pair{'' if count == 1 else 's'} to you"
        return f"{by} mentioned you"

    @property
    def text(self) -> str:
        """What was said, for those who may see what it was said about."""
        comment = self.notification.comment
        return comment.text if comment is not None and self.row is not None else ""


def told(notifications: Iterable[Notification], user: User) -> list[Told]:
    """Each with its row, as far as `user` may see that now; one query a kind of row."""
    listed = list(notifications)
    wanted: dict[str, set[UUID]] = {}
    for one in listed:
        wanted.setdefault(one.kind, set()).add(one.object_id)
    rows: dict[tuple[str, UUID], Any] = {}
    for kind, keys in wanted.items():
        model: Any = apps.get_model(kind)
        rows |= {(kind, row.pk): row for row in model._default_manager.visible_to(user).filter(pk__in=keys)}
    return [Told(one, rows.get((one.kind, one.object_id))) for one in listed]


def notifications_of(user: User) -> QuerySet[Notification]:
    """What this account was told, newest first."""
    return Notification.objects.visible_to(user).select_related("made_by", "comment")
