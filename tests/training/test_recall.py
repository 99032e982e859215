"""Recall: from any row with a constraint to everything that was made from it, as far as one may see."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from governance import constraints
from governance.constraints import Terms
from governance.models import ConstraintChange, TagRule
from governance.rules import tag_rules
from governance.rules.tag_rules import Rule
from governance.uses import BITS
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
    found = recall.recall(recall.of_row(chain.places[place]), officer)

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
            recall.recall(recall.of_row(chain.places["Sheet"]), officer)
        return len(asked)

    queries()  # asks once for the permissions of the account
    few = queries()
    multiply(chain.places["pair"], 30)

    assert recall.recall(recall.of_row(chain.places["Sheet"]), officer).pairs == 31
    assert queries() == few


def test_a_tag_leads_to_what_was_made_from_all_that_carries_it(chain, officer, client, api):
    table = chain.places["table"]
    table.tags = ["PHI"]
    table.save()
    rule = TagRule.objects.get(tag="PHI")
    client.force_login(officer)

    answer = api(officer).get("/api/v1/recall/", {"kind": "governance.tagrule", "object_id": str(rule.pk)}).json()

    assert (answer["subject"], answer["pairs"], answer["labels"]) == ("tag PHI", 1, 1)
    assert str(chain.world[ModelVersion]) in client.get(address(rule)).content.decode()
    rule_page = client.get(f"/admin/governance/tagrule/{rule.pk}/change/").content.decode()
    assert address(rule) in rule_page


@pytest.mark.parametrize("place", PLACES)
def test_a_change_of_a_constraint_leads_to_what_it_reached(place, chain, officer, client):
    row = chain.places[place]
    terms = replace(Terms.of(row), prohibited_uses=BITS["training"], usage_reason="consent was withdrawn")
    change = constraints.tighten(row=row, terms=terms, by=officer)
    client.force_login(officer)

    found = recall.recall(recall.of_row(change), officer)

    assert found.groups == recall.recall(recall.of_row(row), officer).groups
    assert address(change) in client.get(f"/admin/governance/constraintchange/{change.pk}/change/").content.decode()
    assert client.get(address(change)).status_code == 200


def test_a_stricter_tag_rule_is_a_change_of_a_constraint_that_can_be_recalled(chain, officer, steward, client):
    table = chain.places["table"]
    table.tags = ["CONFIDENTIAL"]
    table.save()
    rule = TagRule.objects.get(tag="CONFIDENTIAL")
    tag_rules.tighten_rule(rule=rule, terms=replace(Rule.of(rule), allowed_uses=0, reason="under embargo"), by=steward)

    change = ConstraintChange.objects.get(kind="governance.tagrule")

    assert (change.subject_label, change.reason, change.direction) == ("tag CONFIDENTIAL", "under embargo", "tightened")
    assert change.reached == {"catalog objects": 1} and change.actor_name == steward.display_name
    assert recall.recall(recall.of_row(change), officer).pairs == 1
    client.force_login(officer)
    listed = client.get("/admin/governance/constraintchange/?kind=governance.tagrule").content.decode()
    assert "tag CONFIDENTIAL" in listed and f"/admin/governance/tagrule/{rule.pk}/change/" in listed
