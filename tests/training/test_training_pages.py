"""Pages of curating and training: who may open them, what they say, and that their forms call the services."""

from __future__ import annotations

import json

import pytest
from django.test import Client
from django.urls import reverse

from governance import access, constraints, jobs
from governance.approvals.selectors import open_request
from governance.constraints import Terms
from governance.models import ApprovalRequest, Job
from governance.portal.rows import follow_url, row_url
from governance.uses import ALL_USES, mask_of
from labeling.models import UseCase
from tests.training.factories import approved, frozen, make_dataset, make_pair, make_pairs, make_training_sheet
from training.evaluations.services import start_evaluation
from training.exports.services import request_export
from training.models import (
    CuratedDataset,
    DatasetVersion,
    Evaluation,
    Export,
    ModelVersion,
    RegisteredModel,
    TrainingRun,
)
from training.runs.services import start_run

SHARES = {"train": "80", "validation": "20", "test": "0"}


def signed_in(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def text(response) -> str:
    assert response.status_code == 200, response.status_code
    return response.content.decode()


def list_of(name: str) -> str:
    return reverse(f"admin:training_{name}_changelist")


def step_url(row, name: str) -> str:
    return reverse(f"admin:training_{row._meta.model_name}_step", args=[row.pk, name])


def errors_at(response, field: str) -> list[str]:
    assert response.status_code == 200
    return [str(error) for error in response.context["form"].errors.get(field, [])]


def tighten(row, by) -> None:
    terms = Terms(
        allowed_uses=ALL_USES, prohibited_uses=mask_of(["training", "validation"]), data_classification=1,
        usage_reason="consent withdrawn",
    )  # fmt: skip
    constraints.tighten(row=row, terms=terms, by=by)


@pytest.fixture
def trained(approved_set, engineer, tracker) -> TrainingRun:
    """A run that succeeded, with its model and the evaluation of what was held out."""
    run = start_run(
        dataset_version=approved_set, name="first", model_name=f"notes {approved_set.pk.hex[-12:]}",
        trainer="text_classifier", by=engineer,
    )  # fmt: skip
    jobs.run_waiting()
    run.refresh_from_db()
    assert run.status == "succeeded", run.error
    return run


@pytest.mark.parametrize(
    "path", ["training:dataset-new", "training:run-new", "training:evaluation-new"], ids=lambda name: name
)
def test_forms_that_make_rows_need_the_role(path, engineer, viewer):
    assert signed_in(engineer).get(reverse(path)).status_code == 200
    assert signed_in(viewer).get(reverse(path)).status_code == 403


def test_an_empty_list_says_what_comes_first(engineer):
    page = text(signed_in(engineer).get(list_of("curateddataset")))

    assert "No datasets yet" in page and "Finish the review of a Training Sheet first" in page


def test_the_list_shows_the_newest_version_with_its_counts(approved_set, engineer):
    page = text(signed_in(engineer).get(list_of("curateddataset")))

    counts = approved_set.counts
    assert "Notes set" in page and "approved" in page
    assert f"{counts['train']} · {counts['validation']} · 0" in page


def test_the_list_is_filtered_by_the_state_of_the_newest_version(approved_set, training_sheet, engineer):
    make_dataset(engineer, training_sheet, name="Only a draft")

    page = text(signed_in(engineer).get(list_of("curateddataset"), {"status": "draft"}))

    assert "Only a draft" in page and "Notes set" not in page


def test_use_cases_of_others_are_neither_offered_nor_named(approved_set, engineer, viewer, stranger):
    approved_set.dataset.use_case = UseCase.objects.create(name="Hidden case", owner=stranger)
    approved_set.dataset.save()
    client = signed_in(engineer)

    assert "Hidden case" not in text(client.get(list_of("curateddataset")))
    page = text(client.post(row_url(approved_set.dataset), {"name": "Renamed", "description": ""}, follow=True))
    assert "Hidden case" not in page
    dataset = CuratedDataset.objects.get(pk=approved_set.dataset_id)
    assert (dataset.name, dataset.use_case.name) == ("Renamed", "Hidden case")


def test_other_peoples_rows_do_not_exist(trained, stranger, engineer):
    client, version = signed_in(stranger), trained.dataset_version
    export = request_export(version=version, by=engineer)
    evaluation = Evaluation.objects.get()
    rows = [version.dataset, version, trained, trained.model, trained.model_version, evaluation, export]

    for row in rows:
        name = "Notes set" if row != trained.model else trained.model.name
        assert client.get(row_url(row)).status_code == 404
        assert name not in text(client.get(list_of(row._meta.model_name)))
    assert client.get(reverse("training:run-new"), {"version": version.pk}).status_code == 404
    assert client.get(reverse("training:dataset-draft", args=[version.pk])).status_code == 404
    assert client.get(reverse("training:export-download", args=[export.pk])).status_code == 404
    assert "you may not see it" in text(client.get(reverse("training:compare"), {"ids": [evaluation.pk, version.pk]}))


def test_only_reviewed_training_sheets_that_one_may_see_are_offered(training_sheet, engineer):
    make_training_sheet(engineer, training_sheet.sheet_version, name="Still open", status="ready")

    page = text(signed_in(engineer).get(reverse("training:dataset-new"), {"training_sheet": training_sheet.pk}))

    assert "Notes classified" in page and "Still open" not in page and "Secret pairs" not in page
    assert f'value="{training_sheet.pk}" ' in page and "checked" in page


def test_a_dataset_is_made_from_the_form(training_sheet, engineer):
    make_pairs(training_sheet, 10)
    values = {"name": "Made here", "purpose": "training", "training_sheets": [training_sheet.pk],
              "keep_together": "patient", "min_confidence": "0.5", "origins": ["ai_generated"], **SHARES}  # fmt: skip

    response = signed_in(engineer).post(reverse("training:dataset-new"), values)

    version = DatasetVersion.objects.get()
    assert response.url == row_url(version)
    assert version.dataset.split == {"train": 0.8, "validation": 0.2, "test": 0.0, "by": "patient"}
    assert version.rules == {"min_confidence": 0.5, "min_quality": None, "origins": ["ai_generated"], "uses": []}


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"name": ""}, "name", "required"),
        ({"training_sheets": []}, "training_sheets", "Choose one Training Sheet"),
        ({"train": "90"}, "train", "add up to 1.1"),
        ({"train": "-5"}, "train", "greater than or equal to 0"),
        ({"keep_together": "ward"}, "keep_together", "no column 'ward'"),
        ({"min_confidence": "7"}, "min_confidence", "less than or equal to 1"),
        ({"train": "0", "validation": "100"}, "train", "needs a train share"),
    ],
)
def test_a_dataset_form_names_the_field_at_fault(change, field, words, training_sheet, engineer):
    values = {"name": "Made here", "purpose": "training", "training_sheets": [training_sheet.pk], **SHARES, **change}

    response = signed_in(engineer).post(reverse("training:dataset-new"), values)

    assert words in " ".join(errors_at(response, field))
    assert not DatasetVersion.objects.exists()


