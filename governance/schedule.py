"""Work that comes round: a kind of job that names a period is asked for again once that has passed."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from governance import jobs
from governance.models import Job


def enqueue_due() -> list[Job]:
    """Ask for what is due. Every worker's sweep calls this; of several at once only one asks."""
    periods = {kind.slug: getattr(settings, kind.every) for kind in jobs.KINDS.values() if kind.every}
    asked = [_enqueue_if_due(slug, timedelta(seconds=seconds)) for slug, seconds in periods.items() if seconds]
    return [job for job in asked if job is not None]


@transaction.atomic
def _enqueue_if_due(slug: str, period: timedelta) -> Job | None:
    mine = Job.objects.filter(kind=slug, requested_by__isnull=True)
    # Locked first and looked at after: whoever waited here finds what the faster one has asked for.
    mine.select_for_update().first()
    newest = mine.first()
    if newest is None:
        return jobs.enqueue(slug, subject=None, by=None)
    if not newest.is_finished or newest.created_at > timezone.now() - period:
        return None
    mine.exclude(pk=newest.pk).filter(finished_at__isnull=False).delete()  # the last one is enough to look at
    return jobs.enqueue(slug, subject=None, by=None)
