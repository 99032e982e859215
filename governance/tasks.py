"""The messages. There is one: look at job N."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from governance import jobs


@shared_task(name="governance.look_at_job", ignore_result=True)
def look_at_job(job_id: str) -> None:
    """Run the job if it still waits. Safe to receive twice, late or never."""
    jobs.run(UUID(job_id))