def test_a_name_that_is_taken_is_said_beside_the_name(approved_set, training_sheet, engineer):
    values = {"name": "Notes set", "purpose": "training", "training_sheets": [training_sheet.pk], **SHARES}

    response = signed_in(engineer).post(reverse("training:dataset-new"), values)

    assert "is taken" in errors_at(response, "name")[0]


def test_a_draft_is_changed_and_keeps_a_split_that_is_fixed(approved_set, engineer):
    client = signed_in(engineer)
    client.post(step_url(approved_set, "new-version"))
    draft = DatasetVersion.objects.get(number=2)
    url = reverse("training:dataset-draft", args=[draft.pk])
    sheets = [str(pk) for pk in draft.training_sheets.values_list("pk", flat=True)]

    assert "no group may change sides" in text(client.get(url))
    client.post(url, {"name": "Notes set", "training_sheets": sheets, "min_quality": "0.9", "train": "10"})

    draft.refresh_from_db()
    assert draft.rules["min_quality"] == 0.9
    assert draft.dataset.split["train"] == 0.8


def test_a_frozen_version_cannot_be_edited(approved_set, engineer):
    response = signed_in(engineer).get(reverse("training:dataset-draft", args=[approved_set.pk]), follow=True)

    assert "is frozen; start a new version" in text(response)


