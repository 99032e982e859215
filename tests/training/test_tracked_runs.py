"""What the tracker says of a run whose worker is gone."""

from __future__ import annotations

import pytest
from django.utils import timezone

from governance import jobs
from governance.models import Job
from training.runs import services, training


def test_a_run_cancelled_after_its_worker_died_is_ended_in_the_tracker(
    approved_set, engineer, tracker, api, monkeypatch
):
    def killed(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "_fit", killed)
    run = services.start_run(
        dataset_version=approved_set, name="r", model_name="notes", trainer="text_classifier", by=engineer
    )
    with pytest.raises(KeyboardInterrupt):
        jobs.run(jobs.latest_for(run).pk)
    Job.objects.filter(pk=jobs.latest_for(run).pk).update(
        lease_owner="elsewhere/1:1:1.00:dead", lease_until=timezone.now()
    )
    run.refresh_from_db()
    assert tracker._client().get_run(run.mlflow_run_id).info.status == "RUNNING"

    assert api(engineer).post(f"/api/v1/jobs/{jobs.latest_for(run).pk}/cancel/").status_code == 200
    jobs.sweep()
    jobs.run_waiting()

    run.refresh_from_db()
    assert run.status == "cancelled"
    assert tracker._client().get_run(run.mlflow_run_id).info.status == "KILLED"
