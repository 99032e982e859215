"""Somebody was faster: both texts side by side, a choice, and nothing typed is lost; and pages fetched ahead."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils import timezone

from labeling.labels.models import CanonicalLabel
from labeling.labels.services import save_from_tool
from labeling.review import services
from labeling.review.ahead import HEADER
from labeling.review.models import PairClaim, PairDecision, PairDraft

from .test_review import first, foreign, made, template, world
from .test_review_desk import at, desk, typed

__all__ = ["at", "desk", "foreign", "made", "template", "world"]
pytestmark = pytest.mark.django_db


def seen(pair, answer="refund", **fields):
    """What the page sends: the whole form, as it was shown."""
    return typed(pair, answer, **{"prompt-m0-text": pair.messages[0]["content"], "pair-label_version": "0", **fields})


def actions(pair):
    return list(PairDecision.objects.filter(pair=pair).order_by("id").values_list("action", "decided_by__username"))


@pytest.fixture
def behind(at, expert, second_expert, client, desk):
    """A pair that the second expert rejected while the first one was typing; the first one's browser."""
    pair = at(expert)
    services.reject_pair(pair=pair, by=second_expert, version=1, notes="off topic")
    return pair


def test_both_texts_and_a_choice_are_shown_and_what_was_typed_outlives_a_reload(behind, client, desk):
    page = client.post(f"{desk}?pair={behind.pk}", seen(behind, **{"pair-notes": "my thought", "action": "approve"}))

    assert page.status_code == 412
    for text in (page.content.decode(), client.get(desk, {"pair": behind.pk}).content.decode()):
        assert "made it rejected" in text and "Keep theirs" in text and "Approve mine" in text
        assert "my thought" in text and "<ins>refund</ins>" in text
    assert first(behind.training_sheet).status == "rejected"


def test_taking_mine_keeps_both_decisions_in_history(behind, client, desk, expert):
    page = client.post(f"{desk}?pair={behind.pk}", seen(behind, action="golden"))
    fields = {"pair-version": page.context["forms"].pair.version, "action": "mine", "mine": "golden"}

    client.post(f"{desk}?pair={behind.pk}", seen(behind) | fields)

    pair = first(behind.training_sheet)
    assert (pair.status, pair.is_golden, pair.answer.body) == ("labeled", True, {"label": "refund"})
    assert actions(pair) == [
        ("reject", "second-expert"), ("reopen", "expert"), ("edit", "expert"), ("golden", "expert"),
    ]  # fmt: skip
    assert not PairDraft.objects.exists()


def test_keeping_theirs_throws_mine_away_and_goes_on(behind, client, desk, made):
    client.post(f"{desk}?pair={behind.pk}", seen(behind, action="approve"))

    answer = client.post(f"{desk}?pair={behind.pk}", seen(behind, action="theirs"))

    assert answer.status_code == 302 and "after=0" in answer["Location"]
    assert first(made).status == "rejected" and not PairDraft.objects.exists()


def test_the_second_of_two_tabs_of_one_person_compares_with_the_first(at, expert, client, desk, made):
    pair = at(expert)
    client.post(f"{desk}?pair={pair.pk}", seen(pair, "card", action="approve"))

    page = client.post(f"{desk}?pair={pair.pk}", seen(pair, "refund", action="approve"))

    assert page.status_code == 412 and f"{expert.display_name} made it approved" in page.content.decode()
    assert first(made).answer.body == {"label": "card"}


def test_a_label_that_changed_beneath_is_compared_too(at, expert, second_expert, client, desk, made):
    pair = at(expert)
    save_from_tool(
        sheet=made.sheet, item_ref=pair.item_ref, label_type=made.label_type, data={"label": "card"}, by=second_expert,
        confidence="high", notes="", terms=None, seen_version=0,
    )  # fmt: skip

    page = client.post(f"{desk}?pair={pair.pk}", seen(pair, action="approve"))

    assert page.status_code == 412 and f"{second_expert.display_name} saved version 1" in page.content.decode()
    assert CanonicalLabel.objects.get(item_ref=pair.item_ref, sheet=made.sheet).data == {"label": "card"}
    newest = seen(pair, action="mine", mine="approve") | {"pair-label_version": "1"}
    client.post(f"{desk}?pair={pair.pk}", newest)
    assert CanonicalLabel.objects.get(item_ref=pair.item_ref, sheet=made.sheet).data == {"label": "refund"}


def test_rest_refuses_a_label_that_changed_beneath_with_both_texts(expert, second_expert, made, api):
    pair = services.approve_pair(pair=first(made), by=second_expert, version=1)
    pair = services.reopen_pair(pair=pair, by=second_expert, version=2, reason="once more")

    body = {"version": 3, "label_version": 0, "data": {"label": "refund"}}
    told = api(expert).post(f"/api/v1/pairs/{pair.pk}/edit/", body, format="json")

    assert told.status_code == 412
    assert '"current_label":1' in told.content.decode() and '"refund"' in told.content.decode()


