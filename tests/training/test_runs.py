"""Runs: what may be trained on, what becomes of a run, and the record of every pair."""

from __future__ import annotations

import pytest
from django.urls import reverse

from governance import access, constraints, jobs
from governance.constraints import Terms
from governance.errors import NotPermitted
from governance.models import Job
from governance.portal.rows import row_url
from governance.uses import ALL_USES, Use, mask_of
from tests.training.factories import approved, make_dataset, make_pair, make_pairs
from training.datasets.errors import NotUsable
from training.lineage import selectors as lineage
from training.models import Evaluation, LineagePair, ModelTrainingLineage, ModelVersion, RegisteredModel, TrainingRun
from training.runs import selectors, services
from training.runs.errors import AliasRefused, NothingPermitted, RunRefused
from training.tracking.errors import TrackingFailed
from training.trainers.errors import HyperparameterRefused

NO_TRAINING = mask_of(["training", "validation"])


def start(version, by, **fields) -> TrainingRun:
    values = {"name": "first run", "model_name": f"notes {version.pk.hex[-12:]}", "trainer": "text_classifier"}
    return services.start_run(dataset_version=version, by=by, **values | fields)


def job_of(row) -> Job:
    return jobs.latest_for(row)


def trained(version, by, **fields) -> TrainingRun:
    run = start(version, by, **fields)
    jobs.run(job_of(run).pk)
    run.refresh_from_db()
    assert run.status == "succeeded", run.error
    return run


def tighten(row, by, uses=NO_TRAINING):
    terms = Terms(allowed_uses=ALL_USES, prohibited_uses=uses, data_classification=1, usage_reason="consent withdrawn")
    constraints.tighten(row=row, terms=terms, by=by)


def test_the_summary_counts_approved_allowed_and_prohibited_with_reasons(
    training_sheet, engineer, approver, share_dataset
):
    make_pairs(training_sheet, 85)
    for number in range(15):
        make_pair(training_sheet, f"phi {number}", prohibited_uses=NO_TRAINING, usage_reason="PHI")
    make_pair(training_sheet, "rejected", status="rejected")
    version = make_dataset(engineer, training_sheet, split={"train": 1})
    share_dataset(version.dataset)
    version = approved(version, engineer, approver)

    found = selectors.summary(version)

    assert str(found) == "Approved 100 · training allowed 85 · prohibited 15"
    assert found.reasons == {"training prohibited: on the Q&A pair itself (PHI)": 15}


def test_members_kept_for_testing_are_in_the_sum_and_named_on_every_page(
    training_sheet, engineer, approver, share_dataset, client
):
    make_pairs(training_sheet, 40)
    make_pair(training_sheet, "phi", prohibited_uses=ALL_USES, usage_reason="PHI")
    make_pair(training_sheet, "rejected", status="rejected")
    version = make_dataset(engineer, training_sheet, split={"train": 0.5, "validation": 0.1, "test": 0.4})
    client.force_login(engineer)
    drafted = client.get(row_url(version)).content.decode()
    share_dataset(version.dataset)
    version = approved(version, engineer, approver)
    test = version.counts["test"]

    found = selectors.summary(version)
    words = f"Approved 41 · training allowed {40 - test} · prohibited 1 · kept for testing {test}"

    assert test > 0 and found.approved == found.allowed + found.prohibited + found.test == 41
    assert words in drafted and "The other 1 pair is not approved or left out by a rule" in drafted
    assert words in client.get(row_url(version)).content.decode()
    asked = client.get(reverse("training:run-new") + f"?version={version.pk}").content.decode()
    assert words in asked and f"{test} are kept for testing and stay unseen" in asked
    run = start(version, engineer)
    assert f"{test} kept for testing." in client.get(row_url(run)).content.decode()
    TrainingRun.objects.filter(pk=run.pk).update(counts={
        "approved": 3, "allowed": 2, "prohibited": 1, "train": 2, "validation": 0, "reasons": {},
    })  # fmt: skip
    assert "Approved 3 · training allowed 2 · prohibited 1<" in client.get(row_url(run)).content.decode()


def test_a_pair_reopened_after_approval_is_not_trained_on(approved_set):
    approved_set.members.filter(split="train").first().pair.__class__.objects.filter(
        pk=approved_set.members.filter(split="train").first().pair_id
    ).update(status="flagged")

    found = selectors.summary(approved_set)

    assert (found.approved, found.allowed, found.prohibited) == (40, 39, 1)
    assert found.reasons == {"no longer approved": 1}


