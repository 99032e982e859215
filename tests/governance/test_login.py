"""A token for programs: asked for, used, given up."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

PASSWORD = "a long password for tests"


def log_in(username: str, password: str = PASSWORD):
    return APIClient().post("/api/v1/login/", {"username": username, "password": password})


def with_token(token: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {token}")
    return client


def test_login_answers_with_a_token_and_the_roles(steward):
    answer = log_in("steward")

    assert answer.status_code == 200
    assert answer.data["roles"] == ["data-steward"]
    assert with_token(answer.data["token"]).get("/api/v1/jobs/").status_code == 200


def test_a_wrong_password_is_a_problem_that_does_not_say_which_half_was_wrong(steward):
    wrong_password, no_such_user = log_in("steward", "guess"), log_in("nobody", "guess")

    assert wrong_password.status_code == no_such_user.status_code == 401
    assert wrong_password["Content-Type"] == "application/problem+json"
    assert wrong_password.json() == no_such_user.json()
    assert wrong_password.json()["code"] == "wrong_credentials"


def test_an_inactive_account_gets_no_token(steward):
    steward.is_active = False
    steward.save(update_fields=["is_active"])

    assert log_in("steward").status_code == 401


def test_logging_out_revokes_the_token(steward):
    client = with_token(log_in("steward").data["token"])

    assert client.post("/api/v1/logout/").status_code == 204
    assert client.get("/api/v1/jobs/").status_code == 401


def test_the_eleventh_try_in_a_minute_is_refused_for_that_user_name_only(steward, expert):
    tries = [log_in("steward", "guess").status_code for _ in range(10)]
    refused = log_in("steward")

    assert set(tries) == {401}
    assert refused.status_code == 429
    assert refused.json()["code"] == "throttled"
    assert int(refused["Retry-After"]) > 0
    assert log_in("expert").status_code == 200


@pytest.mark.parametrize("body", [[], {}, {"username": "steward"}, {"username": ["x"], "password": {}}])
def test_a_body_that_is_no_credentials_names_the_field(db, body):
    answer = APIClient().post("/api/v1/login/", body)

    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid_input"
