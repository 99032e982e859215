"""Looking after requests that wait: closing those that wait in vain, and reminding those who could sign the others.

Who could sign is reminded of what waits long or is about to expire: once a person, request and day.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.mail import send_mail
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from governance import desk, jobs
from governance.approvals.selectors import possible_signers
from governance.models import ApprovalRequest, Reminder

if TYPE_CHECKING:
    from governance.models import User

log = logging.getLogger(__name__)

EXPIRES_WITHIN = timedelta(days=2)


def mail_is_set_up() -> bool:
    return bool(settings.EMAIL_HOST)


@jobs.register("close-requests", label="Close requests that wait in vain", every="EXPIRY_EVERY")
def close_requests(running: jobs.Running) -> dict[str, Any]:
    """Those that were not decided in time, whose content changed or is gone, or whose step cannot be made any more"""
    return {"closed": desk.close_what_cannot_come_true()}


@jobs.register("remind-signers", label="Remind of open approvals", every="REMIND_EVERY")
def remind_signers(running: jobs.Running) -> dict[str, Any]:
    """Who was reminded today already is left alone, so this may run at any time and again."""
    made = [one for request in due() for one in remind(request)]
    return {"reminded": len(made), "mailed": sum(bool(one.mailed_to) for one in made)}


def due() -> list[ApprovalRequest]:
    """Open requests that wait longer than the site's limit, or expire within two days."""
    now = timezone.now()
    long = Q(requested_at__lte=now - timedelta(days=settings.REMIND_AFTER_DAYS))
    soon = Q(expires_at__lte=now + EXPIRES_WITHIN)
    pending = ApprovalRequest.objects.filter(long | soon, state=ApprovalRequest.State.PENDING, expires_at__gt=now)
    return list(pending.order_by("requested_at").prefetch_related("approvals__withdrawal"))


def remind(request: ApprovalRequest) -> list[Reminder]:
    """Remind everyone who could sign it and was not reminded today."""
    soon = request.expires_at <= timezone.now() + EXPIRES_WITHIN
    why = Reminder.Why.EXPIRING if soon else Reminder.Why.OPEN
    return [made for account in possible_signers(request) if (made := _remind(request, account, why))]


def _remind(request: ApprovalRequest, account: User, why: str) -> Reminder | None:
    """The row comes first: a worker that dies in between leaves one message unsent, and never sends one twice."""
    mail = account.email if mail_is_set_up() else ""
    reminder, is_new = Reminder.objects.get_or_create(
        request=request, person=account.person, day=timezone.localdate(),
        defaults={"account": account, "why": why, "mailed_to": mail},
    )  # fmt: skip
    if is_new and mail:
        _send(reminder)
    return reminder if is_new else None


def _send(reminder: Reminder) -> None:
    """A mail server that is down holds nothing up: the portal shows the reminder."""
    request = reminder.request
    address = f"{settings.SITE_URL}{reverse('admin:governance_approvalrequest_change', args=[request.pk])}"
    try:
        send_mail(
            subject=f"Waiting for you: {request.title}"[:150],
            message=(
                f"“{request.title}” {reminder.get_why_display()}. It expires on "
                f"{request.expires_at:%Y-%m-%d %H:%M} UTC.\n\n{address}\n\n"
                "What it is about is shown there, to those who may see it.\n"
            ),
            from_email=None,
            recipient_list=[reminder.mailed_to],
        )
    except OSError:
        log.warning("no mail server took reminder %s; the portal shows it", reminder.pk, exc_info=True)
        reminder.mailed_to = ""
        reminder.save(update_fields=["mailed_to"])


def todays(user: User) -> set[Any]:
    """Ids of the requests that this person was reminded of today."""
    return set(
        Reminder.objects.filter(person=user.person_id, day=timezone.localdate()).values_list("request", flat=True)
    )