@pytest.mark.parametrize(
    ("fields", "error", "field"),
    [
        ({"name": " "}, RunRefused, "name"),
        ({"model_name": "a/b"}, RunRefused, "model_name"),
        ({"base_model": "gpt"}, RunRefused, "base_model"),
        ({"trainer": "magic"}, Exception, "trainer"),
        ({"hyperparameters": {"epochs": 0}}, HyperparameterRefused, "epochs"),
        ({"hyperparameters": {"speed": 3}}, HyperparameterRefused, "speed"),
    ],
)
def test_a_run_that_cannot_be_is_refused_with_its_field(approved_set, engineer, fields, error, field):
    with pytest.raises(error) as refused:
        start(approved_set, engineer, **fields)

    assert refused.value.field == field
    assert not TrainingRun.objects.exists()


def test_only_an_approved_version_is_trained_on(training_sheet, engineer):
    make_pairs(training_sheet, 4)

    with pytest.raises(NotUsable, match="draft"):
        start(make_dataset(engineer, training_sheet), engineer)


def test_a_set_without_a_permitted_row_says_why(approved_set, engineer):
    for member in approved_set.members.select_related("pair"):
        type(member.pair).objects.filter(pk=member.pair_id).update(
            prohibited_uses=Use.TRAINING.bit, effective_uses=ALL_USES & ~Use.TRAINING.bit, usage_reason="PHI"
        )

    with pytest.raises(NothingPermitted, match="on the Q&A pair itself"):
        start(approved_set, engineer)


def test_roles_and_rows_decide_who_may_train(approved_set, expert, stranger):
    for user in (expert, stranger):
        with pytest.raises(NotPermitted):
            start(approved_set, user)


def test_the_model_of_another_owner_is_neither_retrained_nor_told_of(approved_set, engineer, stranger):
    hidden = RegisteredModel.objects.create(name="theirs", owner=stranger)

    run = start(approved_set, engineer, model_name="theirs")

    assert run.model != hidden and run.model.owner == engineer
    assert not hidden.runs.exists()


def test_a_run_registers_one_model_with_its_lineage_and_first_evaluation(
    approved_set, engineer, training_sheet, tracker
):
    run = trained(approved_set, engineer, hyperparameters={"epochs": 20})
    jobs.run_waiting()

    version = ModelVersion.objects.get()
    assert (version.run, version.number, version.uri) == (run, 1, f"models:/{run.model.registry_name}/1")
    approved_set.refresh_from_db()
    assert approved_set.status == "in_use"
    row = ModelTrainingLineage.objects.get()
    assert row.training_sheet == training_sheet
    assert row.training_sheet_version == approved_set.fingerprint
    assert row.train_pair_count == approved_set.counts["train"]
    assert row.training_config["epochs"] == 20
    assert set(LineagePair.objects.values_list("pair", "split")) == set(
        approved_set.members.values_list("pair", "split")
    )
    evaluation = Evaluation.objects.get()
    assert (evaluation.split, evaluation.status) == ("validation", "succeeded"), evaluation.error
    assert evaluation.metrics["accuracy"] == 1.0
    assert evaluation.answers.count() == approved_set.counts["validation"]
    artifacts = {one.path for one in tracker._client().list_artifacts(run.mlflow_run_id)}
    assert {"manifest.json", "evaluations"} <= artifacts


def test_a_second_run_makes_the_next_version_of_the_same_model(approved_set, engineer, tracker):
    first, second = trained(approved_set, engineer), trained(approved_set, engineer, name="again")

    assert first.model == second.model
    assert [first.model_version.number, second.model_version.number] == [1, 2]
    assert len(lineage.models_trained_on(approved_set.training_sheets.get(), engineer)) == 2


def test_a_job_killed_before_its_record_ends_with_one_model_version(approved_set, engineer, tracker, monkeypatch):
    run = start(approved_set, engineer)
    job = job_of(run)
    from training.runs import training

    record = training._record

    def killed(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "_record", killed)
    with pytest.raises(KeyboardInterrupt):
        jobs.run(job.pk)
    monkeypatch.setattr(training, "_record", record)
    Job.objects.filter(pk=job.pk).update(state="queued", lease_owner="", lease_until=None)

    jobs.run(job.pk)

    run.refresh_from_db()
    assert run.status == "succeeded", run.error
    assert run.model_version.number == 1
    assert len(tracker._client().search_model_versions(f"name = '{run.model.registry_name}'")) == 1


def test_a_set_suspended_before_the_job_runs_is_not_trained_on(approved_set, engineer, tracker):
    run = start(approved_set, engineer)
    tighten(approved_set.members.first().pair, engineer)

    jobs.run(job_of(run).pk)

    run.refresh_from_db()
    assert run.status == "failed"
    assert "consent withdrawn" in run.error
    assert not ModelVersion.objects.exists()


