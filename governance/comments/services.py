"""Saying something about a row, and telling people."""

from __future__ import annotations

import re
from typing import Any

from django.db import transaction
from django.utils import timezone

from governance import access, context
from governance.errors import CannotMention, InvalidInput
from governance.models import Comment, Notification, NotificationChoice, User

LONGEST = 4_000
MENTIONED_AT_MOST = 20
# A user name holds letters, digits and @ . + - _; an @ inside a word, as in an e-mail address, mentions nobody.
MENTION = re.compile(r"(?<![\w.+@-])@([\w.@+-]+)")


@transaction.atomic
def add_comment(*, row: Any, by: User, text: str) -> Comment:
    """Say something about a row; everybody mentioned as @name is told.

    :raises NotPermitted: `by` may not comment, or not see the row.
    :raises InvalidInput: the text is empty, too long, or mentions too many.
    :raises CannotMention: a name is not of an account that may see the row.
    """
    access.require(by, "governance.add_comment", row)
    text = text.strip()
    if not 1 <= len(text) <= LONGEST:
        raise InvalidInput(f"Write 1 to {LONGEST:,} characters; this has {len(text):,}.", field="text")
    people = mentioned_in(text, row)
    kind = row._meta.label_lower
    comment = Comment.objects.create(kind=kind, object_id=row.pk, text=text, written_by=by, door=context.current().door)
    Notification.objects.bulk_create(
        Notification(
            account=one, why=Notification.Why.MENTION, kind=kind, object_id=row.pk, comment=comment, made_by=by
        )
        for one in people
        if one.pk != by.pk
    )
    return comment


def mentioned_in(text: str, row: Any) -> list[User]:
    """The accounts that a text mentions, each once.

    :raises CannotMention: for a name without such an account. Whether it exists is not said.
    """
    names = dict.fromkeys(MENTION.findall(text))
    if len(names) > MENTIONED_AT_MOST:
        raise InvalidInput(f"Mention {MENTIONED_AT_MOST} people at most; this has {len(names)}.", field="text")
    people: dict[Any, User] = {}
    for name in names:
        account = _account(name)
        if account is None or not access.can_see(account, row):
            raise CannotMention(
                f"“@{name}” cannot be mentioned here: it is no account that may see this {row._meta.verbose_name}. "
                "Choose one of those that are offered, or write the name without @.",
                field="text",
            )
        people[account.pk] = account
    return list(people.values())


def _account(name: str) -> User | None:
    """By user name; marks that end a sentence are tried as part of the name first."""
    tried = dict.fromkeys((name, name.rstrip(".+-@_")))
    found = {one.username: one for one in User.objects.filter(username__in=list(tried), is_active=True)}
    return next((found[one] for one in tried if one in found), None)


def tell_of_work(*, account: User, row: Any, count: int, by: User) -> None:
    """Tell somebody that `count` rows of the collection `row` were given to them; oneself need not be told."""
    if account.pk != by.pk:
        Notification.objects.create(
            account=account, why=Notification.Why.ASSIGNED, kind=row._meta.label_lower, object_id=row.pk,
            count=count, made_by=by,
        )  # fmt: skip


def mark_read(*, by: User, notification: Notification | None = None) -> int:
    """One's own notification, or all of them, as read. Returns how many were not yet."""
    mine = Notification.objects.filter(account=by, read_at=None)
    if notification is not None:
        mine = mine.filter(pk=notification.pk)
    return mine.update(read_at=timezone.now())


def choose(*, by: User, by_mail: bool) -> NotificationChoice:
    """Whether one is told by e-mail too."""
    choice, _ = NotificationChoice.objects.update_or_create(account=by, defaults={"by_mail": by_mail})
    return choice


def is_told_by_mail(user: User) -> bool:
    """Unless they chose otherwise."""
    return not NotificationChoice.objects.filter(account=user, by_mail=False).exists()
