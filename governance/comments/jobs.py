"""The digest: what somebody was told and has not read comes by e-mail once, in one message."""

from __future__ import annotations

import logging
from typing import Any

from django.conf import settings
from django.core.mail import send_mail
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from governance import jobs
from governance.approvals.reminders import mail_is_set_up
from governance.comments import selectors
from governance.models import Notification, User

log = logging.getLogger(__name__)

MOST_LINES = 50


@jobs.register("send-digests", label="Send digests of notifications", every="DIGEST_EVERY")
def send_digests(running: jobs.Running) -> dict[str, Any]:
    """To everyone with an address who has not chosen otherwise; what was mailed or read is left out."""
    if not mail_is_set_up():
        return {"mailed": 0}
    waiting = Notification.objects.filter(read_at=None, mailed_at=None)
    people = User.objects.filter(pk__in=waiting.values("account"), is_active=True).exclude(email="")
    wanting = people.exclude(notification_choice__by_mail=False).order_by("pk")
    return {"mailed": sum(_send_to(person) for person in wanting)}


def _send_to(person: User) -> bool:
    """Rows are marked first: a worker that dies in between leaves one message unsent, and never sends one twice."""
    mine = Notification.objects.filter(account=person, read_at=None, mailed_at=None)
    due = list(mine.select_related("made_by", "comment").order_by("created_at", "id"))
    now = timezone.now()
    if not Notification.objects.filter(pk__in=[one.pk for one in due], mailed_at=None).update(mailed_at=now):
        return False
    lines = [_line(one) for one in selectors.told(due, person) if one.row is not None]
    if not lines:
        return False
    try:
        _send(person, lines)
    except OSError:
        log.warning("no mail server took the digest for account %s; the portal shows it", person.pk, exc_info=True)
        Notification.objects.filter(account=person, mailed_at=now).update(mailed_at=None)
        return False
    return True


def _send(person: User, lines: list[str]) -> None:
    more = f"\n… and {len(lines) - MOST_LINES} more.\n" if len(lines) > MOST_LINES else ""
    page = f"{settings.SITE_URL}{reverse('governance:notifications')}"
    send_mail(
        subject=f"Workbench: {len(lines)} new notification{'' if len(lines) == 1 else 's'}",
        message="\n\n".join(lines[:MOST_LINES])
        + f"\n{more}\nAll of them, and whether you want these messages: {page}\n",
        from_email=None,
        recipient_list=[person.email],
    )


def _line(told: selectors.Told) -> str:
    """Who did what, and where to read it: no word of a governed row goes by e-mail."""
    meta = told.row._meta
    try:
        path = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[told.row.pk])
    except NoReverseMatch:
        path = reverse("governance:notifications")
    return f"{told.words} ({meta.verbose_name}):\n{settings.SITE_URL}{path}#comments"
