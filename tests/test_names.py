"""A name tells nothing about rows that one may not see: neither those of assets nor those of accounts."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse

from governance import access, jobs
from governance.models import User
from governance.portal.rows import row_url
from tests.training.factories import approved, make_dataset, make_pairs, make_sheet, make_training_sheet
from tests.workbench.factories import make_connection
from tests.world import World, make_world
from training.models import CuratedDataset, RegisteredModel
from training.runs.services import start_run
from workbench.models import Connection, Sheet

CURATE = "/api/v1/curated-datasets/curate-everything/"
LEVEL = {"share": {"level": "view"}, "unshare": {}}
SCHEMA = {"type": "object", "properties": {"label": {"type": "string"}}, "required": ["label"]}


@pytest.fixture
def hidden(stranger) -> World:
    """One row of every kind, named `walnut …`, that nobody but the stranger may see."""
    return make_world("walnut", stranger)


@pytest.fixture
def sheet_of_steward(steward) -> dict[str, object]:
    return {"connection": str(make_connection(steward).pk), "item_key": "id", "primary_ref": "desk.tickets"}


@pytest.fixture
def own_folder(settings) -> str:
    settings.CATALOG_FOLDERS = [str(Path(settings.CATALOG_ROOT).parent)]
    folder = Path(settings.CATALOG_ROOT).parent / "own"
    folder.mkdir()
    return str(folder)


def bodies(own_folder: str, sheet: dict[str, object]) -> dict[str, dict[str, object]]:
    """For each noun a new row that has the name of one that is hidden."""
    return {
        "connections": {"name": "walnut catalog", "location": own_folder},
        "sheets": {"name": "walnut sheet", **sheet},
        "labelsets": {
            "name": "walnut labels", "label_type": "classification", "classes": [{"name": "a"}, {"name": "b"}]
        },
        "templates": {
            "name": "walnut prompt", "label_type": "classification", "user_prompt": "?", "output_schema": SCHEMA
        },
        "use-cases": {"name": "walnut case"},
    }  # fmt: skip


MAKERS = {
    "connections": "steward", "sheets": "steward", "labelsets": "expert", "templates": "engineer",
    "use-cases": "steward",
}  # fmt: skip


@pytest.mark.parametrize("noun", MAKERS)
def test_a_name_of_a_hidden_row_can_be_given_and_ones_own_cannot_be_given_twice(
    noun, hidden, api, request, own_folder, sheet_of_steward
):
    body = bodies(own_folder, sheet_of_steward)[noun]
    client = api(request.getfixturevalue(MAKERS[noun]))

    made = client.post(f"/api/v1/{noun}/", body)
    again = client.post(f"/api/v1/{noun}/", body)

    assert made.status_code == 201, made.content
    assert (again.status_code, again.json()["field"]) == (400, "name"), again.content
    assert again.json()["detail"] == f"“{body['name']}” is taken; choose another name."


def test_a_form_of_the_portal_takes_the_name_of_a_hidden_row(hidden, steward, client, own_folder):
    client.force_login(steward)

    made = client.post(
        reverse("admin:workbench_connection_add"),
        {"name": "walnut catalog", "engine": "local", "location": own_folder, "description": ""},
    )

    assert made.status_code == 302
    assert Connection.objects.filter(name="walnut catalog").count() == 2


def test_a_dataset_made_by_one_click_is_numbered_by_what_its_maker_sees(hidden, engineer, api):
    sheet = make_training_sheet(engineer, make_sheet(engineer, "Notes"), name="walnut dataset")
    make_pairs(sheet, 6)

    for _ in range(2):
        answer = api(engineer).post(CURATE, {"training_sheet": str(sheet.pk)})
        assert answer.status_code == 202, answer.content
        jobs.run_waiting()

    mine = CuratedDataset.objects.filter(owner=engineer).order_by("created_at")
    assert [dataset.name for dataset in mine] == ["walnut dataset", "walnut dataset (2)"]


def test_models_of_one_name_stay_apart_also_in_the_tracker(hidden, engineer, approver, share):
    sheet = make_training_sheet(engineer, make_sheet(engineer, "Notes"))
    make_pairs(sheet, 20)
    version = make_dataset(engineer, sheet)
    share(version.dataset)
    version = approved(version, engineer, approver)

    runs = [
        start_run(dataset_version=version, name=name, model_name="walnut model", trainer="text_classifier", by=engineer)
        for name in ("one", "two")
    ]

    first, second = (run.model for run in runs)
    assert first == second and first.owner == engineer
    assert RegisteredModel.objects.filter(name="walnut model").count() == 2
    assert first.registry_name == f"walnut model {first.pk.hex[-12:]}"


@pytest.fixture
def share(approver):
    return lambda row: access.share(collection=row, to=approver, level="view", by=row.owner)


@pytest.fixture
def own_sheet(steward) -> Sheet:
    return Sheet.objects.create(name="Mine", owner=steward, connection=make_connection(steward), item_key="id")


@pytest.mark.parametrize("door", LEVEL)
def test_sharing_tells_no_unknown_name_from_one_that_cannot_be_shared_with(
    door, own_sheet, steward, make_user, api, client
):
    User.objects.filter(pk=make_user("gone").pk).update(is_active=False)
    Group.objects.create(name="Nobody's team")

    def told(**named: str) -> tuple[int, str]:
        answer = api(steward).post(f"/api/v1/sheets/{own_sheet.pk}/{door}/", LEVEL[door] | named)
        return answer.status_code, answer.json()["detail"].replace(next(iter(named.values())), "…")

    assert told(user="gone") == told(user="never was")
    assert told(group="Nobody's team") == told(group="never was one")
    assert told(user="gone")[0] == 400


def test_who_may_not_share_learns_nothing_about_names(own_sheet, steward, viewer, expert, api):
    access.share(collection=own_sheet, to=viewer, level="change", by=steward)

    answers = [
        api(viewer).post(f"/api/v1/sheets/{own_sheet.pk}/{door}/", LEVEL[door] | {"user": name})
        for name in (expert.username, "never was")
        for door in LEVEL
    ]

    assert {answer.status_code for answer in answers} == {403}
    assert len({answer.content for answer in answers}) == 1


def test_the_form_offers_those_that_can_be_shared_with_to_who_may_share(
    own_sheet, steward, expert, viewer, make_user, client
):
    User.objects.filter(pk=make_user("gone").pk).update(is_active=False)
    form = f"{row_url(own_sheet).removesuffix('change/')}do/share/"
    client.force_login(steward)
    offered = client.get(form).content.decode()
    access.share(collection=own_sheet, to=viewer, level="view", by=steward)
    client.force_login(viewer)

    assert f'value="{expert.username}"' in offered and 'value="gone"' not in offered
    assert 'value="Team Iris"' in offered
    assert f'value="{expert.username}"' not in client.get(form, follow=True).content.decode()


def test_a_grant_of_someone_who_left_can_be_taken_back(own_sheet, steward, viewer, api):
    access.share(collection=own_sheet, to=viewer, level="view", by=steward)
    viewer.is_active = False
    viewer.save()

    taken = api(steward).post(f"/api/v1/sheets/{own_sheet.pk}/unshare/", {"user": viewer.username})

    viewer.is_active = True
    assert (taken.status_code, access.can_see(viewer, own_sheet)) == (204, False)
