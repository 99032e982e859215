"""Quality checks: what is found, kept and decided; constraints become stricter by a person's word, and never looser."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from governance import constraints, jobs
from governance.constraints import Terms
from governance.errors import NotPermitted, ReasonRequired
from governance.models import ConstraintChange, Job, RecordEntry
from governance.uses import ALL_USES, BITS, Classification
from labeling.generation import services as generation
from labeling.generation.models import Mode, QAPair, TrainingSheet
from labeling.quality import kinds, services
from labeling.quality.errors import FindingDecided, NothingProposed, NotReadyToCheck
from labeling.quality.models import Finding, PairCheck
from labeling.review.ordering import INFORMATIVE, ORDERS
from labeling.review.selectors import next_open, pairs_in_view
from tests.proofs import keep_proof

from .factories import make_sheet, make_template, share_with
from .planted import PERSONAL, SECRETS, reworded, sentences

pytestmark = pytest.mark.django_db
State = Finding.State
SCHEMA = {"type": "object", "properties": {"label": {"enum": ["card", "refund"]}}, "required": ["label"]}
CARD, MAIL = "4111 1111 1111 1111", "jane.doe@acme-mail.io"
PLAIN = sentences(6, seed=5)
TEXTS = [
    PLAIN[0], f"my card {CARD} does not work", f"write to {MAIL}, you idiot", PLAIN[1], reworded(PLAIN[1]), PLAIN[0],
]  # fmt: skip


@pytest.fixture
def template(engineer, approver, team):
    return make_template(engineer, approver, team, output_schema=SCHEMA)


@pytest.fixture
def world(steward, approver, team, engineer, template):
    """`world(texts)`: a Training Sheet with a pair for each text, shared with the team."""

    def make(texts: list[str], name: str = "Checked", answers: list[str] | None = None) -> TrainingSheet:
        said = answers or ["card"] * len(texts)
        rows = [
            {"id": f"i{place:05d}", "text": text, "topic": json.dumps({"label": said[place]})}
            for place, text in enumerate(texts)
        ]
        version = make_sheet(steward, approver, team, name=f"{name} sheet", rows=rows, annotations="")
        made = generation.start_generation(
            by=engineer, name=name, sheet=version.sheet, template_version=template, mode=Mode.EXISTING_COLUMN,
            column="topic",
        )  # fmt: skip
        share_with(made, team, engineer)
        jobs.run_waiting()
        made.refresh_from_db()
        return made

    return make


@pytest.fixture
def made(world):
    return world(TEXTS)


@pytest.fixture(autouse=True)
def foreign(stranger, approver, db):
    """Another use case's pairs, with findings, are always in the table."""
    rows = [{"id": "f1", "text": f"zanzibar {MAIL}", "topic": json.dumps({"label": "card"})}]
    version = make_sheet(stranger, approver, approver, name="Foreign", rows=rows, annotations="")
    ask = make_template(stranger, approver, approver, name="Foreign ask", output_schema=SCHEMA)
    row = generation.start_generation(
        by=stranger, name="Foreign pairs", sheet=version.sheet, template_version=ask, mode=Mode.EXISTING_COLUMN,
        column="topic",
    )  # fmt: skip
    jobs.run_waiting()
    pair = row.pairs.get()
    Finding.objects.create(
        training_sheet=row, pair=pair, detector="personal_data", kind="email", content="0" * 64,
        places=[{"part": "prompt", "start": 0, "length": 5}], proposed_prohibited=3, proposed_classification=3,
    )  # fmt: skip
    return row


def checked(sheet: TrainingSheet, by: Any) -> Job:
    job = services.start_check(training_sheet=sheet, by=by)
    jobs.run_waiting()
    job.refresh_from_db()
    assert job.state == Job.State.SUCCEEDED, job.error
    return job


def found_in(sheet: TrainingSheet) -> dict[str, set[int]]:
    """Kind → positions of the pairs with an open finding of it."""
    found: dict[str, set[int]] = {}
    for kind, position in sheet.findings.filter(state=State.OPEN).values_list("kind", "pair__position"):
        found.setdefault(kind, set()).add(position)
    return found


def finding(sheet: TrainingSheet, kind: str) -> Finding:
    return sheet.findings.select_related("pair").get(kind=kind)