# -- pages ahead ------------------------------------------------------------------------------------------------


def ahead_of(client, desk, pair):
    return client.get(desk, {"after": pair.position, "ahead": "1"})


def test_the_page_ahead_claims_its_pair_and_holds_until_the_decision(at, expert, second_expert, client, desk):
    pair = at(expert)
    page = ahead_of(client, desk, pair)
    ahead = page.context["pair"]

    assert (ahead.position, PairClaim.objects.get(pair=ahead).account) == (1, expert)
    headers = {HEADER: str(ahead.pk)}
    told = client.post(f"{desk}?pair={pair.pk}", seen(pair, "card", action="approve"), headers=headers).json()

    assert (told["holds"], told["version"]) == (True, 1)
    assert str(ahead.pk) in told["address"] and "1 approved · 5 to review" in told["sentence"]
    assert at(second_expert).position == 2


def test_a_page_ahead_whose_pair_somebody_else_took_is_not_shown(at, expert, second_expert, client, desk):
    pair = at(expert)
    ahead = ahead_of(client, desk, pair).context["pair"]
    PairClaim.objects.filter(pair=ahead).update(until=timezone.now())
    assert at(second_expert, pair=ahead.pk) == ahead
    client.force_login(expert)

    told = client.post(f"{desk}?pair={pair.pk}", seen(pair, action="reject"), headers={HEADER: str(ahead.pk)}).json()

    assert told["holds"] is False and "after=0" in told["next"]
    assert at(expert, after=0).position == 2


def test_nothing_is_fetched_ahead_of_the_last_pair(at, expert, client, desk, made):
    for place in range(5):
        services.reject_pair(pair=first(made, place), by=expert, version=1)
    pair = at(expert)

    assert ahead_of(client, desk, pair).status_code == 204
    told = client.post(f"{desk}?pair={pair.pk}", seen(pair, action="reject"), headers={HEADER: ""}).json()
    assert told["holds"] is False


def test_an_unused_page_releases_its_claim_and_no_claim_that_was_renewed_since(at, expert, client, desk, made):
    pair = at(expert)
    ahead = ahead_of(client, desk, pair).context["pair"]
    address = reverse("labeling:pair-claim", args=[ahead.pk])
    old = PairClaim.objects.get(pair=ahead).taken
    fresh = client.post(address).json()["taken"]

    client.post(address, {"release": "1", "taken": old})
    assert PairClaim.objects.filter(pair=ahead).exists()
    for nonsense in ("yesterday", "x" * 100, "2026-13-45T00:00:00"):
        assert client.post(address, {"release": "1", "taken": nonsense}).status_code == 200
    client.post(address, {"release": "1", "taken": fresh})
    assert not PairClaim.objects.filter(pair=ahead).exists()


# -- claims by program ------------------------------------------------------------------------------------------


def test_programs_claim_the_next_pairs_and_no_pair_is_given_twice(expert, second_expert, made, foreign, api):
    ask = {"training_sheet": str(made.pk), "count": 4}

    mine = api(expert).post("/api/v1/pairs/next/", ask, format="json").json()
    theirs = api(second_expert).post("/api/v1/pairs/next/", ask, format="json").json()

    assert [[pair["position"] for pair in found] for found in (mine, theirs)] == [[0, 1, 2, 3], [4, 5]]
    again = api(expert).post("/api/v1/pairs/next/", ask, format="json").json()
    assert [pair["id"] for pair in again] == [pair["id"] for pair in mine]
    for bad in ({"training_sheet": str(foreign.pk)}, {**ask, "count": 0}, {**ask, "count": 101}, {}):
        assert api(expert).post("/api/v1/pairs/next/", bad, format="json").status_code == 400


def test_who_may_only_look_claims_no_next_pair(viewer, made, api):
    assert api(viewer).post("/api/v1/pairs/next/", {"training_sheet": str(made.pk)}, "json").status_code == 403
    assert not PairClaim.objects.exists()


# -- the source item --------------------------------------------------------------------------------------------


def test_the_source_item_shows_what_the_pair_was_made_from_and_no_other_column(expert, made, client):
    client.force_login(expert)

    text = client.get(reverse("labeling:pair-source", args=[first(made).pk])).content.decode()

    assert "ticket 0" in text and "patient" not in text


def test_the_source_item_of_another_team_does_not_exist(expert, foreign, client):
    client.force_login(expert)

    assert client.get(reverse("labeling:pair-source", args=[first(foreign).pk])).status_code == 404


def test_an_item_that_is_gone_is_said_and_the_rest_goes_on(expert, made, client):
    pair = first(made)
    made.pairs.filter(pk=pair.pk).update(item_ref="gone")
    client.force_login(expert)

    answer = client.get(reverse("labeling:pair-source", args=[pair.pk]))

    assert answer.status_code == 200 and "any more" in answer.content.decode()
