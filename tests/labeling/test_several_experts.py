"""Several experts on one item: places, blindness, what agrees, what a third person settles, and who said what."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from governance import derivations
from governance.constraints import Terms, tighten
from governance.errors import InvalidInput, NotPermitted, ReasonRequired
from governance.uses import ALL_USES, BITS
from labeling.agreement import selectors, services
from labeling.agreement.errors import (
    AlreadyGiven,
    AlreadySettled,
    NoPlaceLeft,
    NotAnExpert,
    OpinionsMissing,
    SameExpert,
)
from labeling.agreement.models import Opinion, Settlement, Turn
from labeling.labels.errors import ItemGone, OpinionsAsked
from labeling.labels.models import CanonicalLabel
from labeling.labelsets.services import ask_opinions
from labeling.schemas.errors import SchemaViolation

from .factories import bind, label_type, make_label, make_labelset, make_sheet

pytestmark = pytest.mark.django_db


@pytest.fixture
def experts(make_user, team):
    return [make_user(name, "domain-expert", groups=(team,)) for name in ("ann", "bob", "cy", "dee")]


@pytest.fixture
def labelset(steward, approver, team, expert):
    version = make_labelset(expert, approver, team)
    ask_opinions(labelset=version.labelset, by=expert, number=3, reason="three heads")
    version.labelset.refresh_from_db()
    return version.labelset


@pytest.fixture
def sheet(steward, approver, team, labelset, expert):
    version = make_sheet(steward, approver, team)
    bind(version.sheet, labelset.versions.get(), steward)
    return version.sheet


@pytest.fixture(autouse=True)
def foreign(stranger, approver, sheet):
    """Another team's item of the same name, with an opinion of its own."""
    version = make_sheet(stranger, approver, approver, name="Foreign")
    own = make_labelset(stranger, approver, approver, name="Foreign topics")
    bind(version.sheet, own, stranger)
    stranger.groups.add(*approver.groups.filter(name="Domain expert"))
    return services.give_opinion(
        sheet=version.sheet, label_type=label_type("classification"), item_ref="a1", data={"label": "card"}, by=stranger
    )


@pytest.fixture
def say(sheet):
    def give(who, ref: str, name: str, **more: object) -> Opinion:
        return services.give_opinion(
            sheet=sheet, label_type=label_type("classification"), item_ref=ref, data={"label": name}, by=who, **more
        )

    return give


def kind() -> object:
    return label_type("classification")


def all_say(say, experts, ref: str, *names: str) -> None:
    for who, name in zip(experts, names, strict=False):
        say(who, ref, name)


def settle(sheet, by, ref: str, name: str, reason: str = "the guide says so") -> Settlement:
    return services.adjudicate(sheet=sheet, label_type=kind(), item_ref=ref, data={"label": name}, reason=reason, by=by)


def test_nobody_sees_what_others_said_before_all_have_answered(say, experts, sheet, officer, make_user) -> None:
    ann, bob, cy, dee = experts
    root = make_user("root")
    root.is_superuser = True
    root.save()
    say(ann, "a1", "card")
    say(bob, "a1", "refund")
    here = Opinion.objects.filter(sheet=sheet)

    before = {who.username: here.visible_to(who).count() for who in (ann, bob, cy, dee, officer, root)}
    say(cy, "a1", "card")

    assert before == {"ann": 1, "bob": 1, "cy": 0, "dee": 0, "officer": 0, "root": 0}
    assert {here.visible_to(who).count() for who in (ann, bob, cy, dee, officer, root)} == {3}


def test_opinions_of_other_teams_do_not_exist(foreign, experts) -> None:
    assert not Opinion.objects.visible_to(experts[0]).filter(pk=foreign.pk).exists()


def test_an_opinion_is_given_once_by_a_person_whichever_the_account(say, experts, make_user, team) -> None:
    twin = make_user("ann-two", "domain-expert", person=experts[0].person, groups=(team,))
    say(experts[0], "a1", "card")

    with pytest.raises(AlreadyGiven, match="You have answered item 'a1'"):
        say(experts[0], "a1", "refund")
    with pytest.raises(AlreadyGiven):
        say(twin, "a1", "refund")


def test_an_opinion_is_refused_that_does_not_fit_or_is_of_no_item(say, experts) -> None:
    with pytest.raises(SchemaViolation):
        say(experts[0], "a1", "loan")
    with pytest.raises(ItemGone, match="no item 'zz'"):
        say(experts[0], "zz", "card")
    with pytest.raises(InvalidInput, match="'sure' is no confidence"):
        say(experts[0], "a1", "card", confidence="sure")