def permits(pair: QAPair) -> int:
    return QAPair.objects.get(pk=pair.pk).effective_constraint.uses


# -- what is found ----------------------------------------------------------------------------------------------


def test_a_check_finds_what_is_planted_and_nothing_besides(made, expert):
    job = checked(made, expert)

    assert found_in(made) == {
        "payment_card": {1}, "email": {2}, "toxic_word": {2}, kinds.NEAR: {4}, kinds.EXACT: {5},
    }  # fmt: skip
    assert job.result == {"pairs": 6, "open": {"personal_data": 2, "duplicate": 2, "toxic_words": 1}}
    near, exact = finding(made, kinds.NEAR), finding(made, kinds.EXACT)
    assert (near.other.position, exact.other.position, near.score >= 0.8) == (3, 0, True)


def test_a_finding_never_holds_what_was_found(made, expert):
    checked(made, expert)

    kept = str([list(model.objects.values()) for model in (Finding, PairCheck)])
    on_record = str(list(RecordEntry.objects.filter(kind="labeling.finding").with_values().values()))

    for value in (CARD, MAIL, "idiot"):
        assert value not in kept + on_record
    assert finding(made, "payment_card").places == [{"part": "prompt", "start": 28, "length": 19}]


def test_the_same_question_with_another_answer_is_named_on_both(world, expert):
    made = world([PLAIN[0], PLAIN[0], PLAIN[1]], answers=["card", "refund", "card"])
    checked(made, expert)

    assert found_in(made) == {kinds.CONFLICT: {0, 1}}
    assert [check.disagreement for check in PairCheck.objects.order_by("pair__position")] == [0.5, 0.5, 0.0]


def test_answers_that_do_not_fit_unsure_models_and_failures_are_found(world, expert):
    made = world(PLAIN[:3], answers=["card", "unicorn", "card"])
    made.pairs.filter(position=0).update(ai_confidence=0.31)
    made.pairs.filter(position=2).update(ai_confidence=0.5)
    checked(made, expert)

    assert found_in(made)[kinds.UNSURE] == {0}
    pair = made.pairs.get(position=1)
    assert found_in(made)[kinds.NO_ANSWER if pair.answer is None else kinds.NO_FIT] == {1}


def test_secrets_in_answers_are_found_and_propose_no_use_at_all(world, expert, template):
    made = world([f"token {SECRETS['secret_github_token']}"])
    checked(made, expert)

    secret = finding(made, "secret_github_token")
    assert (secret.proposed_prohibited, secret.proposed_classification) == (ALL_USES, Classification.RESTRICTED)


def test_checking_again_changes_nothing_and_reads_nothing_that_is_unchanged(made, expert):
    checked(made, expert)
    before = list(Finding.objects.values()), list(PairCheck.objects.values("pair", "checked_at", "rank", "parts"))

    with CaptureQueriesContext(connection) as seen:
        checked(made, expert)

    assert before == (
        list(Finding.objects.values()), list(PairCheck.objects.values("pair", "checked_at", "rank", "parts"))
    )  # fmt: skip
    written = [one["sql"][:60] for one in seen if "labeling_finding" in one["sql"] and one["sql"].startswith("UPDATE")]
    assert not written


def test_a_check_that_was_killed_goes_on_behind_its_last_batch(made, expert, monkeypatch):
    monkeypatch.setattr("labeling.quality.jobs.BATCH", 2)
    monkeypatch.setattr("labeling.quality.comparing.BATCH", 2)
    whole, calls = jobs.Running.progress, []

    def dies_once(running: Any, done: int, total: int | None = None) -> None:
        whole(running, done, total)
        calls.append(done)
        if len(calls) in (2, 6):
            raise jobs.LeaseLost(running.job.pk)

    monkeypatch.setattr(jobs.Running, "progress", dies_once)
    job = services.start_check(training_sheet=made, by=expert)
    for _ in range(3):
        jobs.run(job.pk)
        Job.objects.filter(pk=job.pk, state="running").update(state="queued", lease_owner="", lease_until=None)

    job.refresh_from_db()
    assert (job.state, job.done, job.total) == ("succeeded", 12, 12)
    assert found_in(made) == {
        "payment_card": {1}, "email": {2}, "toxic_word": {2}, kinds.NEAR: {4}, kinds.EXACT: {5},
    }  # fmt: skip
    assert Finding.objects.filter(training_sheet=made).count() == 5


