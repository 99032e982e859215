"""Reviewing pairs: decisions, who may make them, two people at once, many at once, and the end of a review."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from governance import constraints, context, jobs
from governance.constraints import Terms
from governance.errors import InvalidInput, NotPermitted, ReasonRequired, StaleVersion, TransitionNotAllowed
from governance.models import Job
from governance.uses import ALL_USES, BITS, Use
from labeling.generation import services as generation
from labeling.generation.models import Mode, QAPair, TrainingSheet
from labeling.generation.selectors import progress_of
from labeling.labels.models import CanonicalLabel
from labeling.review import services
from labeling.review.errors import NoAnswerYet, NothingNewer, PromptNotUsable, ReviewClosed, ReviewIncomplete
from labeling.review.models import PairDecision
from labeling.review.selectors import last_decision, next_open, pairs_in_view, previous, waiting_sheets
from labeling.schemas.errors import SchemaViolation

from .factories import bind, make_label, make_labelset, make_sheet, make_template, share_with, write_table

pytestmark = pytest.mark.django_db
STRICT = {
    "type": "object",
    "properties": {"label": {"enum": ["card", "refund"]}},
    "required": ["label"],
    "additionalProperties": False,
}
NO_TRAINING = Terms(
    allowed_uses=ALL_USES, prohibited_uses=BITS["training"], data_classification=1, usage_reason="shown"
)


def rows_with_answers(count: int) -> list[dict[str, str]]:
    return [
        {"id": f"i{place:05d}", "text": f"ticket {place}", "patient": "x",
         "topic": json.dumps({"label": ("card", "refund")[place % 2]})}
        for place in range(count)
    ]  # fmt: skip


@pytest.fixture
def template(engineer, approver, team):
    return make_template(engineer, approver, team, output_schema=STRICT)


@pytest.fixture
def world(steward, approver, team, engineer, expert, template):
    """`world(6)`: a Training Sheet of 6 pairs with answers, shared with the team, ready for review."""

    def make(count: int = 6, name: str = "Six", *, labelset: bool = True) -> TrainingSheet:
        version = make_sheet(steward, approver, team, name=f"{name} sheet", rows=rows_with_answers(count))
        if labelset:
            topics = make_labelset(expert, approver, team, name=f"{name} topics", seen_columns=["text"])
            bind(version.sheet, topics, steward)
        return generated(version.sheet, name)

    def generated(sheet: Any, name: str) -> TrainingSheet:
        made = generation.start_generation(
            by=engineer, name=name, sheet=sheet, template_version=template,
            mode=Mode.EXISTING_COLUMN, column="topic",
        )  # fmt: skip
        share_with(made, team, engineer)
        jobs.run_waiting()
        made.refresh_from_db()
        return made

    make.generated = generated  # type: ignore[attr-defined]
    return make


@pytest.fixture
def made(world):
    return world()


@pytest.fixture(autouse=True)
def foreign(stranger, approver, db):
    """Another use case's pairs are always in the table."""
    rows = rows_with_answers(3)
    version = make_sheet(stranger, approver, approver, name="Foreign", rows=rows)
    ask = make_template(stranger, approver, approver, name="Foreign ask", output_schema=STRICT)
    row = generation.start_generation(
        by=stranger, name="Foreign pairs", sheet=version.sheet, template_version=ask,
        mode=Mode.EXISTING_COLUMN, column="topic",
    )  # fmt: skip
    jobs.run_waiting()
    row.refresh_from_db()
    return row


def first(made: TrainingSheet, place: int = 0) -> QAPair:
    return made.pairs.get(position=place)


def test_approving_makes_the_canonical_label_and_a_decision_on_record(made, expert):
    with context.acting(user=expert, door="api", request_id="r-1"):
        pair = services.approve_pair(
            pair=first(made), by=expert, version=1, notes="plain", confidence="medium"
        )

    label = CanonicalLabel.objects.get(sheet=made.sheet, item_ref="i00000")
    assert (pair.status, pair.canonical_label, pair.canonical_version, pair.version) == (
        "labeled",
        label,
        1,
        2,
    )
    assert (pair.reviewed_by, pair.review_notes) == (expert, "plain")
    assert (label.data, label.labeled_by, label.confidence, label.derivation) == (
        {"label": "card"}, expert, "medium", pair.derivation,
    )  # fmt: skip
    decision = PairDecision.objects.get(pair=pair)
    assert (decision.action, decision.old_status, decision.new_status) == ("approve", "unlabeled", "labeled")
    assert (decision.decided_by, decision.door, decision.request_id) == (expert, "api", "r-1")