def test_a_draft_shows_what_freezing_would_give_with_the_exact_lines(training_sheet, engineer):
    make_pairs(training_sheet, 8)
    make_pair(training_sheet, "private", prohibited_uses=mask_of(["training", "validation"]), usage_reason="PHI")
    make_pair(training_sheet, "no", status="rejected")
    version = make_dataset(engineer, training_sheet, split={"train": 1})

    response = signed_in(engineer).get(row_url(version))

    page = text(response)
    assert "Approved 9 · training allowed 8 · prohibited 1" in page
    assert "on the Q&amp;A pair itself (PHI)" in page and "not approved: rejected" in page
    assert json.loads(response.context["preview"].lines[0])["messages"][0]["role"] == "user"
    assert not version.members.exists()


def test_a_draft_hides_rows_of_training_sheets_that_are_not_shared(training_sheet, engineer, viewer, team):
    private = make_training_sheet(engineer, training_sheet.sheet_version, name="Private pairs")
    make_pairs(private, 4)
    version = make_dataset(engineer, private)
    access.share(collection=version.dataset, to=team, level="view", by=engineer)

    page = text(signed_in(viewer).get(row_url(version)))

    assert "you may not see" in page and "Note item" not in page and "Private pairs" not in page


def test_freezing_and_asking_for_approval_go_through_the_services(training_sheet, engineer):
    make_pairs(training_sheet, 12)
    version, client = make_dataset(engineer, training_sheet), signed_in(engineer)

    asked = client.post(step_url(version, "freeze"))

    assert "Progress" in text(client.get(asked.url))
    assert "being fixed now" in text(client.get(row_url(version)))
    jobs.run_waiting()
    assert client.get(asked.url).url == row_url(version), "a job that has ended before one arrives leads on, too"
    job = Job.objects.get(kind="training.freeze")
    assert "Succeeded" in text(client.get(reverse("governance:job", args=[job.pk]))), "its own page can be read"
    client.post(step_url(version, "approve"), {"reason": "ready to train"})
    request = open_request(DatasetVersion.objects.get(), "dataset-approve")
    assert isinstance(request, ApprovalRequest) and request.reason == "ready to train"
    assert "waits for: 1 approver" in text(client.get(row_url(version)))


def test_a_viewer_sees_no_steps(approved_set, viewer):
    page = signed_in(viewer).get(row_url(approved_set))

    assert page.context["object_actions"] == []
    assert approved_set.fingerprint in text(page)


def test_an_approved_version_shows_balance_approvals_and_what_its_members_permit(approved_set, engineer):
    page = signed_in(engineer).get(row_url(approved_set))

    shown = text(page)
    assert "Approver" in shown and "checked" in shown and "Balance of answers" in shown
    assert [cell.state for cell in page.context["object_constraint"].cells] == ["permitted"] * 5
    assert {action["label"] for action in page.context["object_actions"]} == {
        "Train", "Evaluate", "Export", "New version", "Share", "Archive",
    }  # fmt: skip


def test_a_suspended_version_says_why_and_what_to_do(approved_set, engineer, officer):
    tighten(approved_set.members.first().pair, officer)

    page = signed_in(engineer).get(row_url(approved_set))

    shown = text(page)
    assert "Suspended" in shown and "consent withdrawn" in shown and "Start a new version" in shown
    assert {action["label"] for action in page.context["object_actions"]} == {"New version", "Share", "Archive"}
    cell = next(cell for cell in page.context["object_constraint"].cells if cell.use == "training")
    assert (cell.state, cell.reason) == ("inherited", "1 of 40 members do not permit it")


def test_one_click_curates_what_passes_of_a_reviewed_training_sheet(training_sheet, engineer):
    make_pairs(training_sheet, 10)
    client = signed_in(engineer)
    page = client.get(row_url(training_sheet))
    action = next(one for one in page.context["object_actions"] if one["label"] == "Curate everything that passes")

    client.post(action["url"])
    jobs.run_waiting()

    assert DatasetVersion.objects.get().counts["members"] == 10


