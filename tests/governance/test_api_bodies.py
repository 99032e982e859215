"""What the API refuses to read, whatever it is about."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient


@pytest.mark.parametrize("body", ['{"username": "a\\u0000b", "password": "x"}', '{"a": [{"b\\u0000": 1}]}'])
def test_a_body_with_the_character_nul_is_refused_in_words(db, body):
    answer = APIClient().post("/api/v1/login/", body, content_type="application/json")

    assert answer.status_code == 400
    assert answer.json()["code"] == "parse_error"
    assert "NUL" in answer.json()["detail"]


def test_a_body_nested_without_end_is_refused_in_words(db):
    body = '{"username": ' + "[" * 100_000 + "]" * 100_000 + "}"

    answer = APIClient().post("/api/v1/login/", body, content_type="application/json")

    assert answer.status_code == 400
    assert "nested" in answer.json()["detail"]


@pytest.mark.parametrize("address", ["/api/v1/nonsense/", "/api/v1/lineage/models/%0A%F1%A3%91%A1/pairs/"])
def test_an_address_that_the_api_does_not_have_is_a_problem_and_no_page(address, db):
    answer = APIClient().get(address)

    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "not_found"


def test_the_type_of_a_refusal_leads_to_its_explanation(client):
    answer = client.get("/docs/errors/")

    assert answer.status_code == 200
    assert '<a id="not_found">' in answer.content.decode()


@pytest.mark.parametrize(
    ("address", "unknown", "meant"),
    [
        ("/api/v1/pairs/", "statuss", "status"),
        ("/api/v1/constraint-changes/", "persn", "person"),
        ("/api/v1/approvals/", "state_", "state"),
        ("/api/v1/sheets/", "page_sise", "page_size"),
    ],
)
def test_a_list_refuses_a_filter_that_it_does_not_know(address, unknown, meant, steward, api):
    """Ignored, it would answer with more than was asked for."""
    answer = api(steward).get(address, {unknown: "approved"})

    assert answer.status_code == 400
    assert answer.json()["field"] == unknown and repr(meant) in answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "address", "sent", "field", "value"),
    [
        ("post", "/api/v1/delegations/", {"to": "x", "role": "approver", "reason": "r", "until": "tomorrow"}, "until",
         "'tomorrow'"),
        ("get", "/api/v1/approvals/", {"object_id": "no-uuid"}, "object_id", "'no-uuid'"),
        ("post", "/api/v1/gate-policies/sheet-publish/propose/", {"reason": "r", "lifetime_days": "ten"},
         "lifetime_days", "'ten'"),
        ("post", "/api/v1/gate-policies/sheet-publish/propose/", {"reason": "r", "approvals": {"approver": "two"}},
         "approvals.approver", "'two'"),
        ("post", "/api/v1/gate-policies/sheet-publish/propose/", {"reason": "r", "comment_required": "perhaps"},
         "comment_required", "'perhaps'"),
    ],
)  # fmt: skip
def test_a_value_of_the_wrong_kind_is_named_in_the_refusal(method, address, sent, field, value, officer, api):
    answer = getattr(api(officer), method)(address, sent, **({"format": "json"} if method == "post" else {}))

    assert answer.status_code == 400
    assert answer.json()["field"] == field
    assert value in answer.json()["detail"] and value in answer.json()["errors"][0]["message"]


def test_a_long_value_is_cut_and_a_password_is_never_repeated(officer, api):
    long = api(officer).post("/api/v1/gate-policies/sheet-publish/propose/",
                             {"reason": "r", "lifetime_days": "x" * 999}, format="json")  # fmt: skip
    assert long.status_code == 400 and len(long.json()["detail"]) < 300

    told = APIClient().post("/api/v1/login/", {"username": "officer", "password": ["hidden"]}, format="json")
    assert told.status_code == 400 and "hidden" not in told.content.decode()


def test_a_body_that_is_too_large_is_a_problem_in_words(api, steward) -> None:
    answer = api(steward).post("/api/v1/use-cases/", {"name": "Claims", "description": "x" * 3_000_000}, format="json")

    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "sent", [{"name": "x" * 3_000_000}, {f"field-{place}": "x" for place in range(6_000)}], ids=["large", "many"]
)
def test_a_form_that_is_too_large_says_so(client, steward, sent) -> None:
    client.force_login(steward)

    answer = client.post("/admin/labeling/usecase/add/", sent)

    assert (answer.status_code, b"too large or broken" in answer.content) == (400, True)
