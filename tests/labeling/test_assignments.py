"""Giving pairs to people: who may, to whom, in what order they then come, and what everyone is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from governance import access, jobs
from governance.models import Job, Notification, RecordEntry
from labeling.models import PairAssignment, QAPair, TrainingSheet
from labeling.review import assigning
from tests.world import make_pairs, multiply

pytestmark = pytest.mark.django_db
ASSIGN = "/api/v1/pairs/assign/"


class Killed(BaseException):
    """The worker's process ends here."""


def ready_sheet(make_user: Any, team: Any, word: str, count: int) -> TrainingSheet:
    """A Training Sheet of `count` undecided pairs and one decided, shared with the team; nothing is assigned."""
    world = make_pairs(word, make_user(f"owner-of-{word}", "ml-engineer"))
    sheet, pair = world[TrainingSheet], world[QAPair]
    TrainingSheet.objects.filter(pk=sheet.pk).update(status="ready", reviewed_at=None)
    PairAssignment.objects.filter(pair=pair).delete()
    pair.claim.delete()
    copy = QAPair.objects.get(pk=pair.pk)
    copy.status, copy.reviewed_by, copy.reviewed_at = "unlabeled", None, None
    copy.canonical_label = copy.canonical_version = None
    multiply(copy, count)
    for place, key in enumerate(
        QAPair.objects.filter(training_sheet=sheet).exclude(pk=pair.pk).values_list("pk", flat=True)
    ):
        QAPair.objects.filter(pk=key).update(position=10 + place)
    if team is not None:
        access.share(collection=sheet, to=team, level="view", by=sheet.owner)
    sheet.refresh_from_db()
    return sheet


@pytest.fixture
def sheet(make_user, team) -> TrainingSheet:
    return ready_sheet(make_user, team, "ours", 6)


@pytest.fixture
def theirs(make_user) -> TrainingSheet:
    return ready_sheet(make_user, None, "theirs", 2)


def whose(sheet: TrainingSheet) -> list[str]:
    """To whom the pairs are given, in the order of their items; the decided one comes first."""
    rows = QAPair.objects.filter(training_sheet=sheet).order_by("position")
    return [name or "" for name in rows.values_list("assignment__account__username", flat=True)]


def test_pairs_are_dealt_in_turn_and_the_decided_one_is_left(sheet, theirs, steward, expert, second_expert, api):
    answer = api(steward).post(
        ASSIGN, {"filter": {"training_sheet": str(sheet.pk)}, "people": ["expert", "second-expert"]}
    )

    assert answer.json() == {"assigned": 6, "left": 1}
    assert whose(sheet) == ["", *["expert", "second-expert"] * 3]
    assert [(one.account.username, one.count) for one in Notification.objects.order_by("account__username")] == [
        ("expert", 3), ("second-expert", 3),
    ]  # fmt: skip
    given = PairAssignment.objects.first()
    entry = RecordEntry.objects.filter(kind="labeling.pairassignment", object_id=str(given.pk)).get()
    assert entry.actor_id == steward.pk and entry.door == "api"


def test_members_of_a_group_are_dealt_pairs_if_they_may_review(
    sheet, steward, expert, second_expert, viewer, team, api
):
    answer = api(steward).post(ASSIGN, {"filter": {"training_sheet": str(sheet.pk)}, "group": team.name})

    assert answer.status_code == 200 and set(whose(sheet)) == {"", "expert", "second-expert"}


def test_what_was_given_before_is_kept_replaced_or_taken_back(sheet, steward, expert, second_expert, api):
    known, chosen = api(steward), {"filter": {"training_sheet": str(sheet.pk)}}
    first = str(QAPair.objects.filter(training_sheet=sheet, status="unlabeled").order_by("position")[0].pk)
    known.post(ASSIGN, {"pairs": [first], "people": ["expert"]})

    kept = known.post(ASSIGN, chosen | {"people": ["second-expert"], "keep": True}).json()
    after_keeping = whose(sheet)
    replaced = known.post(ASSIGN, chosen | {"people": ["second-expert"]}).json()

    assert kept == {"assigned": 5, "left": 2} and after_keeping[:3] == ["", "expert", "second-expert"]
    assert replaced["assigned"] == 6 and set(whose(sheet)) == {"", "second-expert"}
    assert known.post(ASSIGN, chosen).json()["assigned"] == 6 and set(whose(sheet)) == {""}


@pytest.mark.parametrize("name", ["stranger", "viewer", "nobody", "gone"])
def test_who_may_not_see_or_decide_is_refused_in_the_same_words(name, sheet, steward, stranger, viewer, make_user, api):
    make_user("gone", "domain-expert").delete()

    answer = api(steward).post(ASSIGN, {"filter": {"training_sheet": str(sheet.pk)}, "people": [name]})

    assert (answer.status_code, answer.json()["code"]) == (400, "not_a_reviewer")
    assert answer.json()["detail"].startswith(f"“{name}” is no account that may see and decide all of these pairs.")
    assert set(whose(sheet)) == {""}


