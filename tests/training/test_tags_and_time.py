"""A tag that appears, and a moment that passes, close every exit of what was made before."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.utils import timezone

from governance import constraints, jobs, schedule
from governance.constraints import Terms
from governance.models import ConstraintChange, Job
from governance.uses import ALL_USES
from tests.training.factories import (
    approved,
    derivation_from,
    frozen,
    make_dataset,
    make_pairs,
    make_sheet,
    make_training_sheet,
    write_rows,
)
from training.models import DatasetVersion, Export, TrainingRun
from workbench.models import CatalogObject, ModelEndpoint


@pytest.fixture
def notes(training_sheet):
    """The Training Sheet, whose pairs derive from the table and its columns as generation would have it."""
    sheet = training_sheet.sheet
    training_sheet.derivation = derivation_from(sheet, *CatalogObject.objects.filter(connection=sheet.connection))
    training_sheet.save()
    make_pairs(training_sheet, 20)
    return training_sheet


@pytest.fixture
def approved_notes(notes, engineer, approver, share_dataset):
    version = make_dataset(engineer, notes)
    share_dataset(version.dataset)
    return approved(version, engineer, approver)


@pytest.fixture
def bystander(engineer, approver, team, share_dataset):
    """Another use case's approved dataset, from another table of the same catalog."""
    write_rows("letters", [{"id": "item-0000", "text": "a letter", "patient": "p"}])
    version = make_sheet(engineer, "Letters")
    sheet = make_training_sheet(engineer, version, name="Letters classified")
    sheet.derivation = derivation_from(
        sheet.sheet, *CatalogObject.objects.filter(connection=version.sheet.connection), note="letters"
    )
    sheet.save()
    make_pairs(sheet, 20)
    made = make_dataset(engineer, sheet, name="Letters set")
    share_dataset(made.dataset)
    return approved(made, engineer, approver)


def note_of_table(text: str, table: str = "notes") -> None:
    (django_settings.CATALOG_ROOT / "main" / f"{table}.yaml").write_text(text)


def tag(table: str = "notes") -> None:
    note_of_table("columns:\n  text:\n    tags: [PHI]\n", table)


def status_of(version) -> str:
    return DatasetVersion.objects.get(pk=version.pk).status


DOORS = {
    "a run": ("/api/v1/runs/", {"name": "r", "model_name": "m", "trainer": "text_classifier"}, "dataset_version"),
    "an export": ("/api/v1/exports/", {}, "version"),
    "an evaluation": ("/api/v1/evaluations/", {}, "dataset_version"),
}


def knock(door: str, version, api, user, **more):
    address, body, field = DOORS[door]
    return api(user).post(address, body | {field: str(version.pk)} | more)


def endpoint_for(door: str) -> dict[str, str]:
    is_needed = door == "an evaluation"
    return {"endpoint": str(ModelEndpoint.objects.get(engine="nearest_neighbour").pk)} if is_needed else {}


@pytest.mark.parametrize("door", DOORS)
def test_a_tag_that_appeared_after_approval_binds_before_anything_leaves(
    approved_notes, bystander, engineer, api, door
):
    tag()

    refused = knock(door, approved_notes, api, engineer, **endpoint_for(door))

    assert (refused.status_code, refused.json()["code"]) == (409, "not_usable"), refused.content
    assert (status_of(approved_notes), status_of(bystander)) == ("suspended", "approved")
    assert ConstraintChange.objects.latest("changed_at").actor_id == engineer.pk
    assert not TrainingRun.objects.exists() and not Export.objects.exists()


@pytest.mark.parametrize("door", DOORS)
def test_where_tags_cannot_be_read_nothing_leaves(approved_notes, bystander, engineer, api, door):
    note_of_table("columns: [", "notes")

    refused = knock(door, approved_notes, api, engineer, **endpoint_for(door))
    let_through = knock("an export", bystander, api, engineer)

    assert (refused.status_code, refused.json()["code"]) == (503, "tags_unknown"), refused.content
    assert "notes" not in refused.json()["detail"] and str(django_settings.CATALOG_ROOT) not in refused.content.decode()
    assert status_of(approved_notes) == "approved"
    assert let_through.status_code == 202