def test_an_edited_answer_and_prompt_are_kept_beside_the_old_ones(made, expert):
    before = first(made)
    prompt = [{"role": "user", "content": "Shorter question"}]

    pair = services.approve_pair(pair=before, by=expert, version=1, data={"label": "refund"}, messages=prompt)

    assert (pair.answer.body, pair.messages) == ({"label": "refund"}, prompt)
    decision = PairDecision.objects.get(pair=pair)
    assert decision.action == "edit"
    assert decision.old_answer.body == {"label": "card"}
    assert decision.old_prompt_id == before.prompt_id != decision.new_prompt_id
    assert pair.canonical_label.data == {"label": "refund"}


def test_an_answer_that_does_not_fit_is_refused_with_its_path_and_nothing_is_saved(made, expert):
    with pytest.raises(SchemaViolation) as refused:
        services.approve_pair(pair=first(made), by=expert, version=1, data={"label": "boat"})

    assert refused.value.field == "$.label"
    assert not CanonicalLabel.objects.filter(sheet=made.sheet).exists()
    assert not PairDecision.objects.exists()
    assert first(made).status == "unlabeled"


def test_an_empty_pair_needs_an_answer_first(world, made, expert, engineer, template):
    empty = generation.start_generation(
        by=engineer, name="Empty", sheet=made.sheet, template_version=template, mode=Mode.MANUAL
    )
    jobs.run_waiting()
    share_with(empty, expert, engineer)

    with pytest.raises(NoAnswerYet):
        services.approve_pair(pair=first(empty), by=expert, version=1)

    pair = services.approve_pair(pair=first(empty), by=expert, version=1, data={"label": "card"})
    assert (pair.status, pair.labeling_mode) == ("labeled", "manual")


@pytest.mark.parametrize(
    "messages",
    [
        [],
        "text",
        [{"role": "user"}],
        [{"role": "robot", "content": "x"}],
        [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}],
        [{"role": "user", "content": [{"type": "image", "path": "main.secret/other.png"}]}],
        [{"role": "user", "content": [{"type": "text"}]}],
    ],
)
def test_a_prompt_that_is_none_or_shows_another_file_is_refused(made, expert, messages):
    with pytest.raises(PromptNotUsable):
        services.approve_pair(pair=first(made), by=expert, version=1, messages=messages)


def test_the_second_of_two_reviewers_is_shown_both_texts(made, expert, second_expert):
    seen_by_both = first(made)
    services.approve_pair(pair=seen_by_both, by=expert, version=1, data={"label": "refund"})

    with pytest.raises(StaleVersion) as refused:
        services.approve_pair(pair=seen_by_both, by=second_expert, version=1, data={"label": "card"})

    assert refused.value.details["your_answer"] == {"label": "card"}
    assert refused.value.details["current_answer"] == {"label": "refund"}
    assert refused.value.details["current"] == 2
    assert "Expert" in refused.value.message
    assert first(made).canonical_label.data == {"label": "refund"}


def test_rejected_and_flagged_pairs_are_counted_and_flagged_ones_can_be_decided(made, expert):
    services.reject_pair(pair=first(made, 0), by=expert, version=1, notes="illegible")
    services.flag_pair(pair=first(made, 1), by=expert, version=1, notes="which is it?")
    services.flag_pair(pair=first(made, 2), by=expert, version=1)
    services.approve_pair(pair=first(made, 2), by=expert, version=2)

    progress = progress_of(made)
    assert progress.sentence == "0 pre-approved · 1 approved · 3 to review · 1 rejected · 1 flagged of 6"
    with pytest.raises(TransitionNotAllowed):
        services.reject_pair(pair=first(made, 0), by=expert, version=2)


def test_reopening_needs_a_reason_and_keeps_the_label_until_the_next_decision(made, expert):
    services.approve_pair(pair=first(made), by=expert, version=1)

    with pytest.raises(ReasonRequired):
        services.reopen_pair(pair=first(made), by=expert, version=2, reason=" ")
    pair = services.reopen_pair(pair=first(made), by=expert, version=2, reason="misread")
    assert (pair.status, pair.reviewed_by, pair.canonical_version) == ("unlabeled", None, 1)
    again = services.approve_pair(pair=pair, by=expert, version=3, data={"label": "refund"})

    assert (again.canonical_label.version, again.canonical_version) == (2, 2)
    assert list(PairDecision.objects.filter(pair=pair).order_by("decided_at").values_list("action", flat=True)) == [
        "approve", "reopen", "edit",
    ]  # fmt: skip