def test_a_check_can_be_cancelled_and_what_was_found_until_then_stays(made, expert):
    job = services.start_check(training_sheet=made, by=expert)
    assert services.start_check(training_sheet=made, by=expert) == job, "the one that waits is the one"
    jobs.cancel(job=job, by=expert)
    jobs.run_waiting()

    job.refresh_from_db()
    assert job.state == Job.State.CANCELLED


def test_pairs_that_are_still_being_made_are_not_checked(made, expert):
    TrainingSheet.objects.filter(pk=made.pk).update(status="generating")

    with pytest.raises(NotReadyToCheck, match="still being made"):
        services.start_check(training_sheet=made, by=expert)


def test_what_is_not_there_any_more_is_gone_and_a_dismissal_holds_for_the_same_text_only(made, expert):
    checked(made, expert)
    services.dismiss_finding(finding=finding(made, "email"), by=expert, reason="a made-up address")
    checked(made, expert)
    assert finding(made, "email").state == State.DISMISSED

    pair = made.pairs.get(position=2)
    other = made.pairs.get(position=1)
    QAPair.objects.filter(pk=pair.pk).update(prompt=other.prompt)
    checked(made, expert)
    assert finding(made, "toxic_word").state == State.GONE
    QAPair.objects.filter(pk=pair.pk).update(prompt=pair.prompt, answer=None)
    checked(made, expert)
    assert finding(made, "email").state == State.OPEN, "another pair than the one that was judged"


# -- proposals --------------------------------------------------------------------------------------------------


def test_accepting_makes_the_pair_stricter_at_once_with_person_and_reason_on_record(made, expert):
    checked(made, expert)
    card = finding(made, "payment_card")
    assert permits(card.pair) & BITS["training"], "a finding alone changes nothing"

    services.accept_finding(finding=card, by=expert, reason="a real card")

    card.refresh_from_db()
    change = card.constraint_change
    assert (card.state, card.decided_by, change.direction, change.actor_id) == (
        State.ACCEPTED, expert, "tightened", expert.pk,
    )  # fmt: skip
    assert "payment card" in change.reason and "a real card" in change.reason
    assert not permits(card.pair) & (BITS["training"] | BITS["validation"])
    assert card.pair not in QAPair.objects.permitting("training")
    assert QAPair.objects.get(pk=card.pair_id).data_classification == Classification.RESTRICTED


def test_no_accepted_proposal_makes_anything_looser(made, expert):
    checked(made, expert)
    card = finding(made, "payment_card")
    masks = (0, BITS["evaluation"], ALL_USES & ~BITS["training"], ALL_USES)
    for prohibited, level in product(masks, Classification.values):
        terms = Terms(allowed_uses=ALL_USES, prohibited_uses=prohibited, usage_reason="before",
                      data_classification=max(level, card.pair.data_classification))  # fmt: skip
        with transaction.atomic():
            constraints.tighten(row=card.pair, by=expert, terms=terms)
            before = QAPair.objects.get(pk=card.pair_id)
            services.accept_finding(finding=card, by=expert)
            after = QAPair.objects.get(pk=card.pair_id)
            relaxed = ConstraintChange.objects.exclude(direction="tightened").exists()
            transaction.set_rollback(True)

        assert not after.own_constraint.is_looser_than(before.own_constraint) and not relaxed
        assert not after.own_uses & (BITS["training"] | BITS["validation"])


def test_what_proposes_nothing_cannot_be_accepted_and_dismissing_needs_a_reason(made, expert):
    checked(made, expert)

    with pytest.raises(NothingProposed):
        services.accept_finding(finding=finding(made, kinds.NEAR), by=expert)
    with pytest.raises(ReasonRequired):
        services.dismiss_finding(finding=finding(made, kinds.NEAR), by=expert, reason=" ")
    assert not Finding.objects.exclude(state=State.OPEN).exists()


def test_the_second_of_two_people_reads_that_it_was_decided(made, expert, second_expert):
    checked(made, expert)
    card = finding(made, "payment_card")
    services.dismiss_finding(finding=card, by=expert, reason="a test card")

    with pytest.raises(FindingDecided, match="dismissed"):
        services.accept_finding(finding=card, by=second_expert)


