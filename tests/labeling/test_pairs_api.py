"""The REST doors to Training Sheets, configurations and pairs: same rules, rows outside someone's rights are 404."""

from __future__ import annotations

import json

import pytest

from governance import jobs
from labeling.generation import services as generation
from labeling.generation.models import Mode, QAPair, TrainingSheet

from .factories import bind, make_labelset, make_sheet, make_template, share_with

pytestmark = pytest.mark.django_db
BASE = "/api/v1"
ROWS = [
    {"id": f"a{place}", "text": f"ticket {place}", "patient": "x", "topic": json.dumps({"label": "card"})}
    for place in range(4)
]
STRICT = {
    "type": "object",
    "properties": {"label": {"enum": ["card", "refund"]}},
    "required": ["label"],
    "additionalProperties": False,
}


@pytest.fixture
def sheet(steward, approver, team, expert):
    version = make_sheet(steward, approver, team, rows=ROWS)
    bind(version.sheet, make_labelset(expert, approver, team, seen_columns=["text"]), steward)
    return version.sheet


@pytest.fixture
def template(engineer, approver, team):
    return make_template(engineer, approver, team, output_schema=STRICT)


@pytest.fixture
def recipe(sheet, template):
    return {
        "sheet": str(sheet.pk), "template_version": str(template.pk), "mode": "existing_column", "column": "topic"
    }  # fmt: skip


@pytest.fixture
def made(engineer, sheet, template, team):
    row = generation.start_generation(
        by=engineer,
        name="Made",
        sheet=sheet,
        template_version=template,
        mode=Mode.EXISTING_COLUMN,
        column="topic",
    )
    share_with(row, team, engineer)
    jobs.run_waiting()
    return row


@pytest.fixture(autouse=True)
def foreign(stranger, approver, db):
    version = make_sheet(stranger, approver, approver, name="Foreign", rows=ROWS)
    ask = make_template(stranger, approver, approver, name="Foreign ask", output_schema=STRICT)
    row = generation.start_generation(
        by=stranger, name="Foreign pairs", sheet=version.sheet, template_version=ask,
        mode=Mode.EXISTING_COLUMN, column="topic",
    )  # fmt: skip
    jobs.run_waiting()
    return row


def test_generating_answers_202_with_the_job_and_the_training_sheet(api, engineer, recipe):
    client = api(engineer)

    answer = client.post(f"{BASE}/training-sheets/", recipe | {"name": "By REST"})
    assert answer.status_code == 202
    assert answer["Location"].endswith(f"/jobs/{answer.json()['job']}/")
    jobs.run_waiting()

    shown = client.get(f"{BASE}/training-sheets/{answer.json()['training_sheet']}/").json()
    assert (shown["status"], shown["progress"]["to_review"], shown["result"]["existing_column"]) == (
        "ready",
        4,
        4,
    )
    assert shown["progress"]["sentence"] == "0 pre-approved · 4 to review · 0 rejected · 0 flagged of 4"
    assert shown["job"] == answer.json()["job"]


def test_a_preview_is_shown_and_a_fault_is_named_by_field(api, engineer, recipe):
    client = api(engineer)

    shown = client.post(f"{BASE}/training-sheets/preview/", recipe | {"limit": 2}).json()
    assert [pair["answer"] for pair in shown["pairs"]] == [{"label": "card"}] * 2
    assert (shown["items"], shown["columns"], shown["permits"][0]) == (4, ["text", "topic"], "training")

    refused = client.post(f"{BASE}/training-sheets/", recipe | {"name": "x", "column": "nope"})
    assert (refused.status_code, refused.json()["field"]) == (400, "column")
    assert TrainingSheet.objects.count() == 1