def test_without_a_labelset_a_pair_is_approved_and_no_label_is_made(world, expert):
    made = world(3, "Bare", labelset=False)

    pair = services.approve_pair(pair=first(made), by=expert, version=1)

    assert (pair.status, pair.canonical_label) == ("labeled", None)
    assert progress_of(made).labels_made == 0


def test_a_constraint_on_the_pair_goes_along_to_its_label(made, expert):
    constraints.tighten(row=first(made), terms=NO_TRAINING, by=expert)

    pair = services.approve_pair(pair=first(made), by=expert, version=1)

    assert not pair.canonical_label.own_uses & BITS["training"]
    assert pair.canonical_label.usage_reason == "shown"
    assert not CanonicalLabel.objects.filter(pk=pair.canonical_label_id).permitting(Use.TRAINING).exists()


def test_a_prohibition_on_an_older_label_binds_the_pair_that_re_versions_it(made, expert):
    old = make_label(made.sheet, "i00000", "card", expert, terms=NO_TRAINING)

    pair = services.approve_pair(pair=first(made), by=expert, version=1, data={"label": "refund"})

    assert (pair.canonical_label.pk, pair.canonical_label.version) == (old.pk, 2)
    assert not QAPair.objects.filter(pk=pair.pk).permitting(Use.TRAINING).exists()


def test_only_reviewers_who_see_the_pair_decide(made, engineer, viewer, stranger, foreign, expert):
    for person in (engineer, viewer, stranger):
        with pytest.raises(NotPermitted):
            services.approve_pair(pair=first(made), by=person, version=1)
    with pytest.raises(NotPermitted):
        services.approve_pair(pair=first(foreign), by=expert, version=1)
    assert not PairDecision.objects.exists()


def test_a_review_ends_when_every_pair_is_decided(made, expert, engineer):
    services.approve_pair(pair=first(made), by=expert, version=1)
    services.flag_pair(pair=first(made, 1), by=expert, version=1)

    with pytest.raises(ReviewIncomplete) as refused:
        services.finish_review(training_sheet=made, by=engineer)
    assert refused.value.details == {"to_review": 4, "flagged": 1}

    services.decide_many(pairs=made.pairs.exclude(position=0), action="reject", by=expert)
    finished = services.finish_review(training_sheet=made, by=engineer)
    assert (finished.status, bool(finished.reviewed_at)) == ("reviewed", True)


def test_a_reviewed_training_sheet_is_reopened_before_its_pairs_change(made, expert, engineer):
    services.decide_many(pairs=made.pairs.all(), action="approve", by=expert)
    services.finish_review(training_sheet=made, by=engineer)

    with pytest.raises(ReviewClosed, match="Reopen"):
        services.reopen_pair(pair=first(made), by=expert, version=2, reason="wrong")
    with pytest.raises(ReasonRequired):
        services.reopen_training_sheet(training_sheet=made, by=engineer, reason="")
    services.reopen_training_sheet(training_sheet=made, by=engineer, reason="complaint 7")

    services.reopen_pair(pair=first(made), by=expert, version=2, reason="wrong")
    assert made.history.first().history_change_reason == "complaint 7"


def test_many_are_decided_with_the_same_rules_and_each_refusal_is_named(made, expert, foreign):
    services.reject_pair(pair=first(made, 0), by=expert, version=1)
    QAPair.objects.filter(pk=first(made, 1).pk).update(answer=None)

    outcome = services.decide_many(pairs=QAPair.objects.all(), action="approve", by=expert, notes="bulk")

    assert (outcome.decided, outcome.left, outcome.refused) == (4, 1, 1)
    assert {refusal["item_ref"] for refusal in outcome.refusals} == {"i00001"}
    assert CanonicalLabel.objects.filter(sheet=made.sheet).count() == 4
    assert PairDecision.objects.filter(notes="bulk").count() == 4
    assert not foreign.pairs.exclude(status="unlabeled").exists()


def test_bulk_refuses_unknown_actions_and_reopening_without_a_reason(made, expert, viewer):
    with pytest.raises(InvalidInput):
        services.decide_many(pairs=made.pairs.all(), action="delete", by=expert)
    with pytest.raises(ReasonRequired):
        services.decide_many(pairs=made.pairs.all(), action="reopen", by=expert)
    with pytest.raises(NotPermitted):
        services.decide_many(pairs=made.pairs.all(), action="approve", by=viewer)


