"""A creating request that is sent twice is done once; and nobody sends too many."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from governance.models import KeptAnswer
from labeling.models import UseCase

BODY = {"name": "Invoices", "description": "What we bill."}


def create(client: APIClient, key: str, body: dict[str, str] = BODY):
    return client.post("/api/v1/use-cases/", body, headers={"Idempotency-Key": key})


def test_the_same_request_with_the_same_key_makes_one_row_and_answers_the_same(steward, api):
    first, second = create(api(steward), "k-1"), create(api(steward), "k-1")

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert second["Idempotent-Replayed"] == "true" and "Idempotent-Replayed" not in first
    assert UseCase.objects.count() == 1


def test_without_a_key_and_with_another_key_it_is_another_request(steward, api):
    create(api(steward), "k-1")
    create(api(steward), "k-2", BODY | {"name": "Letters"})
    api(steward).post("/api/v1/use-cases/", BODY | {"name": "Boards"})

    assert UseCase.objects.count() == 3


def test_a_key_with_another_body_is_refused(steward, api):
    create(api(steward), "k-1")

    answer = create(api(steward), "k-1", BODY | {"name": "Letters"})

    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert UseCase.objects.count() == 1


def test_keys_of_two_people_have_nothing_to_do_with_each_other(steward, engineer, api):
    assert create(api(steward), "k-1").json()["id"] != create(api(engineer), "k-1").json()["id"]


def test_what_was_refused_is_not_kept(steward, api):
    assert create(api(steward), "k-1", {"name": ""}).status_code == 400

    assert not KeptAnswer.objects.exists()
    assert create(api(steward), "k-1").status_code == 201


def test_an_answer_is_kept_encrypted_and_for_a_day(steward, api):
    create(api(steward), "k-1")
    assert "bill" not in KeptAnswer.objects.get().body
    KeptAnswer.objects.update(created_at=timezone.now() - timedelta(hours=25))

    create(api(steward), "k-2", BODY | {"name": "Letters"})

    assert [kept.key for kept in KeptAnswer.objects.all()] == ["k-2"]


@pytest.mark.parametrize("key", ["", "x" * 201, "a\tb"])
def test_a_key_that_cannot_be_used_is_refused(key, steward, api):
    assert create(api(steward), key).json()["code"] == "invalid_input"
    assert not UseCase.objects.exists()


def test_a_token_is_never_kept(steward, api):
    answer = api(steward).post("/api/v1/tokens/", {"name": "x", "scopes": ["read"]}, headers={"Idempotency-Key": "k-1"})

    assert answer.status_code == 400
    assert not KeptAnswer.objects.exists()


@pytest.mark.postgres
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite in memory refuses the second instead of waiting")
@pytest.mark.django_db(transaction=True)
def test_two_at_the_same_moment_make_one_row(steward):
    clients = [APIClient(), APIClient()]
    for client in clients:
        client.force_login(steward)
    start, answers = threading.Barrier(2), []

    def send(client: APIClient) -> None:
        start.wait()
        try:
            answers.append(create(client, "k-1"))
        finally:
            connection.close()

    threads = [threading.Thread(target=send, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert UseCase.objects.count() == 1


def test_more_requests_a_minute_than_the_settings_allow_are_refused(steward, expert, api, settings):
    settings.REQUESTS_A_MINUTE = 3
    client = api(steward)

    codes = [client.get("/api/v1/jobs/") for _ in range(4)]

    assert [answer.status_code for answer in codes] == [200, 200, 200, 429]
    assert 0 < int(codes[-1]["Retry-After"]) <= 60
    assert api(expert).get("/api/v1/jobs/").status_code == 200
