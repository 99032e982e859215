"""Long work. The Job row is the truth; a message only says "look at job N" and may be lost or doubled.

A handler works in batches that it commits one by one, so that it can be killed at any moment and run again.
"""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import close_old_connections, models, transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from governance import access, context, leases
from governance.errors import (
    AlreadyDecided,
    JobCancelled,
    LeaseLost,
    NotPermitted,
    UnknownJobKind,
    WorkbenchError,
)
from governance.models import Job

if TYPE_CHECKING:
    from governance.models import User

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 100
WAKE_AGAIN_AFTER = timedelta(seconds=10)


Handler = Callable[["Running"], dict[str, Any] | None]


@dataclass(frozen=True)
class Kind:
    """One kind of job: what runs it, and what to do on its subject when it ends without success.

    `every` names the setting with the seconds after which it comes round by itself; empty: only when asked for.
    """

    slug: str
    label: str
    handler: Handler
    on_end: Callable[[Job], None] | None = None
    every: str = ""


KINDS: dict[str, Kind] = {}


def register(
    slug: str, *, label: str, on_end: Callable[[Job], None] | None = None, every: str = ""
) -> Callable[[Handler], Handler]:
    """The one task decorator: `handler(running)` does the work of jobs of this kind.

    `on_end(job)` runs in the transaction that ends a job as failed or cancelled.
    """

    def decorate(handler: Handler) -> Handler:
        KINDS[slug] = Kind(slug, label, handler, on_end, every)
        return handler

    return decorate


class Running:
    """What a handler sees of its job: payload in; progress, heartbeat and cancellation out."""

    def __init__(self, job: Job, owner: str) -> None:
        self.job = job
        self.owner = owner
        self.payload: dict[str, Any] = job.payload

    def progress(self, done: int, total: int | None = None) -> None:
        """Say how far the work is.

        :raises JobCancelled: someone asked to cancel.
        :raises LeaseLost: another worker took over.
        """
        values: dict[str, Any] = {"done": done}
        if total is not None:
            values["total"] = max(total, done)
        self._write(**values)
        self.check()

    def check(self) -> None:
        """:raises JobCancelled: someone asked to cancel. :raises LeaseLost: another worker took over."""
        row = self._mine().values_list("cancel_requested_at", flat=True).first()
        if row is None and not self._mine().exists():
            raise LeaseLost(self.job.pk)
        if row is not None:
            raise JobCancelled(self.job.pk)

    def hold(self) -> None:
        """Lock the job row inside the caller's transaction: nobody else can hold it when that commits.

        :raises LeaseLost: another worker took over; the caller's transaction must roll back.
        """
        if not self._mine().select_for_update().exists():
            raise LeaseLost(self.job.pk)

    def _mine(self) -> models.QuerySet[Job]:
        return Job.objects.filter(pk=self.job.pk, state=Job.State.RUNNING, lease_owner=self.owner)

    def _write(self, **values: Any) -> None:
        now = timezone.now()
        until = now + timedelta(seconds=leases.LEASE_SECONDS)
        if not self._mine().update(heartbeat_at=now, lease_until=until, **values):
            raise LeaseLost(self.job.pk)


def enqueue(
    kind: str, *, subject: models.Model | None, by: User | None, payload: dict[str, Any] | None = None
) -> Job:
    """Write a job in the caller's transaction and wake a worker once that has committed.

    :raises UnknownJobKind: nothing handles `kind`.
    """
    if kind not in KINDS:
        raise UnknownJobKind(f"No handler is registered for jobs of kind {kind!r}.")
    job = Job.objects.create(
        kind=kind,
        subject_kind=subject._meta.label_lower if subject else "",
        subject_id=subject.pk if subject else None,
        subject_label=str(subject)[:300] if subject else "",
        payload=payload or {},
        requested_by=by,
        woken_at=timezone.now(),
    )
    transaction.on_commit(lambda: wake(job.pk))
    return job


def wake(job_id: UUID) -> None:
    """Send "look at this job". A broker that is down does no harm: the sweep finds the row."""
    from celery import current_app

    try:
        current_app.send_task("governance.look_at_job", args=[str(job_id)], ignore_result=True)
    except Exception:
        log.warning("no broker took the message for job %s; the sweep will", job_id, exc_info=True)


@transaction.atomic
def cancel(*, job: Job, by: User) -> Job:
    """Ask a job to stop; a waiting one ends at once, a running one at its next batch.

    :raises NotPermitted: neither the person who asked for the job nor an administrator.
    :raises AlreadyDecided: it has finished.
    """
    job = Job.objects.select_for_update().get(pk=job.pk)
    if not (by.is_superuser or job.requested_by_id == by.pk or _may_change_subject(job, by)):
        raise NotPermitted("Only the person who started a job, or who may change its subject, can cancel it.")
    if job.is_finished:
        raise AlreadyDecided(f"This job has {job.state} already.")
    job.cancel_requested_at = timezone.now()
    job.save(update_fields=["cancel_requested_at"])
    if job.state == Job.State.QUEUED:
        _end(job, Job.State.CANCELLED)
    return job


def subject_of(job: Job) -> models.Model | None:
    """The row a job works on, if it still exists."""
    from django.apps import apps

    if not job.subject_kind:
        return None
    return apps.get_model(job.subject_kind)._default_manager.filter(pk=job.subject_id).first()


