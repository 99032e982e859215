"""Every governed row by REST has a tag, and every change of one can name the state that it is about."""

from __future__ import annotations

import threading
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.urls import resolve
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from governance.api.etags import ConditionalRequests
from governance.api.schema import WITHOUT_TAG
from governance.models import User
from tests.world import World, make_world
from workbench.models import ModelEndpoint, Sheet

PATHS: dict[str, dict[str, Any]] = SchemaGenerator().get_schema(request=None, public=True)["paths"]
DETAILS = sorted(path for path, methods in PATHS.items() if path.endswith("{id}/") and "get" in methods)
CHANGES = sorted(
    (method, path)
    for path, methods in PATHS.items()
    for method in methods
    if method != "get" and "{id}/" in path and methods[method]["tags"][0] not in WITHOUT_TAG
)
STALE = '"of another time"'


@pytest.fixture
def everybody(make_user) -> User:
    """Holds every role and owns every row, so that no refusal but the one in question comes in between."""
    user = make_user("everybody")
    user.is_superuser = True
    user.save()
    return user


@pytest.fixture
def world(everybody) -> World:
    return make_world("zanzibar", everybody)


def view_of(path: str) -> Any:
    return resolve(path.replace("{id}", str(UUID(int=0)))).func.cls


def address(path: str, world: World) -> str:
    return path.replace("{id}", str(row_of(path, world).pk))


def row_of(path: str, world: World) -> Any:
    model = view_of(path).queryset.model
    if model not in world:  # entries and checkpoints of the record, which triggers and seals write
        from governance.record import sealing

        sealing.seal()
        return model.objects.first()
    return world[model]


def is_tagged(path: str) -> bool:
    return issubclass(view_of(path), ConditionalRequests)


def test_every_detail_and_every_change_of_a_row_is_tagged_but_for_those_that_are_no_rows(capsys):
    without = {path for path in [*DETAILS, *(path for _, path in CHANGES)] if not is_tagged(path)}

    assert {PATHS[path]["get"]["tags"][0] for path in without} <= WITHOUT_TAG
    with capsys.disabled():
        print(f"\n{len(DETAILS)} details with a tag, {len(CHANGES)} changes that take If-Match", end=" ")  # noqa: T201


@pytest.mark.one_database
@pytest.mark.parametrize("path", [path for path in DETAILS if is_tagged(path)])
def test_a_detail_has_a_strong_tag_that_answers_304_and_costs_no_query(path, world, api, everybody):
    client = api(everybody)
    where = address(path, world)

    first = client.get(where)
    with CaptureQueriesContext(connection) as plainly:
        client.get(where)
    with CaptureQueriesContext(connection) as conditionally:
        again = client.get(where, headers={"If-None-Match": f'"x", {first["ETag"]}'})

    assert first.status_code == 200 and first["ETag"].startswith('"') and len(first["ETag"]) > 20
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    assert len(conditionally) == len(plainly)
    assert client.get(where, headers={"If-None-Match": STALE}).status_code == 200


@pytest.mark.one_database
@pytest.mark.parametrize(("method", "path"), CHANGES, ids=[f"{method} {path}" for method, path in CHANGES])
def test_a_change_on_another_state_is_refused_before_anything_is_done(method, path, world, api, everybody):
    client = api(everybody)
    where = address(path, world)
    model = view_of(path).queryset.model
    before = list(model._base_manager.values())

    answer = getattr(client, method)(where, {}, headers={"If-Match": STALE})

    assert answer.status_code == 412, answer.content
    assert answer["Content-Type"].startswith("application/problem+json")
    assert answer.json()["code"] == "stale_version"
    assert list(model._base_manager.values()) == before


def test_a_refusal_names_the_fields_that_differ_and_the_new_tag(world, api, everybody):
    client, row = api(everybody), world[ModelEndpoint]
    where = f"/api/v1/endpoints/{row.pk}/"
    seen = client.get(where)["ETag"]
    client.patch(where, {"description": "faster", "timeout_seconds": 7})

    refused = client.patch(where, {"name": "Mine"}, headers={"If-Match": seen})
    repeated = client.patch(where, {"name": "Mine"}, headers={"If-Match": refused.json()["etag"]})

    assert refused.json()["changed"] == ["description", "timeout_seconds"]
    assert "These fields differ: description, timeout_seconds." in refused.json()["detail"]
    assert (repeated.status_code, repeated.json()["name"]) == (200, "Mine")


@pytest.mark.parametrize(
    ("header", "status"),
    [("*", 200), ('"a", {}', 200), ("W/{}", 412), ("nonsense", 412), ("", 412), ('"{}"', 412)],
)
def test_if_match_is_read_as_the_standard_says(header, status, world, api, everybody):
    client = api(everybody)
    where = f"/api/v1/endpoints/{world[ModelEndpoint].pk}/"
    tag = client.get(where)["ETag"]

    answer = client.patch(where, {"description": "x"}, headers={"If-Match": header.replace("{}", tag)})

    assert answer.status_code == status


def test_a_row_that_one_may_not_see_is_not_there_whatever_the_tag(world, api, stranger):
    where = f"/api/v1/sheets/{world[Sheet].pk}/tighten/"

    for tag in ("*", STALE):
        assert api(stranger).post(where, {}, headers={"If-Match": tag}).status_code == 404


def test_a_key_that_was_answered_before_is_answered_again_though_the_row_has_changed(world, api, everybody):
    client = api(everybody)
    row = ModelEndpoint.objects.create(name="Mine", engine="nearest_neighbour", created_by=everybody)
    where = f"/api/v1/endpoints/{row.pk}/"
    tag = client.get(where)["ETag"]
    ask = {"max_classification": "restricted", "reason": "needed"}
    headers = {"If-Match": tag, "Idempotency-Key": "one"}
    first = client.post(f"{where}request-clearance/", ask, headers=headers)
    client.patch(where, {"description": "changed meanwhile"})

    again = client.post(f"{where}request-clearance/", ask, headers=headers)

    assert first.status_code == 202
    assert (again.status_code, again.json()) == (202, first.json())


@pytest.mark.postgres
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite in memory refuses the second instead of waiting")
@pytest.mark.django_db(transaction=True)
def test_of_two_changes_on_the_same_state_one_is_made(everybody):
    row = ModelEndpoint.objects.create(
        name="Contended", engine="nearest_neighbour", max_classification=1, created_by=everybody
    )
    where = f"/api/v1/endpoints/{row.pk}/"
    tag = _signed_in(everybody).get(where)["ETag"]
    answers: list[int] = []
    start = threading.Barrier(2)

    def change(word: str) -> None:
        client = _signed_in(everybody)
        start.wait()
        try:
            answers.append(client.patch(where, {"description": word}, headers={"If-Match": tag}).status_code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=change, args=(word,)) for word in ("left", "right")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers) == [200, 412]


def _signed_in(user: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client