def test_who_may_not_assign_or_not_see_the_pairs_assigns_none(sheet, theirs, steward, expert, stranger, api):
    other = str(QAPair.objects.filter(training_sheet=theirs, status="unlabeled")[0].pk)

    assert api(expert).post(ASSIGN, {"filter": {}, "people": ["expert"]}).status_code == 403
    assert api(steward).post(ASSIGN, {"pairs": [other], "people": ["expert"]}).json() == {"assigned": 0, "left": 0}
    assert api(stranger).post(ASSIGN, {"filter": {}, "people": ["expert"]}).json()["assigned"] == 0
    assert not PairAssignment.objects.filter(pair__training_sheet=theirs).exists()


def test_ones_own_come_first_then_nobodys_then_those_of_others_and_skipping_ends(
    sheet, steward, expert, second_expert, client, api
):
    keys = [
        str(pk)
        for pk in QAPair.objects.filter(training_sheet=sheet, status="unlabeled")
        .order_by("position")
        .values_list("pk", flat=True)
    ]
    api(steward).post(ASSIGN, {"pairs": [keys[0], keys[1]], "people": ["second-expert"]})
    api(steward).post(ASSIGN, {"pairs": [keys[3], keys[5]], "people": ["expert"]})
    client.force_login(expert)
    seen, page = [], reverse("labeling:review-pair", args=[sheet.pk])

    for _ in range(7):
        found = client.get(page).context["pair"]
        seen.append(keys.index(str(found.pk)))
        page = client.get(page).context["skip_url"]

    assert seen == [3, 5, 2, 4, 0, 1, 3]


def test_my_queue_stands_on_the_overview_on_the_desk_and_as_a_filter(
    sheet, theirs, steward, expert, second_expert, client, api
):
    keys = list(
        QAPair.objects.filter(training_sheet=sheet, status="unlabeled")
        .order_by("position")
        .values_list("pk", flat=True)
    )
    api(steward).post(ASSIGN, {"pairs": [str(keys[4])], "people": ["expert"]})
    client.force_login(expert)

    desk = reverse("labeling:review-pair", args=[sheet.pk])
    overview = client.get("/admin/").content.decode()

    assert "Review 1 pair given to you" in overview and f"{desk}?queue=mine" in overview
    assert f"{desk}?queue=mine" in client.get(reverse("labeling:review")).content.decode()
    assert client.get(f"{desk}?queue=mine").context["pair"].pk == keys[4]
    listed = api(expert).get("/api/v1/pairs/?assigned_to=me").json()["results"]
    assert [(one["id"], one["assigned_to"]) for one in listed] == [(str(keys[4]), "Expert")]
    assert client.get("/admin/labeling/qapair/?assigned=me").context["cl"].result_count == 1
    client.force_login(second_expert)
    assert "given to you" not in client.get("/admin/").content.decode()


def test_a_whole_training_sheet_is_assigned_from_its_page_and_a_selection_from_the_list(
    sheet, steward, expert, second_expert, stranger, client
):
    client.force_login(steward)
    step = reverse("admin:labeling_trainingsheet_step", args=[sheet.pk, "assign"])
    form = client.get(step).content.decode()

    both = client.post(step, {"people": ["expert"], "group": "Team Iris"})
    client.post(step, {"people": ["expert"], "keep": "on"})

    assert "Second-expert" in form and "Stranger" not in form
    assert "Choose either people or a group." in both.content.decode()
    assert set(whose(sheet)) == {"", "expert"}
    chosen = list(QAPair.objects.filter(training_sheet=sheet).order_by("position").values_list("pk", flat=True)[:2])
    asked = {"action": "assign_selected", "_selected_action": chosen, "index": 0, "select_across": 0}
    confirm = client.post("/admin/labeling/qapair/", asked)
    client.post("/admin/labeling/qapair/", asked | {"confirmed": "1", "people": ["second-expert"]})
    assert "Assign 1 pair" in confirm.content.decode()
    assert whose(sheet)[1] == "second-expert"


def test_many_are_dealt_by_a_job_that_may_be_killed_and_run_again(
    sheet, steward, expert, second_expert, monkeypatch, api
):
    monkeypatch.setattr(assigning, "AT_ONCE", 3)
    monkeypatch.setattr(assigning, "BATCH", 4)
    answer = api(steward).post(
        ASSIGN, {"filter": {"training_sheet": str(sheet.pk)}, "people": ["expert", "second-expert"]}
    )
    job = Job.objects.get(pk=answer.json()["job"])

    def killed(**about: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(assigning, "tell", killed)
        jobs.run(job.pk)
    assert not Notification.objects.exists()
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(minutes=1))
    jobs.sweep()
    jobs.run(job.pk)

    job.refresh_from_db()
    assert job.state == Job.State.SUCCEEDED and job.result == {"assigned": 6, "left": 1}
    assert whose(sheet) == ["", *["expert", "second-expert"] * 3]
    assert sorted(Notification.objects.values_list("count", flat=True)) == [3, 3]