def test_an_export_is_asked_for_and_downloaded(approved_set, engineer, viewer):
    client = signed_in(engineer)
    asked = client.post(step_url(approved_set, "export"), {"use": "training", "format": "jsonl"})
    export = Export.objects.get()
    assert asked.url == follow_url(export.job)
    jobs.run_waiting()
    export.refresh_from_db()

    page = text(signed_in(viewer).get(row_url(export)))
    got = signed_in(viewer).get(reverse("training:export-download", args=[export.pk]))

    assert export.sha256 in page and "checked" in page
    assert got["Content-Disposition"] == f'attachment; filename="{export.file_name}"'
    assert got["X-Content-Type-Options"] == "nosniff"
    assert len(b"".join(got.streaming_content)) == export.bytes


def test_an_export_form_names_the_field_at_fault(approved_set, engineer):
    response = signed_in(engineer).post(
        step_url(approved_set, "export"), {"use": "training", "format": "csv", "embed_files": "on"}
    )

    assert "chat JSONL only" in errors_at(response, "embed_files")[0]
    assert not Export.objects.exists()


def test_a_suspended_version_hands_out_no_file(approved_set, engineer, officer):
    export = request_export(version=approved_set, by=engineer)
    jobs.run_waiting()
    tighten(approved_set.members.first().pair, officer)
    client = signed_in(engineer)

    refused = client.get(reverse("training:export-download", args=[export.pk]))

    assert refused.status_code == 409 and "consent withdrawn" in refused.content.decode()
    assert "is not handed out" in text(client.get(row_url(export)))


def test_the_run_form_is_drawn_from_the_trainer_and_refuses_beside_the_field(approved_set, engineer):
    client, url = signed_in(engineer), f"{reverse('training:run-new')}?version={approved_set.pk}"
    page = client.get(url)
    assert "Approved 40 · training allowed 40 · prohibited 0" in text(page)
    assert 'name="setting_epochs" value="100" step="1" min="1" max="2000"' in text(page)
    values = {"name": "r", "model_name": "m", "base_model": "tfidf-linear",
              **{f"setting_{one.name}": one.default for one in page.context["trainer"].hyperparameters}}  # fmt: skip

    too_many = client.post(url, {**values, "setting_epochs": 9999})
    assert "less than or equal to 2000" in errors_at(too_many, "setting_epochs")[0]
    crossed = {**values, "setting_shortest_characters": 7, "setting_longest_characters": 2}
    assert "above longest_characters" in errors_at(client.post(url, crossed), "setting_shortest_characters")[0]
    assert "cannot be a model's name" in errors_at(client.post(url, {**values, "model_name": "/etc"}), "model_name")[0]
    assert not TrainingRun.objects.exists()
    assert client.post(url, values).url == row_url(TrainingRun.objects.get())


def test_a_version_that_is_not_approved_leads_back_to_its_page(training_sheet, engineer):
    make_pairs(training_sheet, 6)
    version = frozen(make_dataset(engineer, training_sheet), engineer)

    response = signed_in(engineer).get(reverse("training:run-new"), {"version": version.pk}, follow=True)

    assert "it is draft" in text(response) and response.redirect_chain[0][0] == row_url(version)


def test_a_waiting_run_is_followed_and_can_be_cancelled(approved_set, engineer, viewer):
    run = start_run(
        dataset_version=approved_set, name="slow", model_name="slow", trainer="text_classifier", by=engineer
    )
    client = signed_in(engineer)
    assert "data-progress-url" in text(client.get(row_url(run)))
    assert not signed_in(viewer).get(row_url(run)).context["object_actions"]

    client.post(step_url(run, "cancel"))

    run.refresh_from_db()
    assert run.status == "cancelled"


def test_a_finished_run_shows_scores_settings_and_where_they_lead(trained, engineer):
    page = text(signed_in(engineer).get(row_url(trained)))

    assert "Accuracy" in page and "95 % interval" in page and "Expected and given answers" in page
    assert trained.mlflow_run_id in page and row_url(trained.model_version) in page
    assert f"node=run:{trained.pk}" in page and "Inverse regularisation" in page