def test_only_experts_who_see_the_sheet_give_opinions(say, viewer, stranger, steward, make_user) -> None:
    outsider = make_user("outsider", "domain-expert")
    for who in (viewer, steward, outsider):
        with pytest.raises(NotPermitted):
            say(who, "a1", "card")


def test_there_are_as_many_places_as_opinions_asked(say, experts) -> None:
    all_say(say, experts, "a1", "card", "card", "refund")

    with pytest.raises(NoPlaceLeft, match="asks for 3 opinions"):
        say(experts[3], "a1", "card")


def test_first_come_takes_the_first_item_with_a_place_and_keeps_it(sheet, experts, say) -> None:
    taken = [services.take_next(sheet=sheet, label_type=kind(), by=who) for who in experts]
    again = services.take_next(sheet=sheet, label_type=kind(), by=experts[0])

    assert taken == ["a1", "a1", "a1", "a2"]
    assert again == "a1"
    with pytest.raises(NoPlaceLeft):
        say(experts[3], "a1", "card")
    say(experts[0], "a1", "card")
    assert services.take_next(sheet=sheet, label_type=kind(), by=experts[0]) == "a2"


def test_a_place_that_ran_out_is_free_again(sheet, experts) -> None:
    for who in experts[:3]:
        services.take_next(sheet=sheet, label_type=kind(), by=who)
    Turn.objects.filter(expert=experts[0]).update(until=timezone.now() - timedelta(seconds=1))

    assert services.take_next(sheet=sheet, label_type=kind(), by=experts[3]) == "a1"


def test_nothing_is_left_for_who_has_answered_everything(sheet, experts, say) -> None:
    for ref in ("a1", "a2", "a3", "a4"):
        say(experts[0], ref, "card")

    assert services.take_next(sheet=sheet, label_type=kind(), by=experts[0]) is None


def test_items_are_assigned_by_hand_and_come_first(sheet, experts, steward) -> None:
    ann, bob, *_ = experts
    made = services.assign_items(sheet=sheet, label_type=kind(), refs=["a3", "a4"], experts=[ann, bob], by=steward)
    again = services.assign_items(sheet=sheet, label_type=kind(), refs=["a3"], experts=[ann], by=steward)

    assert (len(made), again) == (4, [])
    assert services.take_next(sheet=sheet, label_type=kind(), by=ann) == "a3"


def test_a_turn_at_an_item_that_was_labelled_meanwhile_keeps_nobody_waiting(
    sheet, labelset, experts, expert, steward
) -> None:
    services.assign_items(sheet=sheet, label_type=kind(), refs=["a3"], experts=[experts[0]], by=steward)
    ask_opinions(labelset=labelset, by=expert, number=1, reason="one is enough")
    make_label(sheet, "a3", "card", experts[1])

    assert services.take_next(sheet=sheet, label_type=kind(), by=experts[0]) == "a1"


def test_an_assignment_is_refused_whole(sheet, experts, steward, viewer, make_user) -> None:
    outsider = make_user("outsider", "domain-expert")

    def assign(who, refs=("a1",), by=steward) -> None:
        services.assign_items(sheet=sheet, label_type=kind(), refs=list(refs), experts=who, by=by)

    with pytest.raises(NoPlaceLeft):
        assign(experts)
    for wrong in (viewer, outsider):
        with pytest.raises(NotAnExpert, match="may not answer items"):
            assign([experts[0], wrong])
    with pytest.raises(ItemGone):
        assign([experts[0]], refs=("a1", "zz"))
    with pytest.raises(NotPermitted):
        assign([experts[0]], by=experts[1])
    assert not Turn.objects.exists()


def test_a_place_is_freed_by_its_holder_or_by_who_assigns(sheet, experts, steward) -> None:
    services.take_next(sheet=sheet, label_type=kind(), by=experts[0])
    turn = Turn.objects.get()

    with pytest.raises(NotPermitted):
        services.release_turn(turn=turn, by=experts[1], reason="mine now")
    with pytest.raises(ReasonRequired, match="loses the place at a1"):
        services.release_turn(turn=turn, by=steward)
    services.release_turn(turn=turn, by=steward, reason="they are away")

    assert not Turn.objects.exists()


