"""Recall: from any row with a constraint to everything that was made from it, as far as one may see."""

from __future__ import annotations

import csv
import io

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.test_exit_matrix import OPEN, SECRET, Chain
from tests.test_rights import TEAM_ROLES
from tests.world import multiply
from training.lineage import recall
from training.models import ModelVersion

pytestmark = pytest.mark.django_db

PLACES = ("table", "volume", "column", "Sheet", "Labelset", "Prompt Template", "canonical label", "pair")


@pytest.fixture
def chain(make_user) -> Chain:
    Chain(OPEN, make_user("bob", *TEAM_ROLES))
    return Chain(SECRET, make_user("ada", *TEAM_ROLES))


def address(row) -> str:
    return f"/admin/recall/{row._meta.label_lower}/{row.pk}/"


@pytest.mark.parametrize("place", PLACES)
def test_every_place_leads_to_the_models_that_learned_from_it(place, chain, officer):
    found = recall.recall(chain.places[place], officer)

    reached = {group.title: [(asset.label, asset.rows) for asset in group.assets] for group in found.groups}
    assert found.pairs == 1
    assert reached[recall.SHEETS] == [(f"{SECRET} pairs", 1)]
    assert reached[recall.MODELS] == [(str(chain.world[ModelVersion]), 1)]
    [(dataset, rows)] = reached[recall.DATASETS]
    # The version holds the pair and, beside it, the label of the same item.
    assert dataset.startswith(SECRET) and rows == (1 if place == "pair" else 2)
    assert len(reached[recall.EXPORTS]) == len(reached[recall.EVALUATIONS]) == 1
    assert OPEN not in str(reached)


def test_page_api_and_file_say_the_same_and_the_change_leads_there(chain, officer, client, api):
    sheet = chain.places["Sheet"]
    client.force_login(officer)
    page = client.get(address(sheet)).content.decode()
    answer = api(officer).get("/api/v1/recall/", {"kind": "workbench.sheet", "object_id": str(sheet.pk)}).json()
    rows = list(csv.DictReader(io.StringIO(client.get(f"{address(sheet)}?format=csv").content.decode())))

    named = {asset["name"] for group in answer["groups"] for asset in group["assets"]}
    assert answer["pairs"] == answer["labels"] == 1 and len(named) >= 4
    assert {row["name"] for row in rows if row["name"]} == named
    assert all(name in page for name in named)
    assert address(sheet) in client.get(f"/admin/why/workbench.sheet/{sheet.pk}/").content.decode()


def test_to_people_without_rights_there_is_nothing_to_recall(chain, make_user, client, api):
    stranger = make_user("eve", *TEAM_ROLES)
    client.force_login(stranger)

    for row in chain.places.values():
        asked = {"kind": row._meta.label_lower, "object_id": str(row.pk)}
        assert client.get(address(row)).status_code == 404
        answer = api(stranger).get("/api/v1/recall/", asked)
        assert answer.status_code == 400 and SECRET not in answer.content.decode()


@pytest.mark.parametrize(
    "asked",
    [{}, {"kind": "auth.user", "object_id": "1"}, {"kind": "workbench.sheet", "object_id": "no"}, {"kind": "x"}],
)
def test_what_cannot_be_recalled_is_named(asked, chain, officer, api):
    answer = api(officer).get("/api/v1/recall/", asked)

    assert answer.status_code == 400 and answer.json()["code"] == "invalid_input"


def test_queries_do_not_grow_with_what_was_reached(chain, officer):
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            recall.recall(chain.places["Sheet"], officer)
        return len(asked)

    queries()  # asks once for the permissions of the account
    few = queries()
    multiply(chain.places["pair"], 30)

    assert recall.recall(chain.places["Sheet"], officer).pairs == 31
    assert queries() == few