def test_one_answer_only_is_refused_at_the_start_and_makes_no_model(
    training_sheet, engineer, approver, share_dataset, tracker, api
):
    make_pairs(training_sheet, 10, ("card",))
    version = make_dataset(engineer, training_sheet)
    share_dataset(version.dataset)
    version = approved(version, engineer, approver)

    with pytest.raises(RunRefused) as refused:
        start(version, engineer)
    answer = api(engineer).post(
        "/api/v1/runs/",
        {"dataset_version": str(version.pk), "name": "r", "model_name": "hopeless", "trainer": "text_classifier"},
    )

    assert refused.value.field == answer.json()["field"] == "dataset_version"
    assert "needs 2 or more different answers" in refused.value.message
    assert "rows for training of “Notes set v1” have 1: 'card'" in refused.value.message
    assert (answer.status_code, answer.json()["code"]) == (400, "run_refused")
    assert not RegisteredModel.objects.exists() and not TrainingRun.objects.exists() and not Job.objects.filter(
        kind="training.train"
    ).exists()  # fmt: skip


def test_a_first_run_that_fails_says_so_on_its_model_and_what_comes_next(
    training_sheet, engineer, approver, viewer, share_dataset, tracker, client
):
    make_pairs(training_sheet, 10)
    make_pair(training_sheet, "blank", text="   ")
    version = make_dataset(engineer, training_sheet, split={"train": 1.0, "validation": 0.0, "test": 0.0, "by": ""})
    share_dataset(version.dataset)
    run = start(approved(version, engineer, approver), engineer)
    jobs.run(job_of(run).pk)
    run.refresh_from_db()
    assert (run.status, "is empty" in run.error) == ("failed", True)
    jobs.run_waiting()
    assert tracker._client().get_run(run.mlflow_run_id).info.status == "FAILED"

    client.force_login(engineer)
    listed = client.get("/admin/training/registeredmodel/").content.decode()
    page = client.get(row_url(run.model)).content.decode()
    assert "run failed" in listed and "none yet" not in listed
    assert "No version yet: its run is failed." in page and "is empty" in page
    assert f'href="{row_url(run)}"' in page and f"?version={run.dataset_version_id}" in page

    access.share(collection=run.model, to=viewer, level="view", by=engineer)
    client.force_login(viewer)
    page = client.get(row_url(run.model)).content.decode()
    assert "No version yet" in page and "Train again" not in page


def test_a_cancelled_run_registers_nothing(approved_set, engineer):
    run = start(approved_set, engineer)

    jobs.cancel(job=job_of(run), by=engineer)

    run.refresh_from_db()
    assert run.status == "cancelled"
    assert not ModelVersion.objects.exists()


def test_a_model_trained_on_a_row_that_is_prohibited_later_is_listed_as_affected(approved_set, engineer, tracker):
    version = trained(approved_set, engineer).model_version
    assert not selectors.affected_pairs(version).exists()
    pair = approved_set.members.filter(split="train").first().pair

    tighten(pair, engineer)

    assert [row.pair for row in selectors.affected_pairs(version)] == [pair]
    assert selectors.why_affected(version) == {"training prohibited: on the Q&A pair itself (consent withdrawn)": 1}


def test_an_alias_names_one_version_at_a_time(approved_set, engineer, stranger, tracker):
    first, second = (trained(approved_set, engineer, name=name).model_version for name in ("a", "b"))
    services.set_alias(model_version=first, alias="champion", by=engineer)

    services.set_alias(model_version=second, alias="champion", by=engineer)

    first.refresh_from_db()
    assert (first.aliases, second.aliases or ModelVersion.objects.get(pk=second.pk).aliases) == ([], ["champion"])
    found = tracker._client().get_model_version_by_alias(first.model.registry_name, "champion")
    assert int(found.version) == 2
    with pytest.raises(AliasRefused):
        services.set_alias(model_version=first, alias="latest", by=engineer)
    with pytest.raises(NotPermitted):
        services.set_alias(model_version=first, alias="mine", by=stranger)


def test_a_failing_registry_leaves_the_alias_as_it_was(approved_set, engineer, tracker, settings, tmp_path):
    version = trained(approved_set, engineer).model_version
    settings.MLFLOW_TRACKING_URI = f"sqlite:///{tmp_path / 'missing' / 'mlflow.db'}"

    with pytest.raises(TrackingFailed):
        services.set_alias(model_version=version, alias="champion", by=engineer)

    version.refresh_from_db()
    assert version.aliases == []