def test_where_all_agree_one_call_makes_the_answers_canonical(sheet, labelset, experts, say) -> None:
    all_say(say, experts, "a1", "card", "card", "card")
    say(experts[0], "a2", "card")
    all_say(say, experts, "a3", "refund", "card", "refund")
    for who, sure in zip(experts, ("high", "low", "medium"), strict=False):
        say(who, "a4", "refund", confidence=sure)

    done = services.settle_agreed(sheet=sheet, label_type=kind(), by=experts[0])

    labels = CanonicalLabel.objects.filter(sheet=sheet).order_by("item_ref")
    assert [(one.item_ref, one.data, one.confidence) for one in labels] == [
        ("a1", {"label": "card"}, "high"), ("a4", {"label": "refund"}, "low"),
    ]  # fmt: skip
    assert (len(done.settlements), done.misfits) == (2, [])
    assert {ref: one.state.value for ref, one in selectors.standings(sheet, labelset).items()} == {
        "a1": "settled", "a2": "open", "a3": "conflict", "a4": "settled",
    }  # fmt: skip
    assert not services.settle_agreed(sheet=sheet, label_type=kind(), by=experts[0]).settlements


def test_settling_three_items_asks_as_many_questions_as_settling_one(
    sheet, experts, say, django_assert_num_queries
) -> None:
    all_say(say, experts, "a1", "card", "card", "card")
    with CaptureQueriesContext(connection) as one:
        services.settle_agreed(sheet=sheet, label_type=kind(), by=experts[0])
    for ref in ("a2", "a3", "a4"):
        all_say(say, experts, ref, "card", "card", "card")

    with django_assert_num_queries(len(one)):
        services.settle_agreed(sheet=sheet, label_type=kind(), by=experts[0])


def test_a_conflict_is_settled_by_someone_who_did_not_answer_and_says_why(sheet, experts, say) -> None:
    ann, bob, cy, dee = experts
    all_say(say, experts, "a1", "card", "refund", "card")

    with pytest.raises(SameExpert, match="someone else must settle"):
        settle(sheet, ann, "a1", "card")
    with pytest.raises(ReasonRequired):
        settle(sheet, dee, "a1", "refund", reason=" ")
    with pytest.raises(SchemaViolation):
        settle(sheet, dee, "a1", "loan")
    done = settle(sheet, dee, "a1", "refund")

    label = CanonicalLabel.objects.get(sheet=sheet)
    assert (label.data, label.labeled_by, label.notes) == ({"label": "refund"}, dee, "the guide says so")
    assert (done.canonical_label, done.canonical_version, done.way) == (label, 1, "adjudicated")
    assert [(one.given_by, one.data["label"]) for one in done.opinions] == [
        (ann, "card"), (bob, "refund"), (cy, "card"),
    ]  # fmt: skip
    with pytest.raises(AlreadySettled):
        settle(sheet, dee, "a1", "card")
    with pytest.raises(AlreadySettled):
        say(dee, "a1", "card")


def test_another_account_of_an_expert_does_not_settle_their_item(sheet, experts, say, make_user, team) -> None:
    twin = make_user("ann-two", "domain-expert", person=experts[0].person, groups=(team,))
    all_say(say, experts, "a1", "card", "refund", "card")

    with pytest.raises(SameExpert):
        settle(sheet, twin, "a1", "card")


def test_nothing_is_settled_before_all_have_answered_or_without_the_right(sheet, experts, say, steward) -> None:
    say(experts[0], "a1", "card")

    with pytest.raises(OpinionsMissing, match="1 of the 3 opinions"):
        settle(sheet, experts[3], "a1", "card")
    for call in (lambda: settle(sheet, steward, "a1", "card"),
                 lambda: services.settle_agreed(sheet=sheet, label_type=kind(), by=steward)):  # fmt: skip
        with pytest.raises(NotPermitted):
            call()


def test_experts_who_saw_different_values_do_not_agree(sheet, labelset, experts, say) -> None:
    from .factories import ROWS, write_table

    say(experts[0], "a1", "card")
    write_table(rows=[{**ROWS[0], "text": "refund my card"}, *ROWS[1:]])
    say(experts[1], "a1", "card")
    say(experts[2], "a1", "card")

    assert selectors.standings(sheet, labelset)["a1"].state == "conflict"


def test_the_label_is_bound_by_what_every_expert_saw(sheet, experts, say, steward) -> None:
    all_say(say, experts, "a1", "card", "refund", "card")
    done = settle(sheet, experts[3], "a1", "card")
    terms = Terms(
        allowed_uses=ALL_USES, prohibited_uses=BITS["training"], data_classification=1, usage_reason="not for that"
    )

    tighten(row=sheet, terms=terms, by=steward)

    label = CanonicalLabel.objects.get(pk=done.canonical_label_id)
    assert not label.effective_constraint.uses_now & BITS["training"]
    assert sheet in derivations.origins_of(label.derivation)


