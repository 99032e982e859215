"""Standing rules of assignment: pairs that are made later are dealt without a hand."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from governance import access, jobs
from governance.models import Notification, RecordEntry
from governance.roles import group_for
from labeling.generation import services as generation
from labeling.models import AssignmentRule, PairAssignment, TrainingSheet
from labeling.review import standing

from .factories import ROWS, bind, label_type, make_labelset, make_sheet, make_template, share_with

pytestmark = pytest.mark.django_db
RULES = "/api/v1/assignment-rules/"
PEOPLE = ["expert", "second-expert"]


@pytest.fixture
def sheet(steward, approver, team, expert, stranger):
    """A Sheet of four items, and another team's of the same."""
    version = make_sheet(steward, approver, team)
    bind(version.sheet, make_labelset(expert, approver, team), steward)
    foreign = make_sheet(stranger, approver, approver, name="Foreign")
    bind(foreign.sheet, make_labelset(stranger, approver, approver, name="Foreign topics"), stranger)
    return version.sheet


@pytest.fixture
def generate(sheet, engineer, approver, team):
    template = make_template(engineer, approver, team)

    def make(name: str, *, shared: bool = True) -> TrainingSheet:
        made = generation.start_generation(
            by=engineer, name=name, sheet=sheet, template_version=template, mode="manual"
        )
        if shared:
            share_with(made, team, engineer)
        jobs.run_waiting()
        made.refresh_from_db()
        assert made.status == "ready"
        return made

    return make


def set_rule(sheet: Any, by: Any, people: Any, reason: str = "they know tickets") -> AssignmentRule:
    kind = label_type("classification")
    return standing.set_rule(sheet=sheet, label_type=kind, people=people, reason=reason, by=by)


def whose(made: TrainingSheet) -> list[str]:
    rows = made.pairs.order_by("position").values_list("assignment__account__username", flat=True)
    return [name or "" for name in rows]


def test_pairs_made_later_are_dealt_in_turn_and_on_record_with_the_reason(
    sheet, steward, expert, second_expert, generate, api
):
    before = generate("before")
    answer = api(steward).post(
        RULES, {"sheet": str(sheet.pk), "label_type": "classification", "people": PEOPLE, "reason": "they know tickets"}
    )
    assert answer.status_code == 201, answer.content

    made = generate("after")

    assert whose(made) == PEOPLE * 2 and set(whose(before)) == {""}
    told = Notification.objects.filter(object_id=made.pk).values_list("account__username", "count", "made_by__username")
    assert sorted(told) == [(name, 2, "steward") for name in PEOPLE]
    given = PairAssignment.objects.filter(pair__training_sheet=made).first()
    entry = RecordEntry.objects.with_values().get(kind="labeling.pairassignment", object_id=str(given.pk))
    assert entry.actor_id == steward.pk and entry.door == "task"
    assert "they know tickets" in entry.said["reason"]
    rule = api(expert).get(RULES).json()["results"][0]
    assert (rule["people"], rule["dealt"], rule["ended_at"]) == (PEOPLE, 4, None)


def test_whose_turn_is_next_goes_on_from_one_training_sheet_to_the_next(
    sheet, steward, expert, second_expert, make_user, team, generate
):
    third = make_user("third-expert", "domain-expert", groups=(team,))
    set_rule(sheet, steward, [expert, second_expert, third])

    first, second = generate("first"), generate("second")

    assert len(ROWS) == 4
    assert whose(first) == ["expert", "second-expert", "third-expert", "expert"]
    assert whose(second) == ["second-expert", "third-expert", "expert", "second-expert"]


def test_pairs_are_dealt_when_they_are_shared_if_nobody_could_see_them_before(
    sheet, steward, expert, second_expert, team, engineer, generate, client
):
    set_rule(sheet, steward, [expert, second_expert])
    made = generate("private", shared=False)
    assert set(whose(made)) == {""}
    client.force_login(engineer)
    page = reverse("admin:labeling_trainingsheet_change", args=[made.pk])
    assert "may not see this Training Sheet" in client.get(page).content.decode()

    access.share(collection=made, to=team, level="view", by=engineer)
    jobs.run_waiting()

    assert whose(made) == PEOPLE * 2
    shown = client.get(page).content.decode()
    assert "standing rule" in shown and "does not act here" not in shown


def test_who_may_not_see_the_pairs_is_dealt_none(sheet, steward, expert, second_expert, engineer, generate):
    set_rule(sheet, steward, [expert, second_expert])
    made = generate("for one", shared=False)

    access.share(collection=made, to=steward, level="view", by=engineer)
    access.share(collection=made, to=second_expert, level="view", by=engineer)
    jobs.run_waiting()

    assert set(whose(made)) == {"second-expert"}


def test_a_rule_acts_no_longer_than_its_setter_may_assign(sheet, steward, expert, generate):
    set_rule(sheet, steward, [expert])
    steward.groups.remove(steward.groups.get(role__slug="data-steward"))

    assert set(whose(generate("later"))) == {""}


