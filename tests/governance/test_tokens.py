"""Tokens for programs: hashed, scoped, ending, revocable; and who may give which."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from governance.errors import InvalidInput, NotPermitted
from governance.models import ApiToken, Approval, RecordEntry, User
from governance.sign_in import services
from governance.sign_in.scopes import SCOPES
from tests.governance.test_sign_in import age, log_in, relaxation  # noqa: F401 - a fixture

EXPORT = "/api/v1/canonical-labels/export/?sheet=0190a000-0000-7000-8000-000000000000&label_type=x&use=testing"


@pytest.fixture
def administrator(make_user) -> User:
    root = make_user("root")
    root.is_superuser = True
    root.save()
    return root


def carrying(text: str, word: str = "Token") -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"{word} {text}")
    return client


def made(user: User, *scopes: str, by: User | None = None, days: int = 90) -> tuple[ApiToken, str]:
    return services.make_token(user=user, by=by or user, name="a program", scopes=scopes, days=days)


def test_only_the_digest_of_a_token_is_kept_and_the_record_does_not_have_even_that(steward):
    token, text = made(steward, "read")

    assert text.startswith("wb_") and len(text) >= 46
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM governance_apitoken")
        assert text not in str(cursor.fetchall())
    [entry] = RecordEntry.objects.filter(kind="governance.apitoken").with_values()
    assert token.digest not in json.dumps(entry.said)
    assert entry.said["new"]["scopes"]


def test_a_token_acts_for_its_account_with_either_word(steward):
    _, text = made(steward, "read")

    assert carrying(text).get("/api/v1/jobs/").status_code == 200
    assert carrying(text, "Bearer").get("/api/v1/jobs/").status_code == 200
    assert carrying(text + "x").get("/api/v1/jobs/").status_code == 401
    assert carrying(f"{text} {text}").get("/api/v1/jobs/").status_code == 401


def test_what_a_token_does_is_on_record_as_its_persons(steward):
    token, text = made(steward, "read", "write")

    carrying(text).post(f"/api/v1/tokens/{token.pk}/revoke/")

    entry = RecordEntry.objects.filter(kind="governance.apitoken", operation="update").with_values().get()
    assert (entry.said["actor"], entry.door) == ("Steward", "api")


@pytest.mark.parametrize(
    ("method", "address", "needed"),
    [
        ("get", "/api/v1/jobs/", "read"),
        ("get", "/api/v1/sheets/", "read"),
        ("post", "/api/v1/sheets/", "write"),
        ("post", "/api/v1/jobs/0190a000-0000-7000-8000-000000000000/cancel/", "write"),
        ("get", EXPORT, "export"),
        ("get", "/api/v1/constraint-changes/csv/", "export"),
        ("post", "/api/v1/evidence/", "export"),
        ("get", "/api/v1/exports/0190a000-0000-7000-8000-000000000000/download/", "export"),
    ],
)
@pytest.mark.parametrize("scope", list(SCOPES))
def test_each_scope_opens_its_own_and_nothing_else(scope, method, address, needed, steward, administrator):
    _, text = made(steward, scope, by=administrator)

    answer = getattr(carrying(text), method)(address)

    missing = answer.status_code == 403 and answer.json()["code"] == "scope_missing"
    assert missing == (scope != needed)


def test_an_expired_a_revoked_and_an_inactive_accounts_token_are_out(steward):
    expired, first = made(steward, "read", days=1)
    revoked, second = made(steward, "read")
    _, third = made(steward, "read")
    ApiToken.objects.filter(pk=expired.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    services.revoke_token(token=revoked, by=steward)

    assert [carrying(one).get("/api/v1/jobs/").status_code for one in (first, second, third)] == [401, 401, 200]
    steward.is_active = False
    steward.save()
    assert carrying(third).get("/api/v1/jobs/").status_code == 401


def test_the_last_use_is_written_at_most_once_a_minute(steward):
    token, text = made(steward, "read")
    carrying(text).get("/api/v1/jobs/")
    token.refresh_from_db()
    first = token.last_used_at
    assert first is not None

    carrying(text).get("/api/v1/jobs/")
    token.refresh_from_db()
    assert token.last_used_at == first
    ApiToken.objects.update(last_used_at=first - timedelta(minutes=2))
    carrying(text).get("/api/v1/jobs/")
    token.refresh_from_db()
    assert token.last_used_at > first


def test_approve_is_given_by_an_administrator_only_and_that_is_on_record(officer, administrator):
    with pytest.raises(NotPermitted, match="administrator"):
        made(officer, "read", "approve")

    token, _ = made(officer, "read", "approve", by=administrator)

    assert token.created_by == administrator
    [entry] = RecordEntry.objects.filter(kind="governance.apitoken").with_values()
    assert entry.said["actor"] == "Root"
    assert "approve" in entry.said["reason"]


def test_nobody_but_an_administrator_makes_a_token_for_someone_else(steward, expert):
    with pytest.raises(NotPermitted):
        made(expert, "read", by=steward)


@pytest.mark.parametrize(
    "wrong", [{"scopes": []}, {"scopes": ["everything"]}, {"days": 0}, {"days": 9999}, {"name": " "}]
)
def test_a_token_without_a_name_a_scope_or_an_end_is_refused(wrong, steward):
    good: dict[str, Any] = {"name": "a program", "scopes": ["read"], "days": 90}

    with pytest.raises(InvalidInput) as refused:
        services.make_token(user=steward, by=steward, **(good | wrong))

    assert refused.value.field == next(iter(wrong))


def test_a_token_without_the_scope_signs_nothing_and_one_with_it_does(relaxation, officer, administrator):  # noqa: F811
    _, plain = made(officer, "read", "write")
    _, signing = made(officer, "read", "write", "approve", by=administrator)
    address = f"/api/v1/approvals/{relaxation.pk}/approve/"

    refused = carrying(plain).post(address, {"comment": "fine"})
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
    assert not Approval.objects.exists()
    assert carrying(signing).post(address, {"comment": "fine"}).status_code == 200
    assert Approval.objects.get().authenticated_at is not None


def test_a_login_lasts_twelve_hours_and_may_not_sign(relaxation, officer):  # noqa: F811
    answer = APIClient().post("/api/v1/login/", {"username": "officer", "password": "a long password for tests"})

    assert answer.data["scopes"] == ["read", "write", "export", "retrieve"]
    left = answer.data["expires_at"] - timezone.now()
    assert timedelta(hours=11, minutes=59) < left <= timedelta(hours=12)
    refused = carrying(answer.data["token"]).post(f"/api/v1/approvals/{relaxation.pk}/approve/", {"comment": "fine"})
    assert refused.json()["code"] == "scope_missing"


def test_a_token_makes_no_tokens(steward):
    _, text = made(steward, "read", "write")

    answer = carrying(text).post("/api/v1/tokens/", {"name": "more", "scopes": ["read"]})

    assert answer.status_code == 403
    assert ApiToken.objects.count() == 1


def test_by_rest_one_makes_lists_and_revokes_ones_own_only(steward, expert, api):
    other, _ = made(expert, "read")
    client = api(steward)

    answer = client.post("/api/v1/tokens/", {"name": "nightly", "scopes": ["read", "export"], "days": 30})
    assert answer.status_code == 201
    text = answer.data["token"]
    assert carrying(text).get("/api/v1/jobs/").status_code == 200
    [listed] = client.get("/api/v1/tokens/").json()["results"]
    assert listed["name"] == "nightly" and "token" not in listed
    assert client.post(f"/api/v1/tokens/{other.pk}/revoke/").status_code == 404
    assert client.post(f"/api/v1/tokens/{listed['id']}/revoke/").json()["state"] == "revoked"
    assert carrying(text).get("/api/v1/jobs/").status_code == 401


def test_in_the_portal_a_token_is_shown_once(steward, client: Client):
    log_in(client, "steward")

    page = client.post("/account/tokens/", {"name": "nightly", "scopes": ["read"], "days": "30"}).content.decode()
    token = ApiToken.objects.get()
    assert 'id="new-token">wb_' in page
    again = client.get("/account/tokens/").content.decode()
    assert "nightly" in again and 'id="new-token"' not in again
    client.post(f"/account/tokens/{token.pk}/revoke/")

    token.refresh_from_db()
    assert token.revoked_at is not None


def test_in_the_portal_a_token_needs_recent_proof_and_the_form_comes_back(steward, client: Client):
    log_in(client, "steward")
    age(client, 16)

    sent = client.post("/account/tokens/", {"name": "nightly", "scopes": ["read"], "days": "30"})
    assert sent["Location"] == "/account/reauthenticate/?next=%2Faccount%2Ftokens%2F"
    proved = {"password": "a long password for tests", "next": "/account/tokens/"}
    back = client.post("/account/reauthenticate/", proved, follow=True)

    assert 'value="nightly"' in back.content.decode()
    assert not ApiToken.objects.exists()


def test_approve_is_not_offered_to_who_may_not_give_it(steward, client: Client):
    log_in(client, "steward")

    assert 'value="approve"' not in client.get("/account/tokens/").content.decode()
    client.post("/account/tokens/", {"name": "x", "scopes": ["approve"], "days": "30"})
    assert not ApiToken.objects.exists()


def test_the_command_makes_a_token_that_may_sign_and_prints_it_alone(officer):
    printed, said = io.StringIO(), io.StringIO()

    call_command("api_token", user="officer", scopes="read,write,approve", days=1, stdout=printed, stderr=said)

    token = ApiToken.objects.get()
    assert services.living_token(printed.getvalue().strip()) == token
    assert token.scopes == ["read", "write", "approve"]
    with pytest.raises(CommandError, match="no account"):
        call_command("api_token", user="nobody", scopes="read")
    with pytest.raises(CommandError, match="no scope"):
        call_command("api_token", user="officer", scopes="all")