def test_a_tag_that_appears_while_an_export_waits_stops_its_job(approved_notes, engineer, api):
    assert knock("an export", approved_notes, api, engineer).status_code == 202
    tag()

    jobs.run_waiting()

    job = Export.objects.get().job
    assert (job.state, Export.objects.get().file_name) == ("failed", "")
    assert "suspended" in job.error and status_of(approved_notes) == "suspended"


def test_a_table_that_is_gone_keeps_the_constraint_that_was_known(approved_notes, engineer, api):
    for file in (django_settings.CATALOG_ROOT / "main").glob("notes.*"):
        file.unlink()

    assert knock("an export", approved_notes, api, engineer).status_code == 202


def test_a_tag_that_appeared_before_freezing_leaves_its_rows_out(notes, engineer, api):
    version = make_dataset(engineer, notes)
    tag()

    assert api(engineer).post(f"/api/v1/dataset-versions/{version.pk}/freeze/").status_code == 202
    jobs.run_waiting()

    assert "No pair" in Job.objects.get(kind="training.freeze").error
    notes.derivation.refresh_from_db()
    assert not notes.pairs.permitting("training").exists()


def test_a_tag_that_appeared_after_freezing_is_known_when_approval_is_asked_for(notes, engineer, api):
    version = frozen(make_dataset(engineer, notes), engineer)
    tag()

    asked = api(engineer).post(f"/api/v1/dataset-versions/{version.pk}/request-approval/", {"reason": "ready"})

    assert (asked.status_code, asked.json()["code"]) == (409, "members_prohibited"), asked.content


def test_tags_are_read_on_a_schedule_and_bind_without_anyone_asking(approved_notes, bystander, settings):
    tag()

    schedule.enqueue_due()
    jobs.run_waiting()

    read = Job.objects.get(kind="workbench.read-tags")
    assert (read.state, read.requested_by) == ("succeeded", None), read.error
    assert (status_of(approved_notes), status_of(bystander)) == ("suspended", "approved")


def test_the_schedule_asks_once_in_each_period_and_keeps_the_last(db, settings):
    settings.EXPIRY_EVERY = settings.SEAL_EVERY = 0
    for _ in range(3):
        schedule.enqueue_due()
    assert Job.objects.filter(kind="workbench.read-tags").count() == 1
    assert not Job.objects.filter(kind="training.suspend-expired").exists()

    for _ in range(3):
        jobs.run_waiting()
        Job.objects.update(created_at=timezone.now() - timedelta(seconds=settings.TAGS_EVERY))
        schedule.enqueue_due()

    read = Job.objects.filter(kind="workbench.read-tags")
    assert sorted(read.values_list("state", flat=True)) == ["queued", "succeeded"]


def test_a_catalog_that_cannot_be_read_fails_the_scheduled_reading_and_names_it(approved_notes, bystander, notes):
    note_of_table("columns: [", "letters")
    schedule.enqueue_due()

    jobs.run_waiting()

    read = Job.objects.get(kind="workbench.read-tags")
    assert read.state == "failed" and "letters" in read.error


def test_a_permission_that_runs_out_suspends_the_datasets_that_relied_on_it(
    approved_notes, bystander, notes, engineer, api
):
    soon = timezone.now() + timedelta(days=1)
    until = Terms(
        allowed_uses=ALL_USES, prohibited_uses=0, data_classification=1, usage_reason="the contract ends",
        permitted_until=soon,
    )  # fmt: skip
    constraints.tighten(row=notes.sheet, terms=until, by=engineer)
    schedule.enqueue_due()
    jobs.run_waiting()
    assert (status_of(approved_notes), status_of(bystander)) == ("approved", "approved")

    type(notes.derivation).objects.filter(until=soon).update(until=timezone.now())
    Job.objects.all().delete()
    schedule.enqueue_due()
    jobs.run_waiting()

    suspended = DatasetVersion.objects.get(pk=approved_notes.pk)
    assert (suspended.status, status_of(bystander)) == ("suspended", "approved")
    assert "training prohibited: what it was made from" in suspended.status_reason
    assert suspended.history.first().history_change_reason == suspended.status_reason
    assert knock("an export", approved_notes, api, engineer).json()["code"] == "not_usable"