def test_a_new_rule_takes_the_place_of_the_old_and_an_ended_one_deals_nothing(
    sheet, steward, expert, second_expert, generate, api
):
    old = set_rule(sheet, steward, [expert])
    new = set_rule(sheet, steward, [second_expert], "on leave")
    old.refresh_from_db()
    assert (old.ended_by, old.end_reason) == (steward, "replaced: on leave")
    assert set(whose(generate("by the new"))) == {"second-expert"}

    ended = api(steward).post(f"{RULES}{new.pk}/end/", {"reason": "the season is over"})

    assert ended.json()["end_reason"] == "the season is over"
    assert set(whose(generate("after the end"))) == {""}
    again = api(steward).post(f"{RULES}{new.pk}/end/", {"reason": "twice"})
    assert (again.status_code, again.json()["code"]) == (409, "rule_ended")


def test_what_was_given_by_hand_meanwhile_stays(sheet, steward, expert, second_expert, engineer, team, generate, api):
    made = generate("by hand", shared=False)
    set_rule(sheet, steward, [expert])
    assert whose(made) == [""] * 4

    access.share(collection=made, to=team, level="view", by=engineer)
    jobs.run_waiting()

    assert whose(made) == [""] * 4  # made before the rule


@pytest.mark.parametrize("name", ["viewer", "stranger", "nobody"])
def test_who_may_not_review_or_not_see_the_sheet_is_refused(name, sheet, steward, viewer, stranger, api):
    body = {"sheet": str(sheet.pk), "label_type": "classification", "people": [name], "reason": "why not"}

    answer = api(steward).post(RULES, body)

    assert (answer.status_code, answer.json()["code"]) == (400, "not_a_reviewer")
    assert not AssignmentRule.objects.exists()


def test_only_those_who_may_assign_and_change_the_sheet_set_and_end_rules(
    sheet, steward, expert, engineer, stranger, make_user, team, api
):
    body = {"sheet": str(sheet.pk), "label_type": "classification", "people": ["expert"], "reason": "mine"}
    second = make_user("second-steward", "data-steward", groups=(team,))
    rule = set_rule(sheet, steward, [expert])

    for who in (expert, second, engineer):
        assert api(who).post(RULES, body).status_code == 403
        assert api(who).post(f"{RULES}{rule.pk}/end/", {"reason": "mine"}).status_code == 403
    assert api(stranger).get(f"{RULES}{rule.pk}/").status_code == 404
    assert api(stranger).post(RULES, body).status_code in {400, 403}
    rule.refresh_from_db()
    assert rule.ended_at is None


@pytest.mark.parametrize(
    ("change", "field"),
    [({"people": []}, "people"), ({"reason": " "}, "reason"), ({"label_type": "dancing"}, "label_type")],
)
def test_a_rule_that_says_too_little_is_refused_by_its_field(change, field, sheet, steward, expert, api):
    body = {"sheet": str(sheet.pk), "label_type": "classification", "people": ["expert"], "reason": "they know"}

    answer = api(steward).post(RULES, body | change)

    assert answer.status_code == 400 and field in str(answer.json())
    assert not AssignmentRule.objects.exists()


def test_a_rule_is_set_seen_and_ended_in_the_portal(sheet, steward, expert, second_expert, stranger, client):
    stranger.groups.add(group_for("domain-expert"))
    client.force_login(steward)
    add = reverse("admin:labeling_assignmentrule_add")
    offered = client.get(add).content.decode()
    assert "Tickets" in offered and "Foreign" not in offered
    assert expert.display_name in offered and stranger.display_name not in offered

    fields = {"sheet": sheet.pk, "label_type": "classification", "people": [expert.pk, second_expert.pk]}
    refused = client.post(add, fields)
    assert "This field is required" in refused.content.decode()
    assert client.post(add, {**fields, "reason": "they know tickets"}).status_code == 302

    rule = AssignmentRule.objects.get()
    page = reverse("admin:labeling_assignmentrule_change", args=[rule.pk])
    assert set(rule.people.all()) == {expert, second_expert}
    for words in ("they know tickets", expert.display_name, "in force"):
        assert words in client.get(page).content.decode()
    end = reverse("admin:labeling_assignmentrule_step", args=[rule.pk, "end"])
    assert client.post(end, {"reason": "season over"}).status_code == 302
    assert "season over" in client.get(page).content.decode()
    client.force_login(expert)
    assert client.get(add).status_code == 403


def test_the_table_holds_one_rule_in_force_and_no_half_ended_one(sheet, steward, expert):
    rule = set_rule(sheet, steward, [expert])
    same = {"sheet": sheet, "label_type": rule.label_type, "set_by": steward}
    ended = {"ended_at": timezone.now(), "ended_by": steward, "end_reason": "x"}

    for name, fields in (
        ("assignmentrule_one_in_force", {"reason": "second"}),
        ("assignmentrule_has_reason", {"reason": "", **ended}),
        ("assignmentrule_end_complete", {"reason": "third", "ended_at": timezone.now()}),
    ):
        with pytest.raises(IntegrityError) as broken, transaction.atomic():
            AssignmentRule.objects.create(**same, **fields)
        assert name in str(broken.value) or "UNIQUE constraint failed" in str(broken.value)