def test_only_those_whose_role_and_rows_allow_it_check_and_decide(made, expert, viewer, engineer, stranger, foreign):
    checked(made, expert)
    card, theirs = finding(made, "payment_card"), Finding.objects.get(training_sheet=foreign)

    for who, what in ((viewer, card), (engineer, card), (stranger, card), (expert, theirs)):
        with pytest.raises(NotPermitted):
            services.dismiss_finding(finding=what, by=who, reason="no")
    for who, what in ((viewer, made), (expert, foreign)):
        with pytest.raises(NotPermitted):
            services.start_check(training_sheet=what, by=who)


# -- score and queue --------------------------------------------------------------------------------------------


def test_the_score_is_the_mean_of_its_parts_and_follows_a_dismissal(made, expert):
    checked(made, expert)
    card = finding(made, "payment_card")
    parts = PairCheck.objects.get(pair=card.pair).parts
    assert parts == {"fits": 1.0, "unique": 1.0, "clean": 0.0}
    assert QAPair.objects.get(pk=card.pair_id).quality_score == pytest.approx(2 / 3, abs=1e-4)

    services.dismiss_finding(finding=card, by=expert, reason="a test card")

    assert QAPair.objects.get(pk=card.pair_id).quality_score == 1.0


def test_the_most_informative_come_first_with_the_reason(world, expert):
    made = world([PLAIN[0], PLAIN[1], reworded(PLAIN[1]), PLAIN[2]])
    for position, sure in enumerate([0.9, 0.2, 0.21, 0.5]):
        made.pairs.filter(position=position).update(ai_confidence=sure)
    checked(made, expert)

    said = {check.pair.position: (check.rank, check.because) for check in PairCheck.objects.select_related("pair")}
    assert [said[position][0] for position in range(4)] == [2, 0, 3, 1], "of two alike only one comes early"
    assert said[1][1].startswith("Model 20% sure") and "like the nearest" in said[2][1]
    shown, after = [], -1
    pairs = pairs_in_view(made, expert)
    for _ in range(4):
        after = next_open(pairs, after=after, order=INFORMATIVE).position
        shown.append(after)
    assert shown == [1, 3, 0, 2]


def test_every_order_shows_every_open_pair_once_before_any_comes_again(made, expert):
    checked(made, expert)
    made.pairs.filter(position__in=[2, 4]).update(status="flagged")
    for order in ORDERS:
        pairs, after, shown = pairs_in_view(made, expert), -1, []
        for _ in range(6):
            after = next_open(pairs, after=after, order=order).position
            shown.append(after)

        assert sorted(shown) == list(range(6)), order
        assert order != "flagged" or shown[:2] == [2, 4]


def test_after_a_flagged_pair_was_decided_the_next_flagged_one_comes(made):
    made.pairs.filter(position__in=[2, 4]).update(status="flagged")
    made.pairs.filter(position=2).update(status="rejected")

    assert next_open(made.pairs.order_by("position"), after=2, order="flagged").position == 4


# -- doors ------------------------------------------------------------------------------------------------------


@pytest.fixture
def desk(made):
    return reverse("labeling:review-pair", args=[made.pk])


def test_the_panel_stands_beside_the_pair_masked_and_one_press_accepts(made, expert, client, desk):
    checked(made, expert)
    client.force_login(expert)
    pair = made.pairs.get(position=1)

    page = client.get(desk, {"pair": pair.pk}).content.decode()
    panel = page[page.index('class="card quality"') : page.index("data-review-form")]

    assert "Payment card" in panel and "••••11" in panel and CARD not in panel and 'data-key="t"' in panel
    answer = client.post(
        reverse("labeling:findings-accept", args=[pair.pk]), {"back": f"{desk}?pair={pair.pk}"}, follow=True
    )
    assert "acts now" in answer.content.decode()
    assert not permits(pair) & BITS["training"]


def test_a_finding_is_dismissed_from_the_panel_and_back_leads_nowhere_else(made, expert, client, desk):
    checked(made, expert)
    client.force_login(expert)
    card = finding(made, "payment_card")
    address = reverse("labeling:finding-decide", args=[card.pk])

    refused = client.post(address, {"action": "dismiss", "reason": "", "back": "https://elsewhere.io/"})
    assert refused.url.startswith(desk)
    assert "nope" in client.post(address, {"action": "nope"}, follow=True).content.decode()
    client.post(address, {"action": "dismiss", "reason": "a test card"})

    card.refresh_from_db()
    assert (card.state, card.reason, card.decided_by) == (State.DISMISSED, "a test card", expert)