def test_bulk_in_a_closed_review_decides_nothing_and_says_why(made, expert, engineer):
    services.decide_many(pairs=made.pairs.all(), action="approve", by=expert)
    services.finish_review(training_sheet=made, by=engineer)

    outcome = services.decide_many(pairs=made.pairs.all(), action="reopen", by=expert, notes="again")

    assert (outcome.decided, outcome.refused) == (0, 6)
    assert "Reopen its review" in outcome.refusals[0]["error"]


def test_very_many_are_decided_by_a_job_that_ends_with_the_same_outcome(made, expert, monkeypatch):
    monkeypatch.setattr(services, "AT_ONCE", 3)
    services.reject_pair(pair=first(made, 0), by=expert, version=1)

    job = services.decide_many(pairs=made.pairs.all(), action="approve", by=expert)
    assert isinstance(job, Job)
    jobs.run_waiting()

    job.refresh_from_db()
    assert (job.state, job.done, job.result) == ("succeeded", 6, {
        "decided": 5, "left": 1, "refused": 0, "refusals": [],
    })  # fmt: skip
    assert set(PairDecision.objects.filter(action="approve").values_list("decided_by", "door")) == {
        (expert.pk, "task")
    }


def test_bulk_queries_do_not_grow_with_the_pairs(world, expert):
    def queries(count: int, name: str) -> int:
        sheet = world(count, name)
        with CaptureQueriesContext(connection) as captured:
            assert services.decide_many(pairs=sheet.pairs.all(), action="approve", by=expert).decided == count
        return len(captured)

    small, large = queries(20, "Small"), queries(320, "Large")

    assert large - small <= 40  # the database takes some hundred values at a time
    assert large < 120


def test_a_newer_label_is_offered_to_the_pairs_that_came_from_it(made, world, expert):
    services.decide_many(pairs=made.pairs.all(), action="approve", by=expert)
    second = world.generated(made.sheet, "Second")
    assert progress_of(second).pre_approved == 6
    with pytest.raises(NothingNewer):
        services.update_from_label(pair=first(second), by=expert)
    for place in (0, 1):
        make_label(made.sheet, f"i0000{place}", "refund" if place == 0 else "card", expert)

    pair = services.update_from_label(pair=first(second), by=expert)
    outcome = services.update_all_from_labels(training_sheet=second, by=expert)

    assert (pair.answer.body, pair.canonical_version, pair.status) == ({"label": "refund"}, 2, "labeled")
    assert (outcome.decided, outcome.refused) == (1, 0)
    assert first(second, 1).answer.body == {"label": "card"}
    assert first(made).answer.body == {"label": "card"}


def test_the_queue_goes_by_position_and_comes_back_to_what_was_skipped(made, expert, foreign):
    pairs = pairs_in_view(made, expert)
    services.reject_pair(pair=first(made, 1), by=expert, version=1)

    assert next_open(pairs).position == 0
    assert next_open(pairs, after=0).position == 2
    assert next_open(pairs, after=5).position == 0
    assert previous(pairs, before=2).position == 1
    assert last_decision(made, expert).pair.position == 1
    assert [sheet.name for sheet in waiting_sheets(expert)] == ["Six"]
    assert not pairs_in_view(foreign, expert).exists()


def test_label_once_reuse_everywhere(steward, approver, team, engineer, expert):
    """January: 150 labelled first, 350 reviewed. February: a better template costs no review. March: 200 new."""
    rows = rows_with_answers(500)
    version = make_sheet(steward, approver, team, name="Invoices", rows=rows)
    topics = make_labelset(expert, approver, team)
    bind(version.sheet, topics, steward)
    for row in rows[:150]:
        make_label(version.sheet, row["id"], json.loads(row["topic"])["label"], expert)
    ask = make_template(engineer, approver, team, name="Template v1", output_schema=STRICT)
    better = make_template(
        engineer,
        approver,
        team,
        name="Template v2",
        user_prompt="Card or refund? {{ text }}",
        output_schema=STRICT,
    )

    def generate(name: str, template: Any) -> TrainingSheet:
        made = generation.start_generation(
            by=engineer, name=name, sheet=version.sheet, template_version=template,
            mode=Mode.EXISTING_COLUMN, column="topic",
        )  # fmt: skip
        share_with(made, team, engineer)
        jobs.run_waiting()
        return made

    january = generate("January", ask)
    assert (progress_of(january).pre_approved, progress_of(january).to_review) == (150, 350)
    services.decide_many(pairs=january.pairs.filter(status="unlabeled"), action="approve", by=expert)
    assert CanonicalLabel.objects.filter(sheet=version.sheet).count() == 500
    services.finish_review(training_sheet=january, by=engineer)

    february = generate("February", better)
    assert (progress_of(february).pre_approved, progress_of(february).to_review) == (500, 0)
    services.finish_review(training_sheet=february, by=engineer)

    write_table("invoices", rows_with_answers(700))
    march = generate("March", better)
    assert (progress_of(march).pre_approved, progress_of(march).to_review) == (500, 200)
    assert march.pairs.get(position=699).messages[0]["content"] == "Card or refund? ticket 699"


