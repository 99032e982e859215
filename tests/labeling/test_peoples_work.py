"""Throughput and agreement of people: what is counted, on which rows, and who sees it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from governance import access
from governance.models import Person
from labeling.models import PairDecision, QAPair, TrainingSheet
from tests.world import World, make_pairs, multiply
from workbench.models import Sheet

pytestmark = pytest.mark.django_db
API = "/api/v1/peoples-work/"


@pytest.fixture
def ours(make_user, team) -> World:
    """Zoe approved one pair, which stands, and gave an opinion that was settled so; shared with the team."""
    world = make_pairs("ours", make_user("zoe", "domain-expert"))
    for model in (TrainingSheet, Sheet):
        access.share(collection=world[model], to=team, level="view", by=world[model].owner)
    return world


@pytest.fixture
def theirs(make_user) -> World:
    return make_pairs("theirs", make_user("other", "domain-expert"))


def decided(world: World, by, action: str, count: int, *, status: str = "rejected") -> None:
    one = PairDecision(
        pair=world[QAPair], action=action, old_status="unlabeled", new_status=status, decided_by=by,
        old_prompt=world[QAPair].prompt, new_prompt=world[QAPair].prompt,
    )  # fmt: skip
    one.save()
    if count > 1:
        multiply(one, count - 1)


def test_decisions_are_counted_by_person_with_all_their_accounts(ours, theirs, steward, expert, make_user, api):
    decided(ours, expert, "reject", 3)
    decided(ours, make_user("expert-too", "domain-expert", person=expert.person), "flag", 1, status="flagged")
    decided(theirs, expert, "reject", 5)

    rows = {row["name"]: row for row in api(steward).get(API).json()}

    assert list(rows) == ["Expert", "Zoe"]
    mine, zoes = rows["Expert"], rows["Zoe"]
    assert (mine["decided"], mine["rejected"], mine["flagged"], mine["standing_share"]) == (4, 3, 1, 0.0)
    assert (zoes["decided"], zoes["approved"], zoes["standing_share"], zoes["a_day"]) == (1, 1, 1.0, 1.0)
    assert (zoes["settled"], zoes["agreement"], mine["agreement"]) == (1, 1.0, None)


def test_older_decisions_and_those_of_other_training_sheets_are_left_out(ours, steward, api, monkeypatch):
    other = make_pairs("further", ours[TrainingSheet].owner)
    access.share(collection=other[TrainingSheet], to=steward, level="view", by=other[TrainingSheet].owner)

    of_one = api(steward).get(API, {"training_sheet": str(ours[TrainingSheet].pk)}).json()
    assert [(row["decided"], row["settled"]) for row in of_one] == [(1, 0)]
    assert api(steward).get(API).json()[0]["decided"] == 2
    in_a_week = timezone.now() + timedelta(days=8)
    monkeypatch.setattr(timezone, "now", lambda: in_a_week)
    assert api(steward).get(API, {"days": 7}).json() == []


def test_only_those_who_lead_see_it_and_only_on_rows_that_they_see(ours, theirs, expert, steward, client, api):
    page = reverse("labeling:people-work")
    client.force_login(expert)
    assert client.get(page).status_code == 403 and api(expert).get(API).status_code == 403
    assert "People at work" not in client.get("/admin/").content.decode()

    client.force_login(steward)
    shown = client.get(page).content.decode()

    assert "Zoe" in shown and "Other" not in shown
    asked = {"training_sheet": str(theirs[TrainingSheet].pk)}
    assert api(steward).get(API, asked).json()["field"] == "training_sheet"
    assert client.get(page, asked | {"days": "30"}).status_code == 200
    assert Person.objects.filter(name="Other").exists()


@pytest.mark.parametrize("asked", [{"days": "0"}, {"days": "many"}, {"training_sheet": "x"}])
def test_what_cannot_be_used_is_named(asked, steward, api, client):
    assert api(steward).get(API, asked).json()["field"] == next(iter(asked))
    client.force_login(steward)
    assert client.get(reverse("labeling:people-work"), asked).status_code == 200
