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