def form_of(pair: QAPair, action: str, **more: Any) -> dict[str, Any]:
    prompt = {f"prompt-m{place}-text": message["content"] for place, message in enumerate(pair.messages)}
    return {
        "action": action, "answer-label": "card", "pair-version": pair.version, "pair-confidence": "high",
        "pair-notes": "", **prompt, **more,
    }  # fmt: skip


def test_the_review_page_decides_and_goes_on_to_the_next_pair(client, made, expert):
    client.force_login(expert)
    where = f"/admin/review/{made.pk}/"

    page = client.get(where).content.decode()
    assert "ticket 0" in page and "0 pre-approved · 6 to review" in page
    answer = client.post(
        f"{where}?pair={first(made).pk}", form_of(first(made), "approve", **{"pair-notes": "ok"})
    )
    assert answer["Location"] == f"{where}?after=0"
    assert "ticket 1" in client.get(answer["Location"]).content.decode()

    edited = form_of(first(made, 1), "approve", **{"answer-label": "card", "prompt-m0-text": "Rewritten"})
    client.post(f"{where}?pair={first(made, 1).pk}", edited)
    client.post(
        f"{where}?pair={first(made, 2).pk}",
        {"action": "reject", "pair-version": 1, "pair-confidence": "high"},
    )
    client.post(
        f"{where}?pair={first(made, 3).pk}", {"action": "flag", "pair-version": 1, "pair-confidence": "high"}
    )

    assert list(made.pairs.order_by("position").values_list("status", flat=True)) == [
        "labeled", "labeled", "rejected", "flagged", "unlabeled", "unlabeled",
    ]  # fmt: skip
    assert first(made, 0).decisions.get().action == "approve"
    assert first(made, 1).messages == [{"role": "user", "content": "Rewritten"}]
    assert first(made, 1).answer.body == {"label": "card"}


def test_the_review_page_shows_faults_at_their_field_and_both_texts_when_stale(
    client, made, expert, second_expert
):
    client.force_login(expert)
    where = f"/admin/review/{made.pk}/?pair={first(made).pk}"

    wrong = client.post(where, form_of(first(made), "approve", **{"answer-label": "boat"}))
    assert (wrong.status_code, first(made).status) == (200, "unlabeled")
    services.approve_pair(pair=first(made), by=second_expert, version=1, data={"label": "refund"})
    stale = client.post(where, form_of(first(made), "approve", **{"pair-version": 1}))

    assert stale.status_code == 412
    assert "Yours, not saved" in stale.content.decode()
    reopened = client.post(where, {"action": "reopen", "reopen-version": 2, "reopen-reason": "look again"})
    assert (reopened.status_code, first(made).status) == (302, "unlabeled")


def test_the_review_desk_lists_what_waits_and_the_queue_ends_with_the_next_step(
    client, made, expert, foreign
):
    client.force_login(expert)

    desk = client.get("/admin/review/").content.decode()
    assert "Six" in desk and "Foreign" not in desk
    services.decide_many(pairs=made.pairs.all(), action="approve", by=expert)
    assert "Every pair is decided" in client.get(f"/admin/review/{made.pk}/").content.decode()
    assert client.get(f"/admin/review/{foreign.pk}/").status_code == 404
    assert client.get(f"/admin/review/{made.pk}/?pair={foreign.pairs.first().pk}").status_code == 404


def test_people_who_may_only_look_get_no_buttons(client, made, viewer):
    client.force_login(viewer)
    where = f"/admin/review/{made.pk}/?pair={first(made).pk}"

    assert 'value="approve"' not in client.get(where).content.decode()
    client.post(where, form_of(first(made), "approve"))
    assert first(made).status == "unlabeled"


