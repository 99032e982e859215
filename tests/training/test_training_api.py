"""The REST door of curation and training: the whole way, errors as problems, and only one's own rows."""

from __future__ import annotations

import json

import pytest

from governance import desk, jobs
from governance.models import ApprovalRequest
from tests.training.factories import make_pair, make_pairs
from training.models import DatasetVersion, Evaluation, ModelVersion

V1 = "/api/v1"


def test_from_a_reviewed_sheet_to_a_model_and_back_by_rest(
    training_sheet, engineer, approver, api, tracker, share_dataset
):
    make_pairs(training_sheet, 40)
    make_pair(training_sheet, "no", status="rejected")
    client = api(engineer)

    made = client.post(f"{V1}/curated-datasets/", {
        "name": "By REST", "training_sheets": [str(training_sheet.pk)], "split": {"train": 0.5, "validation": 0.5},
    })  # fmt: skip
    assert made.status_code == 201, made.json()
    version = f"{V1}/dataset-versions/{made.json()['id']}"
    preview = client.get(f"{version}/preview/").json()
    assert preview["exclusions"] == {"not approved: rejected": 1}
    assert json.loads(preview["lines"][0])["messages"]
    assert client.post(f"{version}/freeze/").status_code == 202
    jobs.run_waiting()
    share_dataset(DatasetVersion.objects.get().dataset)
    assert client.post(f"{version}/request-approval/", {"reason": "ready"}).status_code == 202
    desk.decide(request=ApprovalRequest.objects.get(), by=approver, approve=True, comment="fine")
    assert client.get(f"{version}/").json()["status"] == "approved"
    assert client.get(f"{version}/summary/").json()["allowed"] == 40
    assert len(client.get(f"{version}/members/").json()["results"]) == 40

    run = client.post(f"{V1}/runs/", {
        "dataset_version": made.json()["id"], "name": "r1", "model_name": "rest model", "trainer": "text_classifier",
    })  # fmt: skip
    assert run.status_code == 202, run.json()
    jobs.run_waiting()
    shown = client.get(f"{V1}/runs/{run.json()['run']}/").json()
    assert shown["status"] == "succeeded", shown["error"]
    model = ModelVersion.objects.get()
    assert client.post(f"{V1}/model-versions/{model.pk}/set-alias/", {"alias": "champion"}).json()["aliases"] == [
        "champion"
    ]
    evaluation = Evaluation.objects.get()
    assert client.get(f"{V1}/evaluations/{evaluation.pk}/").json()["metrics"]["accuracy"] == 1.0
    assert client.get(f"{V1}/evaluations/{evaluation.pk}/answers/").json()["results"][0]["is_correct"]
    again = client.post(
        f"{V1}/evaluations/", {"dataset_version": made.json()["id"], "model_version": str(model.pk)}
    )
    jobs.run_waiting()
    both = f"{evaluation.pk},{again.json()['evaluation']}"
    compared = client.get(f"{V1}/evaluations/compare/?evaluations={both}").json()
    assert compared["pairwise"][0]["mcnemar"]["p_value"] == 1.0

    export = client.post(f"{V1}/exports/", {"version": made.json()["id"], "format": "csv"})
    jobs.run_waiting()
    download = client.get(f"{V1}/exports/{export.json()['export']}/download/")
    assert download.status_code == 200
    assert b"".join(download.streaming_content).startswith(b"pair_id,item_ref")

    sheet = training_sheet.pk
    assert [row["model_version"] for row in client.get(f"{V1}/lineage/training-sheets/{sheet}/models/").json()] == [
        str(model.pk)
    ]
    assert len(client.get(f"{V1}/lineage/models/{model.pk}/training-sheets/").json()) == 1
    assert len(client.get(f"{V1}/lineage/models/{model.pk}/pairs/").json()["results"]) == 40
    comparison = client.get(f"{V1}/lineage/training-sheets/{sheet}/comparison/").json()
    assert comparison[0]["evaluations"][0]["metrics"]["accuracy"] == 1.0


def test_one_click_by_rest(training_sheet, engineer, api):
    make_pairs(training_sheet, 3)

    answer = api(engineer).post(
        f"{V1}/curated-datasets/curate-everything/", {"training_sheet": str(training_sheet.pk)}
    )
    jobs.run_waiting()

    assert answer.status_code == 202
    assert DatasetVersion.objects.get(pk=answer.json()["dataset_version"]).counts["members"] == 3


def test_trainers_declare_their_settings(engineer, api):
    (trainer,) = api(engineer).get(f"{V1}/trainers/").json()

    assert trainer["slug"] == "text_classifier"
    assert "epochs" in {setting["name"] for setting in trainer["hyperparameters"]}


@pytest.mark.parametrize(
    "path",
    ["curated-datasets", "dataset-versions", "exports", "runs", "models", "model-versions", "evaluations"],
)
def test_the_lists_hold_no_row_of_others(path, approved_set, engineer, stranger, viewer, api):
    assert api(stranger).get(f"{V1}/{path}/").json()["results"] == []
    assert api(viewer).get(f"{V1}/{path}/").status_code == 200


def test_a_row_of_others_is_404_and_their_sheet_cannot_be_named(approved_set, training_sheet, stranger, api):
    client = api(stranger)

    assert client.get(f"{V1}/dataset-versions/{approved_set.pk}/").status_code == 404
    assert client.post(f"{V1}/dataset-versions/{approved_set.pk}/freeze/").status_code == 404
    refused = client.post(f"{V1}/curated-datasets/", {"name": "x", "training_sheets": [str(training_sheet.pk)]})
    assert refused.status_code == 400
    assert "training_sheets" in refused.json()["field"]
    body = {"dataset_version": str(approved_set.pk), "name": "x", "model_name": "x", "trainer": "text_classifier"}
    assert client.post(f"{V1}/runs/", body).status_code == 400


def test_who_may_look_may_not_change(approved_set, viewer, api):
    client = api(viewer)

    assert client.get(f"{V1}/dataset-versions/{approved_set.pk}/").status_code == 200
    assert client.post(f"{V1}/dataset-versions/{approved_set.pk}/archive/", {"reason": "x"}).status_code == 403
    assert client.post(f"{V1}/exports/", {"version": str(approved_set.pk)}).status_code == 403


def test_broken_rules_are_problems_with_code_and_field(approved_set, engineer, api):
    client = api(engineer)
    body = {"dataset_version": str(approved_set.pk), "name": "x", "model_name": "x", "trainer": "text_classifier"}

    frozen = client.post(f"{V1}/dataset-versions/{approved_set.pk}/freeze/")
    epochs = client.post(f"{V1}/runs/", body | {"hyperparameters": {"epochs": -1}})

    assert (frozen.status_code, frozen.json()["code"]) == (409, "not_a_draft")
    assert (epochs.status_code, epochs.json()["field"]) == (400, "epochs")