def test_who_may_only_look_sees_the_panel_without_buttons(made, expert, viewer, client, desk):
    checked(made, expert)
    client.force_login(viewer)
    pair = made.pairs.get(position=1)

    page = client.get(desk, {"pair": pair.pk}).content.decode()

    assert "Payment card" in page and "Dismiss" not in page and 'data-key="t"' not in page
    assert client.post(reverse("labeling:findings-accept", args=[pair.pk])).status_code == 302
    assert permits(pair) & BITS["training"]


def test_queue_list_and_training_sheet_know_the_findings_of_visible_rows_alone(made, expert, client, desk, foreign):
    checked(made, expert)
    client.force_login(expert)

    queued = client.get(desk, {"queue": "findings"}).context["pair"]
    listed = client.get(reverse("admin:labeling_qapair_changelist"), {"finding": "personal_data"})
    sheet = client.get(reverse("admin:labeling_trainingsheet_change", args=[made.pk]))
    everything = client.get(reverse("admin:labeling_finding_changelist"))

    assert queued.position == 1
    assert {pair.position for pair in listed.context["cl"].result_list} == {1, 2}
    assert sheet.context["quality"]["counts"][0]["open"] == 2 and "2 open" in sheet.content.decode()
    assert {row.training_sheet_id for row in everything.context["cl"].result_list} == {made.pk}
    assert client.post(reverse("labeling:findings-accept", args=[foreign.pairs.get().pk])).status_code == 404


def test_a_check_is_started_from_the_training_sheets_page(made, expert, client):
    client.force_login(expert)
    page = client.get(reverse("admin:labeling_trainingsheet_change", args=[made.pk])).content.decode()
    assert "Not checked yet" in page and "Check quality" in page

    client.post(reverse("admin:labeling_trainingsheet_step", args=[made.pk, "check-quality"]))
    jobs.run_waiting()

    assert found_in(made)["payment_card"] == {1}


def test_the_list_decides_a_selection_after_a_confirmation(made, expert, client):
    checked(made, expert)
    client.force_login(expert)
    address = reverse("admin:labeling_finding_changelist")
    chosen = [str(pk) for pk in made.findings.values_list("pk", flat=True)]
    asked = {"action": "accept_selected", "_selected_action": chosen, "index": "0"}

    assert "Accept the constraints of 5 findings" in client.post(address, asked).content.decode()
    said = client.post(address, asked | {"confirmed": "1", "reason": ""}, follow=True).content.decode()

    assert "2 findings decided" in said and "proposes no constraint" in said
    client.post(address, asked | {"action": "dismiss_selected", "confirmed": "1", "reason": "seen"})
    states = made.findings.order_by("state").values_list("state", flat=True)
    assert list(states) == ["accepted"] * 2 + ["dismissed"] * 3


def test_very_many_are_decided_by_a_job(made, expert, monkeypatch):
    checked(made, expert)
    monkeypatch.setattr(services, "AT_ONCE", 2)
    job = services.decide_many(findings=Finding.objects.all(), action="dismiss", by=expert, reason="all seen")
    jobs.run_waiting()

    job.refresh_from_db()
    assert (job.state, job.result["decided"]) == ("succeeded", 5)
    assert Finding.objects.get(state=State.OPEN).training_sheet != made


