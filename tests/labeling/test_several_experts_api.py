"""Three blind experts, their agreement, the settling and its provenance, all by REST and without a superuser."""

from __future__ import annotations

import pytest

from .factories import bind, make_labelset, make_sheet

pytestmark = pytest.mark.django_db


@pytest.fixture
def experts(make_user, team):
    return [make_user(name, "domain-expert", groups=(team,)) for name in ("ann", "bob", "cy", "dee")]


@pytest.fixture
def sheet(steward, approver, team, expert, stranger):
    version = make_sheet(steward, approver, team)
    bind(version.sheet, make_labelset(expert, approver, team), steward)
    foreign = make_sheet(stranger, approver, approver, name="Foreign")
    bind(foreign.sheet, make_labelset(stranger, approver, approver, name="Foreign topics"), stranger)
    return version.sheet


def test_three_blind_experts_agree_or_are_settled_with_provenance(
    api, sheet, experts, expert, steward, stranger
) -> None:
    here = {"sheet": str(sheet.pk), "label_type": "classification"}
    labelset = sheet.labelset_bindings.get().labelset_id
    ann, bob, cy, dee = (api(who) for who in experts)

    asked = api(expert).post(f"/api/v1/labelsets/{labelset}/ask-opinions/", {"number": 3, "reason": "three heads"})
    assigned = api(steward).post("/api/v1/turns/", {**here, "items": ["a2"], "experts": ["ann", "bob"]})
    assert (asked.json()["opinions_asked"], assigned.status_code, len(assigned.json())) == (3, 201, 2)
    assert ann.post("/api/v1/turns/take-next/", here).json() == {"item_ref": "a2"}
    assert cy.post("/api/v1/turns/take-next/", here).json() == {"item_ref": "a1"}

    for who, first, second in ((ann, "card", "card"), (bob, "card", "refund")):
        for ref, name in (("a1", first), ("a2", second)):
            said = who.post("/api/v1/opinions/", {**here, "item_ref": ref, "data": {"label": name}})
            assert said.status_code == 201, said.json()
    assert [one["given_by"] for one in cy.get("/api/v1/opinions/").json()["results"]] == []
    assert {one["given_by"] for one in ann.get("/api/v1/opinions/").json()["results"]} == {"ann"}
    early = dee.post("/api/v1/settlements/", {**here, "item_ref": "a2", "data": {"label": "card"}, "reason": "x"})
    assert (early.status_code, early.json()["code"]) == (409, "opinions_missing")
    for ref in ("a1", "a2"):
        cy.post("/api/v1/opinions/", {**here, "item_ref": ref, "data": {"label": "card"}})
    assert len(cy.get("/api/v1/opinions/").json()["results"]) == 6
    assert api(stranger).get("/api/v1/opinions/").json()["results"] == []

    standings = {one["item_ref"]: one["state"] for one in ann.get("/api/v1/opinions/standings/", here).json()}
    assert standings == {"a1": "agreed", "a2": "conflict"}
    report = api(steward).get("/api/v1/opinions/agreement/", {**here, "field": "label"}).json()
    assert (report["items"], report["people"]) == (2, ["Ann", "Bob", "Cy"])
    assert report["whole"]["exact"] == pytest.approx(4 / 6)
    assert report["whole"]["alpha"] == pytest.approx(1 - 5 * 2 / 10)
    assert [one["confusion"] for one in report["pairs"]] == [
        [{"first": "card", "second": "refund", "count": 1}], [], [{"first": "refund", "second": "card", "count": 1}],
    ]  # fmt: skip
    assert ann.get("/api/v1/opinions/agreement/", here).status_code == 403

    assert ann.post("/api/v1/settlements/settle-agreed/", here).json() == {"settled": 1, "misfits": []}
    settling = {**here, "item_ref": "a2", "data": {"label": "refund"}, "reason": "money back is asked for"}
    own = ann.post("/api/v1/settlements/", settling)
    assert (own.status_code, own.json()["code"]) == (409, "same_expert")
    done = dee.post("/api/v1/settlements/", settling).json()

    label = ann.get(f"/api/v1/canonical-labels/{done['canonical_label']}/").json()
    assert (label["data"], label["item_ref"], label["version"]) == ({"label": "refund"}, "a2", 1)
    listed = ann.get("/api/v1/settlements/", {"canonical_label": label["id"]}).json()["results"]
    assert [one["id"] for one in listed] == [done["id"]]
    found = ann.get(f"/api/v1/settlements/{done['id']}/").json()
    assert (found["way"], found["settled_by"], found["reason"]) == ("adjudicated", "dee", "money back is asked for")
    assert [(one["given_by"], one["data"]["label"]) for one in found["opinions"]] == [
        ("ann", "card"), ("bob", "refund"), ("cy", "card"),
    ]  # fmt: skip


def test_a_field_that_answers_do_not_have_is_refused_by_name(api, sheet, experts, expert, steward) -> None:
    here = {"sheet": str(sheet.pk), "label_type": "classification"}
    nothing = api(steward).get("/api/v1/opinions/agreement/", here)
    api(experts[0]).post("/api/v1/opinions/", {**here, "item_ref": "a1", "data": {"label": "card"}})

    wrong = api(steward).get("/api/v1/opinions/agreement/", {**here, "field": "lable"})

    assert (nothing.status_code, nothing.json()["code"]) == (409, "nothing_to_compare")
    assert (wrong.status_code, wrong.json()["code"]) == (400, "invalid_input")