def _may_change_subject(job: Job, by: User) -> bool:
    subject = subject_of(job)
    return subject is not None and access.can_see(by, subject, "change")


def run(job_id: UUID) -> None:
    """Claim and run one job. Safe to call any number of times: only one caller gets the lease."""
    owner = leases.new_owner()
    job = _claim(job_id, owner)
    if job is None:
        return
    running = Running(job, owner)
    with context.acting(user=job.requested_by, door="task", reason=f"job {job.kind}"), _heartbeat(running):
        _run_claimed(running)


def _claim(job_id: UUID, owner: str) -> Job | None:
    now = timezone.now()
    claimed = Job.objects.filter(pk=job_id, state=Job.State.QUEUED).update(
        state=Job.State.RUNNING,
        lease_owner=owner,
        lease_until=now + timedelta(seconds=leases.LEASE_SECONDS),
        heartbeat_at=now,
        started_at=Coalesce("started_at", models.Value(now)),
        attempt=F("attempt") + 1,
    )
    return Job.objects.select_related("requested_by").get(pk=job_id) if claimed else None


def _run_claimed(running: Running) -> None:
    job = running.job
    try:
        result = _handler_of(job)(running)
    except LeaseLost:
        log.warning("job %s was taken over by another worker", job.pk)
    except JobCancelled:
        _finish(running, Job.State.CANCELLED)
    except WorkbenchError as error:
        _finish(running, Job.State.FAILED, error=error.message)
    except Exception as error:
        log.exception("job %s (%s) failed", job.pk, job.kind)
        where = traceback.extract_tb(error.__traceback__)[-1]
        text = f"{type(error).__name__}: {error} (in {where.name})"
        _finish(running, Job.State.FAILED, error=text)
    else:
        _finish(running, Job.State.SUCCEEDED, result=result or {})


def _handler_of(job: Job) -> Handler:
    if job.kind in KINDS:
        return KINDS[job.kind].handler
    raise UnknownJobKind(f"No handler is registered for jobs of kind {job.kind!r}.")


@transaction.atomic
def _finish(running: Running, state: str, *, result: dict[str, Any] | None = None, error: str = "") -> None:
    job = running._mine().select_for_update().first()
    if job is not None:
        _end(job, state, result=result or {}, error=error)


def _end(job: Job, state: str, *, result: dict[str, Any] | None = None, error: str = "") -> None:
    job.state = state
    job.lease_owner, job.lease_until = "", None
    job.result, job.error = result or {}, error
    job.finished_at = timezone.now()
    job.save(update_fields=["state", "lease_owner", "lease_until", "result", "error", "finished_at"])
    kind = KINDS.get(job.kind)
    if state != Job.State.SUCCEEDED and kind is not None and kind.on_end is not None:
        kind.on_end(job)


@contextmanager
def _heartbeat(running: Running) -> Iterator[None]:
    """Renew the lease from a side thread while the handler works."""
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(leases.LEASE_SECONDS / 4):
            try:
                running._write()
            except LeaseLost:
                return
            except Exception:
                log.warning("heartbeat of job %s failed", running.job.pk, exc_info=True)
            finally:
                close_old_connections()

    thread = threading.Thread(target=beat, name=f"heartbeat-{running.job.pk}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def sweep() -> int:
    """Put jobs back whose worker is gone, and wake workers for jobs whose message was lost.

    Returns how many jobs were looked after. Cheap enough to run every second or two.
    """
    now = timezone.now()
    for job in Job.objects.filter(state=Job.State.RUNNING, lease_until__isnull=False):
        if job.lease_until is None or job.lease_until <= now or leases.is_dead(job.lease_owner):
            _take_back(job)
    unheard = Q(woken_at__isnull=True) | Q(woken_at__lt=now - WAKE_AGAIN_AFTER)
    waiting = Job.objects.filter(unheard, state=Job.State.QUEUED).order_by("created_at")
    ids = list(waiting.values_list("pk", flat=True)[:50])
    Job.objects.filter(pk__in=ids).update(woken_at=now)
    for job_id in ids:
        wake(job_id)
    return len(ids)


@transaction.atomic
def _take_back(job: Job) -> None:
    """Re-queue a job whose lease ended; fenced by its owner, so that a live one is never touched."""
    locked = (
        Job.objects.select_for_update()
        .filter(pk=job.pk, state=Job.State.RUNNING, lease_owner=job.lease_owner)
        .first()
    )
    if locked is None:
        return
    if locked.cancel_requested_at:
        _end(locked, Job.State.CANCELLED)
    elif locked.attempt >= MAX_ATTEMPTS:
        _end(locked, Job.State.FAILED, error=f"The worker died {locked.attempt} times while running this job.")
    else:
        locked.state, locked.lease_owner, locked.lease_until = Job.State.QUEUED, "", None
        locked.woken_at = None
        locked.save(update_fields=["state", "lease_owner", "lease_until", "woken_at"])


def run_waiting() -> int:
    """Run every waiting job here and now, in this process; for commands and tests without a worker."""
    count = 0
    while job_id := Job.objects.filter(state=Job.State.QUEUED).values_list("pk", flat=True).first():
        run(job_id)
        count += 1
    return count


def latest_for(subject: models.Model) -> Job | None:
    """The newest job on `subject`."""
    return Job.objects.filter(subject_kind=subject._meta.label_lower, subject_id=subject.pk).first()