def test_all_of_it_by_rest(made, expert, viewer, api, foreign):
    me = api(expert)
    started = me.post("/api/v1/findings/check/", {"training_sheet": str(made.pk)}, format="json")
    assert started.status_code == 202
    jobs.run_waiting()

    rows = me.get("/api/v1/findings/", {"detector": "personal_data"}).json()["results"]
    assert {row["kind"] for row in rows} == {"payment_card", "email"}
    assert rows[0]["prohibits"] == ["training", "validation"] and CARD not in str(rows)
    first = f"/api/v1/findings/{rows[0]['id']}/"
    assert me.post(f"{first}accept/", {}, format="json").json()["state"] == "accepted"
    again = me.post(f"{first}dismiss/", {"reason": "late"}, format="json")
    assert (again.status_code, again.json()["code"]) == (409, "finding_decided")
    assert api(viewer).post(f"/api/v1/findings/{rows[1]['id']}/accept/", {}, format="json").status_code == 403
    some = {"action": "dismiss", "reason": "seen", "filter": {"state": "open"}}
    assert me.post("/api/v1/findings/bulk/", some, format="json").json()["decided"] == 4
    checks = me.get("/api/v1/pair-checks/", {"training_sheet": str(made.pk)}).json()["results"]
    assert len(checks) == 6 and {"parts", "rank", "because", "quality_score"} <= set(checks[0])
    theirs = Finding.objects.get(training_sheet=foreign)
    assert me.get(f"/api/v1/findings/{theirs.pk}/").status_code == 404
    elsewhere = me.post("/api/v1/findings/check/", {"training_sheet": str(foreign.pk)}, format="json")
    assert elsewhere.status_code == 400
    assert len(me.get("/api/v1/pairs/", {"finding": "toxic_words"}).json()["results"]) == 0


def test_bad_bulk_requests_name_what_is_wrong_and_decide_nothing(made, expert, api):
    checked(made, expert)
    for body in (
        {}, {"action": "burn"}, {"action": "dismiss", "filter": {"nope": "1"}},
        {"action": "dismiss", "reason": " ", "filter": {}}, {"action": "accept", "filter": {"pair": "x"}},
    ):  # fmt: skip
        answer = api(expert).post("/api/v1/findings/bulk/", body, format="json")

        assert answer.status_code == 400 and answer.json()["detail"], body
    assert not Finding.objects.exclude(state=State.OPEN).exists()


# -- duplicates, measured ---------------------------------------------------------------------------------------


def planted_duplicates(count: int) -> tuple[list[str], set[int]]:
    """Texts, and the positions of those that nearly or exactly repeat an earlier one: one in five."""
    texts = sentences(count, seed=9)
    planted = set()
    for position in range(5, count, 5):
        original = texts[position - 3]
        texts[position] = reworded(original) if position % 2 else original
        planted.add(position)
    return texts, planted


def measured_duplicates(made: TrainingSheet, planted: set[int]) -> dict[str, object]:
    found = found_in(made)
    said = found.get(kinds.NEAR, set()) | found.get(kinds.EXACT, set())
    right = len(said & planted)
    return {
        "pairs": made.pairs.count(), "planted": len(planted), "found": len(said),
        "precision": round(right / len(said), 4), "recall": round(right / len(planted), 4),
    }  # fmt: skip


def test_planted_duplicates_are_found(world, expert, capsys):
    texts, planted = planted_duplicates(60)
    made = world(texts)
    checked(made, expert)

    said = measured_duplicates(made, planted)

    with capsys.disabled():
        print(f"\n{said}", end=" ")  # noqa: T201
    assert (said["precision"], said["recall"]) == (1.0, 1.0)


@pytest.mark.proof
def test_duplicates_and_personal_data_in_a_large_training_sheet(world, expert):
    texts, planted = planted_duplicates(10_000)
    specimens = [text for several in PERSONAL.values() for text in several]
    spots = {1 + 5 * place: specimen for place, specimen in enumerate(specimens)}
    made = world([f"{text} {spots[place]}" if place in spots else text for place, text in enumerate(texts)])
    job = checked(made, expert)

    said = measured_duplicates(made, planted)
    personal = set(
        made.findings.filter(detector=Finding.Detector.PERSONAL_DATA).values_list("pair__position", flat=True)
    )
    before = ConstraintChange.objects.count()
    services.decide_many(findings=made.findings.all(), action="accept", by=expert)
    jobs.run_waiting()
    keep_proof("quality", "Planted duplicates and personal data are found, and constraints only become stricter", {
        **said, "personal data planted": len(spots), "personal data found": len(personal & set(spots)),
        "personal data wrong": len(personal - set(spots)),
        "seconds": round((job.finished_at - job.started_at).total_seconds()),
        "constraints tightened": ConstraintChange.objects.filter(direction="tightened").count() - before,
        "constraints made looser": ConstraintChange.objects.exclude(direction="tightened").count(),
    })  # fmt: skip
    assert said["recall"] >= 0.99 and said["precision"] >= 0.99 and personal == set(spots)