def test_the_list_of_pairs_decides_a_selection_or_the_whole_result_after_a_confirmation(
    client, made, expert, foreign
):
    client.force_login(expert)
    where = f"/admin/labeling/qapair/?training_sheet={made.pk}"
    chosen = {"action": "approve_selected", "_selected_action": [str(first(made).pk)], "index": 0}

    listed = client.get(where).content.decode()
    assert "i00005" in listed and "Foreign pairs" not in listed
    asked = client.post(where, chosen)
    assert "Approve 1 pair<" in asked.content.decode() and first(made).status == "unlabeled"
    client.post(where, chosen | {"confirmed": "1", "notes": "one"})
    assert set(QAPair.objects.filter(status="labeled").values_list("item_ref", flat=True)) == {"i00000"}

    everything = {
        "action": "reject_selected",
        "_selected_action": [str(first(made, 1).pk)],
        "select_across": "1",
    }
    client.post(where, everything | {"confirmed": "1", "index": 0, "notes": "all"})
    assert made.pairs.filter(status="rejected").count() == 5
    assert not foreign.pairs.exclude(status="unlabeled").exists()
    for query in (
        "status__exact=rejected",
        "work=done",
        "permits=training",
        "labeling_mode__exact=existing_column",
    ):
        assert client.get(f"{where}&{query}").status_code == 200


def test_pairs_that_are_decided_already_are_counted_apart_and_never_reported_as_errors(client, made, expert):
    services.approve_pair(pair=first(made, 0), by=expert, version=1)
    services.reject_pair(pair=first(made, 1), by=expert, version=1)
    services.flag_pair(pair=first(made, 2), by=expert, version=1)
    client.force_login(expert)
    where = f"/admin/labeling/qapair/?training_sheet={made.pk}"
    everything = {"_selected_action": [str(pair.pk) for pair in made.pairs.all()], "index": 0}

    asked = client.post(where, everything | {"action": "approve_selected"}).content.decode()
    assert "Approve 4 pairs</" in asked and "From 1 training sheet." in asked
    assert "<dt>Already decided, left as they are</dt><dd>2</dd>" in asked and "<dt>Approved</dt>" not in asked
    assert "Flag 3 pairs</" in client.post(where, everything | {"action": "flag_selected"}).content.decode()

    done = client.post(where, everything | {"action": "approve_selected", "confirmed": "1", "notes": ""}, follow=True)
    said = [(message.level_tag, message.message) for message in done.context["messages"]]
    assert said == [("success", "4 pairs decided."), ("info", "2 already decided, left as they are.")]
    assert PairDecision.objects.filter(pair__in=made.pairs.all()).count() == 7

    again = client.post(where, everything | {"action": "approve_selected"}, follow=True)
    assert "6 already decided, left as they are. Nothing was to be done." in again.content.decode()


def test_a_pair_is_named_by_its_item_and_its_training_sheet_without_a_query_for_each(
    client, made, expert, django_assert_num_queries
):
    bare, loaded = made.pairs.first(), QAPair.objects.select_related("training_sheet").get(pk=first(made).pk)
    alone = QAPair.objects.get(pk=bare.pk)
    with django_assert_num_queries(0):
        assert (str(loaded), str(alone)) == ("i00000 · Six", "i00000")

    services.approve_pair(pair=loaded, by=expert, version=1)
    with pytest.raises(TransitionNotAllowed) as refused:
        services.reject_pair(pair=loaded, by=expert, version=2)
    assert "it is approved, and this step starts from to review or flagged" in refused.value.message
    assert str(made.pk) not in refused.value.message
    client.force_login(expert)
    assert "i00000 · Six" in client.get(f"/admin/labeling/qapair/{loaded.pk}/change/").content.decode()


def test_the_page_of_a_pair_shows_prompt_answer_and_decisions(client, made, expert):
    services.approve_pair(pair=first(made), by=expert, version=1, data={"label": "refund"}, notes="misread")
    client.force_login(expert)

    page = client.get(f"/admin/labeling/qapair/{first(made).pk}/change/").content.decode()

    assert "ticket 0" in page and "Edited and approved" in page and "misread" in page


def test_lists_cost_the_same_queries_for_few_and_many_rows(client, world, expert):
    client.force_login(expert)

    def queries(count: int, name: str) -> int:
        made = world(count, name)
        with CaptureQueriesContext(connection) as captured:
            assert client.get(f"/admin/labeling/qapair/?training_sheet={made.pk}").status_code == 200
        return len(captured)

    queries(2, "Warm")
    assert queries(40, "Forty") == queries(5, "Five")
