"""The review desk: claims keep people apart, drafts keep what is typed, and the last decisions can be undone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from governance.models import RecordEntry
from labeling.generation.models import QAPair
from labeling.review import claims, services
from labeling.review.errors import NothingToUndo
from labeling.review.models import PairClaim, PairDecision, PairDraft
from labeling.review.ordering import UNSURE
from labeling.review.selectors import next_open, pairs_in_view

from .test_review import first, foreign, made, template, world

__all__ = ["foreign", "made", "template", "world"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(made):
    return reverse("labeling:review-pair", args=[made.pk])


@pytest.fixture
def at(client, desk):
    """`at(expert)`: a browser of this person, and the reference of the pair that the desk shows them."""

    def show(user, **query):
        client.force_login(user)
        answer = client.get(desk, query)
        assert answer.status_code == 200
        return answer.context.get("pair")

    return show


def typed(pair, answer="refund", **fields):
    return {"answer-label": answer, "pair-version": pair.version, "pair-confidence": "high", "pair-notes": "", **fields}


# -- claims -----------------------------------------------------------------------------------------------------


def test_two_reviewers_are_shown_different_pairs(at, expert, second_expert):
    mine, theirs = at(expert), at(second_expert)

    assert (mine.position, theirs.position) == (0, 1)
    assert at(expert) == mine
    assert {claim.account for claim in PairClaim.objects.all()} == {expert, second_expert}


def test_a_claim_that_ran_out_or_was_released_is_free_again(at, expert, second_expert, client, made):
    pair = at(expert)
    PairClaim.objects.update(until=timezone.now() - timedelta(seconds=1))
    assert at(second_expert) == pair

    client.post(reverse("labeling:pair-claim", args=[pair.pk]), {"release": "1"})
    assert at(expert) == pair


def test_only_its_owner_releases_a_claim(at, expert, second_expert, client):
    pair = at(expert)
    client.force_login(second_expert)

    client.post(reverse("labeling:pair-claim", args=[pair.pk]), {"release": "1"})

    assert PairClaim.objects.get(pair=pair).account == expert


def test_who_opens_a_claimed_pair_reads_who_is_at_work_and_may_decide(at, expert, second_expert, client, desk):
    pair = at(expert)
    client.force_login(second_expert)

    page = client.get(desk, {"pair": pair.pk})

    assert f"{expert.display_name} is at work on this pair" in page.content.decode()
    services.approve_pair(pair=pair, by=second_expert, version=pair.version)
    assert not PairClaim.objects.filter(pair=pair).exists()


def test_a_claim_is_taken_and_released_by_rest(expert, second_expert, made, api):
    address = f"/api/v1/pairs/{first(made).pk}/claim/"

    assert api(expert).post(address).json()["is_mine"] is True
    told = api(second_expert).post(address).json()
    assert (told["is_mine"], told["claimed_by"]) == (False, expert.display_name)
    assert api(expert).delete(address).status_code == 204
    assert api(second_expert).post(address).json()["is_mine"] is True


@pytest.mark.parametrize("kind", ["pair-claim", "pair-draft"])
def test_a_pair_of_another_team_is_neither_claimed_nor_drafted(kind, foreign, expert, client):
    client.force_login(expert)

    answer = client.post(reverse(f"labeling:{kind}", args=[first(foreign).pk]), {"pair-notes": "x"})

    assert answer.status_code == 404
    assert not PairClaim.objects.exists() and not PairDraft.objects.exists()


@pytest.mark.parametrize("kind", ["pair-claim", "pair-draft"])
def test_who_may_only_look_claims_and_drafts_nothing(kind, made, viewer, at, client):
    pair = at(viewer)

    answer = client.post(reverse(f"labeling:{kind}", args=[pair.pk]), {"pair-notes": "x"})

    assert answer.status_code in {400, 403}
    assert not PairClaim.objects.exists() and not PairDraft.objects.exists()


# -- drafts -----------------------------------------------------------------------------------------------------


def test_what_was_typed_is_there_after_logging_out_and_only_for_who_typed_it(at, expert, second_expert, client, desk):
    pair = at(expert)
    saved = client.post(reverse("labeling:pair-draft", args=[pair.pk]), typed(pair, **{"pair-notes": "half a thought"}))
    assert saved.json()["saved_at"]
    client.logout()

    client.force_login(expert)
    page = client.get(desk, {"pair": pair.pk}).content.decode()
    assert "half a thought" in page and "Discard draft" in page
    client.force_login(second_expert)
    assert "half a thought" not in client.get(desk, {"pair": pair.pk}).content.decode()


def test_a_draft_goes_with_the_decision_or_when_it_is_thrown_away(at, expert, client, desk):
    pair = at(expert)
    draft = reverse("labeling:pair-draft", args=[pair.pk])
    client.post(draft, typed(pair, **{"pair-notes": "half a thought"}))
    client.post(f"{desk}?pair={pair.pk}", {"action": "discard"})
    assert not PairDraft.objects.exists()

    client.post(draft, typed(pair))
    client.post(f"{desk}?pair={pair.pk}", typed(pair, action="approve"))
    assert not PairDraft.objects.exists()
    assert QAPair.objects.get(pk=pair.pk).answer.body == {"label": "refund"}


@pytest.mark.parametrize(("text", "status"), [("a\x00b", 400), ("a\\u0000b", 200)])
def test_a_null_character_is_refused_in_a_draft_and_its_spelling_kept(at, expert, client, text, status):
    pair = at(expert)

    answer = client.post(reverse("labeling:pair-draft", args=[pair.pk]), typed(pair, **{"pair-notes": text}))

    assert answer.status_code == status, answer.content


def test_a_draft_that_is_too_long_is_refused_with_both_lengths(at, expert, client):
    pair = at(expert)

    answer = client.post(reverse("labeling:pair-draft", args=[pair.pk]), typed(pair, **{"pair-notes": "x" * 1_000_001}))

    assert answer.status_code == 400 and "1,000,000" in answer.json()["error"]
    assert not PairDraft.objects.exists()


# -- undo -------------------------------------------------------------------------------------------------------


def test_the_last_decisions_are_undone_one_after_the_other_with_what_was_there_before(at, expert, client, desk, made):
    pair = at(expert)
    client.post(f"{desk}?pair={pair.pk}", typed(pair, action="approve"))
    services.reject_pair(pair=first(made, 1), by=expert, version=1)
    services.flag_pair(pair=first(made, 2), by=expert, version=1)

    for place in (2, 1, 0):
        answer = client.post(desk, {"action": "undo"})
        assert str(first(made, place).pk) in answer["Location"]
        assert first(made, place).status == "unlabeled"
    assert first(made).answer.body == {"label": "card"}
    decisions = PairDecision.objects.filter(pair=pair).values_list("action", "decided_by")
    assert set(decisions) == {("edit", expert.pk), ("reopen", expert.pk)}
    assert RecordEntry.objects.filter(kind="labeling.pairdecision").count() == 6


def test_only_ones_own_decisions_that_stand_are_undone(expert, second_expert, made):
    services.reject_pair(pair=first(made), by=expert, version=1)
    services.reject_pair(pair=first(made, 1), by=second_expert, version=1)
    services.reopen_pair(pair=first(made), by=second_expert, version=2, reason="not so fast")

    with pytest.raises(NothingToUndo):
        services.undo_last(training_sheet=made, by=expert)
    assert services.undo_last(training_sheet=made, by=second_expert).position == 1


def test_undo_by_rest_names_the_pair(expert, made, api):
    services.reject_pair(pair=first(made, 3), by=expert, version=1)

    answer = api(expert).post(f"/api/v1/training-sheets/{made.pk}/undo-last/")

    assert answer.json() == {"pair": str(first(made, 3).pk), "item_ref": "i00003", "status": "unlabeled", "version": 3}
    assert api(expert).post(f"/api/v1/training-sheets/{made.pk}/undo-last/").json()["code"] == "nothing_to_undo"


# -- order ------------------------------------------------------------------------------------------------------


def test_the_queue_goes_from_the_least_sure_to_the_surest_and_comes_back_to_what_was_skipped(made, expert, at):
    for place, sure in enumerate((0.9, 0.2, None, 0.5, 0.2, 0.7)):
        made.pairs.filter(position=place).update(ai_confidence=sure)
    pairs, shown, after = pairs_in_view(made, expert), [], -1
    for _ in range(7):
        after = next_open(pairs, after=after, order=UNSURE).position
        shown.append(after)

    assert shown == [2, 1, 4, 3, 5, 0, 2]
    assert at(expert, order=UNSURE).position == 2


def test_claims_run_for_fifteen_minutes_and_are_renewed(expert, made):
    pair = first(made)
    claims.take(pair=pair, by=expert)
    PairClaim.objects.update(until=timezone.now() + timedelta(minutes=1))

    until = claims.take(pair=pair, by=expert).until

    assert until - timezone.now() > timedelta(minutes=14)


# -- golden, notes, prompts -------------------------------------------------------------------------------------


def history(pair):
    return [(row.action, row.decided_by, row.notes) for row in PairDecision.objects.filter(pair=pair).order_by("id")]


def test_one_key_approves_as_golden_and_the_mark_falls_away_with_the_decision(at, expert, client, desk, made):
    pair = at(expert)

    client.post(f"{desk}?pair={pair.pk}", typed(pair, "card", action="golden"))

    assert (first(made).status, first(made).is_golden) == ("labeled", True)
    assert [by for action, by, _ in history(pair) if action == "golden"] == [expert]
    services.undo_last(training_sheet=made, by=expert)
    assert (first(made).status, first(made).is_golden) == ("unlabeled", False)


def test_golden_is_marked_found_and_unmarked_by_rest(expert, second_expert, made, foreign, api):
    pair = services.approve_pair(pair=first(made), by=expert, version=1)
    address = f"/api/v1/pairs/{pair.pk}/golden/"

    refused = api(expert).post(f"/api/v1/pairs/{first(made, 1).pk}/golden/")
    assert (refused.status_code, refused.json()["code"]) == (409, "not_approved")
    assert api(expert).post(f"/api/v1/pairs/{first(foreign).pk}/golden/").status_code == 404
    for _ in range(2):
        assert api(second_expert).post(address).json()["is_golden"] is True
    found = api(expert).get("/api/v1/pairs/", {"is_golden": "true"}).json()["results"]
    assert [row["id"] for row in found] == [str(pair.pk)]
    assert api(second_expert).delete(address).json()["is_golden"] is False

    marks = [(action, by) for action, by, _ in history(pair)]
    assert marks == [("approve", expert), ("golden", second_expert), ("ungolden", second_expert)]
    assert first(made).reviewed_by == expert


def test_golden_pairs_are_filtered_in_the_list_and_marked_on_their_page(expert, made, client):
    pair = services.approve_pair(pair=first(made), by=expert, version=1)
    client.force_login(expert)
    page = reverse("admin:labeling_qapair_change", args=[pair.pk])
    assert "Mark as golden" in client.get(page).content.decode()

    client.post(reverse("admin:labeling_qapair_step", args=[pair.pk, "golden"]))

    shown = client.get(reverse("admin:labeling_qapair_changelist"), {"is_golden__exact": "1"}).content.decode()
    assert "i00000" in shown and "i00001" not in shown
    assert "No longer golden" in client.get(page).content.decode()


def test_a_note_stays_in_history_with_its_author_and_decides_nothing(expert, second_expert, made, api, client, desk):
    pair = first(made)

    told = api(expert).post(f"/api/v1/pairs/{pair.pk}/note/", {"notes": "ask the shop"}, format="json")

    assert (told.json()["status"], told.json()["version"]) == ("unlabeled", 1)
    assert history(pair) == [("note", expert, "ask the shop")]
    assert "notes" in api(expert).post(f"/api/v1/pairs/{pair.pk}/note/", {"notes": " "}, format="json").content.decode()
    client.force_login(second_expert)
    assert "ask the shop" in client.get(desk, {"pair": pair.pk}).content.decode()
    client.post(f"{desk}?pair={pair.pk}", typed(pair, **{"pair-notes": "asked", "action": "note"}))
    assert [notes for *_, notes in history(pair)] == ["ask the shop", "asked"]


def test_a_prompt_is_edited_as_a_change_of_its_own(expert, made, client, desk, at, api):
    pair = at(expert)
    changed = typed(pair, **{"prompt-m0-text": "Shorter question", "pair-notes": "typed beside it"})

    client.post(f"{desk}?pair={pair.pk}", changed | {"action": "prompt"})

    pair = first(made)
    assert (pair.status, pair.version, pair.messages[-1]["content"]) == ("unlabeled", 2, "Shorter question")
    assert [action for action, *_ in history(pair)] == ["prompt"]
    assert "typed beside it" in client.get(desk, {"pair": pair.pk}).content.decode()
    stale = api(expert).post(
        f"/api/v1/pairs/{pair.pk}/edit-prompt/", {"version": 1, "messages": [{"role": "user", "content": "x"}]}, "json"
    )
    assert stale.status_code == 412 and "Shorter question" in stale.content.decode()
    services.reject_pair(pair=pair, by=expert, version=2)
    late = api(expert).post(
        f"/api/v1/pairs/{pair.pk}/edit-prompt/", {"version": 3, "messages": [{"role": "user", "content": "x"}]}, "json"
    )
    assert late.status_code == 409


def test_who_may_only_look_marks_notes_and_edits_nothing(viewer, made, api):
    for step, body in (("golden", {}), ("note", {"notes": "x"}), ("edit-prompt", {"version": 1, "messages": []})):
        assert api(viewer).post(f"/api/v1/pairs/{first(made).pk}/{step}/", body, format="json").status_code == 403
    assert not PairDecision.objects.filter(pair__training_sheet=made).exists()