def test_configurations_are_saved_changed_previewed_run_and_forgotten(api, engineer, recipe):
    client = api(engineer)

    saved = client.post(f"{BASE}/generation-configs/", recipe | {"name": "Weekly"})
    assert saved.status_code == 201
    where = f"{BASE}/generation-configs/{saved.json()['id']}"
    assert client.patch(f"{where}/", {"sample_size": 2}).json()["sample_size"] == 2
    assert client.post(f"{where}/preview/", {}).json()["items"] == 2
    started = client.post(f"{where}/run/", {"name": "Week 7"})
    assert started.status_code == 202
    jobs.run_waiting()

    assert TrainingSheet.objects.get(name="Week 7").pairs.count() == 2
    assert client.delete(f"{where}/").status_code == 204


def test_pairs_are_listed_filtered_and_decided(api, expert, made):
    client = api(expert)
    listed = client.get(f"{BASE}/pairs/?training_sheet={made.pk}&permits=training").json()["results"]
    assert [pair["item_ref"] for pair in listed] == ["a0", "a1", "a2", "a3"]
    first, second, third, fourth = (f"{BASE}/pairs/{pair['id']}" for pair in listed)

    approved = client.post(f"{first}/approve/", {"version": 1})
    edited = client.post(f"{second}/edit/", {"version": 1, "data": {"label": "refund"}})
    rejected = client.post(f"{third}/reject/", {"version": 1, "notes": "blurred"})
    flagged = client.post(f"{fourth}/flag/", {"version": 1})

    assert [answer.json()["status"] for answer in (approved, edited, rejected, flagged)] == [
        "labeled", "labeled", "rejected", "flagged",
    ]  # fmt: skip
    assert edited.json()["answer"] == {"label": "refund"}
    reopened = client.post(f"{third}/reopen/", {"version": 2, "reason": "second look"})
    assert (reopened.json()["status"], reopened.json()["version"]) == ("unlabeled", 3)
    assert [row["action"] for row in client.get(f"{third}/decisions/").json()] == ["reopen", "reject"]
    assert (
        client.get(f"{BASE}/pairs/?training_sheet={made.pk}&status=flagged").json()["results"][0]["item_ref"]
        == "a3"
    )


def test_a_stale_version_is_412_with_both_texts_and_a_misfit_400_with_its_path(
    api, expert, second_expert, made
):
    where = f"{BASE}/pairs/{made.pairs.get(position=0).pk}"
    api(expert).post(f"{where}/edit/", {"version": 1, "data": {"label": "refund"}})

    stale = api(second_expert).post(f"{where}/edit/", {"version": 1, "data": {"label": "card"}})
    other = f"{BASE}/pairs/{made.pairs.get(position=1).pk}"
    misfit = api(expert).post(f"{other}/edit/", {"version": 1, "data": {"label": "boat"}})

    assert (stale.status_code, stale.json()["code"]) == (412, "stale_version")
    assert (stale.json()["your_answer"], stale.json()["current_answer"]) == (
        {"label": "card"},
        {"label": "refund"},
    )
    assert (misfit.status_code, misfit.json()["field"]) == (400, "$.label")
    assert api(expert).post(f"{other}/edit/", {"version": 1}).status_code == 400


def test_bulk_by_filter_or_ids_reports_what_it_could_not_decide(api, expert, made, foreign):
    client, pairs = api(expert), list(made.pairs.order_by("position"))
    client.post(f"{BASE}/pairs/{pairs[0].pk}/reject/", {"version": 1})

    outcome = client.post(
        f"{BASE}/pairs/bulk/", {"action": "approve", "filter": {"training_sheet": str(made.pk)}}
    ).json()
    foreign_ids = [str(pair.pk) for pair in foreign.pairs.all()]
    nothing = client.post(f"{BASE}/pairs/bulk/", {"action": "reject", "pairs": foreign_ids}).json()

    assert outcome == {"decided": 3, "left": 1, "refused": 0, "refusals": []}
    assert nothing == {"decided": 0, "left": 0, "refused": 0, "refusals": []}
    for name in ("is_golden", "failed"):
        vague = {"training_sheet": str(made.pk), name: "maybe"}
        assert client.get(f"{BASE}/pairs/", vague).status_code == 400
        assert client.post(f"{BASE}/pairs/bulk/", {"action": "flag", "filter": vague}).status_code == 400
    assert client.post(f"{BASE}/pairs/bulk/", {"action": "reject"}).status_code == 400
    assert (
        client.post(f"{BASE}/pairs/bulk/", {"action": "reject", "filter": {"colour": "x"}}).status_code == 400
    )