def test_a_model_shows_its_versions_and_takes_an_alias(trained, engineer, viewer):
    client, version = signed_in(engineer), ModelVersion.objects.get()

    assert "small letters" in errors_at(client.post(step_url(version, "alias"), {"alias": "Not This"}), "alias")[0]
    client.post(step_url(version, "alias"), {"alias": "champion"})

    assert "champion" in text(client.get(row_url(version.model)))
    assert "Notes classified" in text(client.get(row_url(version)))
    assert signed_in(viewer).get(row_url(version)).status_code == 404


def test_a_model_is_described_from_its_page(trained, engineer):
    signed_in(engineer).post(row_url(trained.model), {"description": "Sorts notes.", "use_case": ""})

    assert RegisteredModel.objects.get().description == "Sorts notes."


def test_a_model_whose_pairs_were_recalled_is_marked(trained, engineer, officer):
    tighten(trained.dataset_version.members.filter(split="train").first().pair, officer)
    client = signed_in(engineer)

    assert "1 pair that would not permit it today" in text(client.get(row_url(trained.model)))
    assert "consent withdrawn" in text(client.get(row_url(trained.model_version)))


def test_a_model_shared_without_its_data_names_no_dataset(trained, engineer, make_user):
    guest = make_user("guest", "viewer")
    access.share(collection=trained.model, to=guest, level="view", by=engineer)
    client = signed_in(guest)

    page = text(client.get(row_url(trained.model)))
    version = text(client.get(row_url(trained.model_version)))

    assert "a dataset that is not shared with you" in page
    for shown in (page, version):
        assert "Notes set" not in shown and "Notes classified" not in shown


def test_an_evaluation_is_started_and_refused_beside_the_field(trained, engineer):
    client, url = signed_in(engineer), reverse("training:evaluation-new")
    values = {"dataset_version": trained.dataset_version_id, "model_version": trained.model_version.pk}

    assert "either a model version" in errors_at(client.post(url, {**values, "model_version": ""}), "model_version")[0]
    assert "no members on the side" in errors_at(client.post(url, {**values, "split": "test"}), "split")[0]
    started = client.post(url, values)

    assert started.url == row_url(Evaluation.objects.order_by("-created_at").first())


def test_wrong_answers_stand_with_question_and_expectation(trained, engineer):
    evaluation = Evaluation.objects.get()
    answer = evaluation.answers.select_related("member__prompt").first()
    evaluation.answers.filter(pk=answer.pk).update(is_correct=False, answer="something else", confidence=0.25)

    page = text(signed_in(engineer).get(row_url(evaluation)))

    assert "something else" in page and answer.member.prompt.body["messages"][0]["content"] in page


def test_evaluations_stand_side_by_side_with_a_test_and_their_differences(trained, engineer):
    start_evaluation(dataset_version=trained.dataset_version, model_version=trained.model_version, by=engineer)
    jobs.run_waiting()
    first, second = Evaluation.objects.order_by("created_at")
    second.answers.filter(pk=second.answers.first().pk).update(is_correct=False, answer="other")
    client = signed_in(engineer)

    ticked = {"action": "compare_selected", "_selected_action": [first.pk, second.pk]}
    chosen = client.post(list_of("evaluation"), ticked)
    page = text(client.get(chosen.url))

    assert "no difference beyond chance" in page and "only the first right 1" in page
    assert "Where they differ" in page and "other" in page
    assert "Choose two evaluations" in text(client.get(reverse("training:compare"), {"ids": first.pk}))


def test_the_page_of_a_version_asks_a_bounded_number_of_questions(
    training_sheet, engineer, approver, share_dataset, django_assert_max_num_queries
):
    make_pairs(training_sheet, 60)
    version = make_dataset(engineer, training_sheet)
    share_dataset(version.dataset)
    version, client = approved(version, engineer, approver), signed_in(engineer)
    client.get(row_url(version))

    with django_assert_max_num_queries(75):
        client.get(row_url(version))
