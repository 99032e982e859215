"""Jobs: the row is the truth, and whoever holds it may lose it at any moment."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from governance import jobs, leases
from governance.errors import AlreadyDecided, LeaseLost, NotPermitted, UnknownJobKind, WorkbenchError
from governance.models import Job
from tests.factories import JobFactory, SheetFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def kind():
    """Registers a handler for the test and takes it away again."""
    added = []

    def register(handler, **options):
        jobs.register("test.count", label="Count", **options)(handler)
        added.append("test.count")

    yield register
    for slug in added:
        jobs.KINDS.pop(slug, None)


def reloaded(job):
    return Job.objects.get(pk=job.pk)


def held_by(owner, *, seconds=60, **fields):
    return JobFactory(
        state="running", lease_owner=owner, lease_until=timezone.now() + timedelta(seconds=seconds),
        started_at=timezone.now(), **fields,
    )


def test_a_job_runs_once_however_often_the_message_comes(kind, steward):
    calls = []
    kind(lambda running: calls.append(running.job.pk))
    job = JobFactory(requested_by=steward)

    jobs.run(job.pk)
    jobs.run(job.pk)

    assert calls == [job.pk]
    assert reloaded(job).state == "succeeded"


def test_progress_and_result_are_kept(kind):
    def handler(running):
        running.progress(3, 10)
        return {"pairs": 3}

    kind(handler)
    job = JobFactory()

    jobs.run(job.pk)

    job = reloaded(job)
    assert (job.done, job.total, job.result) == (3, 10, {"pairs": 3})


def test_a_broken_rule_ends_the_job_with_its_message(kind):
    def handler(running):
        raise WorkbenchError("Only one class; training needs two.")

    ended = []
    kind(handler, on_end=ended.append)
    job = JobFactory()

    jobs.run(job.pk)

    assert reloaded(job).state == "failed"
    assert reloaded(job).error == "Only one class; training needs two."
    assert [one.pk for one in ended] == [job.pk]


def test_a_fault_in_a_handler_ends_the_job_and_names_it(kind, caplog):
    kind(lambda running: 1 / 0)
    job = JobFactory()

    jobs.run(job.pk)

    assert reloaded(job).error.startswith("ZeroDivisionError: division by zero")


def test_a_waiting_job_is_cancelled_at_once(kind, steward):
    kind(lambda running: None)
    job = JobFactory(requested_by=steward)

    jobs.cancel(job=job, by=steward)
    jobs.run(job.pk)

    assert reloaded(job).state == "cancelled"


def test_a_running_job_stops_at_its_next_batch(kind, steward):
    seen = []

    def handler(running):
        for batch in range(3):
            jobs.cancel(job=running.job, by=steward) if batch == 1 else None
            seen.append(batch)
            running.progress(batch, 3)

    kind(handler)
    job = JobFactory(requested_by=steward)

    jobs.run(job.pk)

    assert reloaded(job).state == "cancelled"
    assert seen == [0, 1]


def test_a_finished_job_cannot_be_cancelled(kind, steward):
    kind(lambda running: None)
    job = JobFactory(requested_by=steward)
    jobs.run(job.pk)

    with pytest.raises(AlreadyDecided, match="succeeded"):
        jobs.cancel(job=job, by=steward)


def test_a_stranger_cannot_cancel_or_see_a_job(kind, steward, stranger):
    kind(lambda running: None)
    job = JobFactory(requested_by=steward)

    with pytest.raises(NotPermitted):
        jobs.cancel(job=job, by=stranger)
    assert not Job.objects.visible_to(stranger).exists()


def test_the_sweep_takes_a_job_back_from_a_process_that_is_gone():
    host = leases.new_owner().rsplit(":", 3)[0]
    job = held_by(f"{host}:999999:1.00:abcd")

    jobs.sweep()

    assert reloaded(job).state == "queued"


def test_the_sweep_leaves_a_job_with_its_living_owner():
    job = held_by(leases.new_owner())

    jobs.sweep()

    assert reloaded(job).state == "running"


def test_a_job_on_another_machine_is_taken_back_when_its_lease_ends():
    living = held_by("elsewhere/1:1:1.00:abcd")
    expired = held_by("elsewhere/1:2:1.00:abcd", seconds=-1)

    jobs.sweep()

    assert reloaded(living).state == "running"
    assert reloaded(expired).state == "queued"


def test_an_owner_that_lost_its_lease_can_commit_nothing():
    job = held_by(leases.new_owner())
    loser = jobs.Running(job, "elsewhere/1:1:1.00:lost")

    with pytest.raises(LeaseLost):
        loser.progress(5)
    with pytest.raises(LeaseLost), transaction.atomic():
        loser.hold()
    assert reloaded(job).done == 0


def test_a_dead_job_that_was_to_be_cancelled_ends_as_cancelled():
    host = leases.new_owner().rsplit(":", 3)[0]
    job = held_by(f"{host}:999999:1.00:abcd", cancel_requested_at=timezone.now())

    jobs.sweep()

    assert reloaded(job).state == "cancelled"


def test_a_message_that_was_lost_is_sent_again(monkeypatch):
    woken = []
    monkeypatch.setattr(jobs, "wake", woken.append)
    lost = JobFactory(woken_at=timezone.now() - timedelta(minutes=1))
    JobFactory(woken_at=timezone.now())

    jobs.sweep()
    jobs.sweep()

    assert woken == [lost.pk]


def test_a_job_of_an_unknown_kind_is_refused(steward):
    with pytest.raises(UnknownJobKind):
        jobs.enqueue("no.such.kind", subject=SheetFactory(owner=steward), by=steward)


def test_the_table_refuses_a_running_job_without_a_lease():
    with pytest.raises(IntegrityError, match="job_lease_iff_running"):
        JobFactory(state="running")