def test_a_pair_is_tightened_at_once_and_relaxed_by_request(api, expert, made):
    client, pair = api(expert), made.pairs.get(position=0)
    terms = {
        "allowed_uses": ["evaluation"], "prohibited_uses": [], "data_classification": "internal",
        "usage_reason": "customer asked",
    }  # fmt: skip

    tightened = client.post(f"{BASE}/pairs/{pair.pk}/tighten/", terms)
    asked = client.post(
        f"{BASE}/pairs/{pair.pk}/request-relaxation/", terms | {"allowed_uses": ["evaluation", "training"]}
    )

    assert (tightened.json()["permits"], asked.status_code) == (["evaluation"], 202)


def test_a_review_is_finished_reopened_and_the_sheet_shared(api, expert, engineer, made, approver):
    client = api(engineer)
    where = f"{BASE}/training-sheets/{made.pk}"

    early = client.post(f"{where}/finish-review/")
    api(expert).post(f"{BASE}/pairs/bulk/", {"action": "approve", "filter": {"training_sheet": str(made.pk)}})

    assert (early.status_code, early.json()["to_review"]) == (409, 4)
    assert client.post(f"{where}/finish-review/").json()["status"] == "reviewed"
    assert client.post(f"{where}/reopen/", {"reason": "audit"}).json()["status"] == "ready"
    assert client.post(f"{where}/share/", {"user": approver.username, "level": "view"}).status_code == 204
    assert api(expert).post(f"{where}/update-from-labels/").json() == {
        "decided": 0,
        "left": 0,
        "refused": 0,
        "refusals": [],
    }


def test_training_sheets_are_found_by_sheet_template_and_state(api, engineer, made, sheet, template):
    client = api(engineer)

    for query in (f"sheet={sheet.pk}", f"template_version={template.pk}", "state=ready", "status=ready"):
        assert [row["name"] for row in client.get(f"{BASE}/training-sheets/?{query}").json()["results"]] == [
            "Made"
        ]
    assert client.get(f"{BASE}/training-sheets/?state=curated").json()["results"] == []


def test_foreign_rows_do_not_exist(api, engineer, expert, foreign, viewer, made):
    pair = foreign.pairs.first()

    for client in (api(engineer), api(expert)):
        for path in (f"training-sheets/{foreign.pk}", f"pairs/{pair.pk}"):
            assert client.get(f"{BASE}/{path}/").status_code == 404
        assert client.post(f"{BASE}/pairs/{pair.pk}/approve/", {"version": 1}).status_code == 404
    own = made.pairs.first()
    assert api(viewer).post(f"{BASE}/pairs/{own.pk}/approve/", {"version": 1}).status_code == 403
    assert api(viewer).post(f"{BASE}/training-sheets/{made.pk}/finish-review/").status_code == 403
    assert not QAPair.objects.exclude(status="unlabeled").exists()


def test_an_undecided_training_sheet_is_deleted_and_a_foreign_recipe_refused(
    api, engineer, made, foreign, recipe
):
    client = api(engineer)

    foreign_sheet = client.post(
        f"{BASE}/training-sheets/", recipe | {"name": "x", "sheet": str(foreign.sheet_id)}
    )
    assert foreign_sheet.status_code == 400
    assert client.delete(f"{BASE}/training-sheets/{made.pk}/").status_code == 204


def test_a_step_from_the_wrong_state_is_409_and_says_from_where_it_starts(api, expert, made):
    where = f"{BASE}/pairs/{made.pairs.get(position=0).pk}"
    api(expert).post(f"{where}/reject/", {"version": 1})

    refused = api(expert).post(f"{where}/flag/", {"version": 2})

    assert (refused.status_code, refused.json()["status"]) == (409, 409)
    assert refused.json()["expected"] == ["unlabeled"]