def test_one_expert_alone_does_not_label_an_item_that_several_are_asked_for(sheet, experts, labelset, expert) -> None:
    with pytest.raises(OpinionsAsked, match="asks 3 experts"):
        make_label(sheet, "a1", "card", experts[0])
    ask_opinions(labelset=labelset, by=expert, number=1, reason="one is enough")

    assert make_label(sheet, "a1", "card", experts[0]).version == 1


def test_items_labelled_otherwise_need_no_opinion(sheet, labelset, experts, expert, say) -> None:
    ask_opinions(labelset=labelset, by=expert, number=1, reason="one is enough")
    make_label(sheet, "a1", "card", experts[0])
    ask_opinions(labelset=labelset, by=expert, number=3, reason="again three")

    assert services.take_next(sheet=sheet, label_type=kind(), by=experts[0]) == "a2"
    with pytest.raises(AlreadySettled):
        say(experts[0], "a1", "refund")


def test_how_many_are_asked_needs_the_labelset_a_number_and_a_reason(labelset, expert, experts) -> None:
    for number in (0, 21):
        with pytest.raises(InvalidInput, match="expected 1 to 20"):
            ask_opinions(labelset=labelset, by=expert, number=number, reason="x")
    with pytest.raises(ReasonRequired):
        ask_opinions(labelset=labelset, by=expert, number=2, reason="")
    with pytest.raises(NotPermitted):
        ask_opinions(labelset=labelset, by=experts[0], number=2, reason="x")
    assert labelset.history.first().opinions_asked == 3


def test_the_tables_refuse_what_would_be_a_lie(sheet, labelset, experts, say) -> None:
    all_say(say, experts, "a1", "card", "refund", "card")
    done = settle(sheet, experts[3], "a1", "card")
    item = {"sheet": sheet, "labelset": labelset, "item_ref": "a9"}

    with pytest.raises(IntegrityError, match="turn_assigned_or_until"), transaction.atomic():
        Turn.objects.create(**item, expert=experts[0])
    with pytest.raises(IntegrityError, match="settlement_adjudicated_has_reason"), transaction.atomic():
        Settlement.objects.create(
            **item, way="adjudicated", content=done.content, canonical_label=done.canonical_label,
            canonical_version=1, settled_by=experts[3],
        )  # fmt: skip
    with pytest.raises(Exception, match="only grows"), transaction.atomic():
        Opinion.objects.filter(item_ref="a1").update(notes="rewritten")


def test_answers_lie_side_by_side_one_column_a_person(sheet, labelset, experts, say) -> None:
    all_say(say, experts, "a1", "card", "refund", "card")
    all_say(say, experts[1:], "a2", "card", "card", "card")
    say(experts[0], "a3", "card")

    found = selectors.answers_of(sheet, labelset)

    assert (found.refs, [one.username for one in found.people]) == (["a1", "a2"], ["ann", "bob", "cy", "dee"])
    assert [[cell and cell.data["label"] for cell in row] for row in found.rows] == [
        ["card", "refund", "card", None], [None, "card", "card", "card"],
    ]  # fmt: skip


def test_fewer_are_not_asked_for_while_an_item_waits_for_its_opinions(labelset, expert, experts, say) -> None:
    ann, bob, cy, _ = experts
    say(ann, "a1", "card")

    with pytest.raises(InvalidInput, match="wait for more of the 3"):
        ask_opinions(labelset=labelset, by=expert, number=1, reason="in a hurry")
    assert not Opinion.objects.visible_to(bob).filter(item_ref="a1", given_by=ann).exists()
    say(bob, "a1", "card")
    say(cy, "a1", "card")
    assert ask_opinions(labelset=labelset, by=expert, number=1, reason="done").opinions_asked == 1


def test_one_of_the_experts_decides_no_conflict_by_another_door(sheet, labelset, experts, say, api) -> None:
    ann, bob, cy, dee = experts
    all_say(say, [ann, bob, cy], "a1", "card", "refund", "card")
    line = json.dumps({"item_ref": "a1", "data": {"label": "card"}}).encode()

    def imports(who):
        return api(who).post(
            "/api/v1/canonical-labels/import/",
            {"sheet": str(sheet.pk), "label_type": "classification", "format": "jsonl",
             "file": SimpleUploadedFile("labels.jsonl", line)},
            format="multipart",
        )  # fmt: skip

    refused = imports(ann)
    assert (refused.status_code, refused.json()["code"]) == (409, "opinions_asked"), refused.content
    assert not CanonicalLabel.objects.filter(sheet=sheet).exists()
    settle(sheet, dee, "a1", "refund")
    with pytest.raises(OpinionsAsked):
        make_label(sheet, "a1", "card", bob)
    assert make_label(sheet, "a1", "card", dee, seen_version=1).version == 2
