"""Every operation of the API, called with generated values: no request may break the site or show a stranger a row.

The values follow the published schema, and break it on purpose in some examples. Ids are often those of real rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from django.urls import resolve
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from governance.models import User
from governance.sign_in.scopes import SCOPES
from governance.sign_in.services import make_token
from tests.world import World, make_world

pytestmark = pytest.mark.one_database

WORD = "zanzibar"
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
# Left out, each with its reason.
LEFT_OUT = {
    "POST /api/v1/endpoints/{id}/test/": "calls the model server of the endpoint",
    "POST /api/v1/model-versions/{id}/set-alias/": "asks MLflow, which knows nothing of rows made here: 502",
    "POST /api/v1/logout/": "gives up the token that the test itself uses",
    "POST /api/v1/login/": "tests/governance/test_login.py; ten tries a minute",
}
RAW_SCHEMA: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
NOUNS = sorted({one["tags"][0] for methods in RAW_SCHEMA["paths"].values() for one in methods.values()})

known_ids: list[UUID] = []


def known_id(number: int) -> UUID:
    return known_ids[number % len(known_ids)] if known_ids else UUID(int=number)


schemathesis.openapi.format("uuid", st.one_of(st.uuids(), st.integers(0, 10**6).map(known_id)).map(str))


@pytest.fixture(autouse=True)
def _one_connection() -> Iterator[None]:
    """A server closes connections between requests; here they are inside the test's transaction."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def operations() -> dict[str, list[APIOperation]]:
    """By noun."""
    schema = schemathesis.openapi.from_dict(RAW_SCHEMA)
    schema.app = get_wsgi_application()
    found: dict[str, list[APIOperation]] = {}
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.label not in LEFT_OUT:
            found.setdefault(operation.tags[0], []).append(operation)
    return found


@pytest.fixture
def world(engineer: User) -> Iterator[World]:
    """A row of everything, owned by the ML engineer."""
    made = make_world(WORD, engineer)
    known_ids[:] = [row.pk for row in made.values() if isinstance(row.pk, UUID)]
    yield made
    known_ids.clear()


def own_row(operation: APIOperation, world: World) -> str | None:
    """The id of the row in `world` that the operation is about, where its path names one."""
    if "{id}" not in operation.path:
        return None
    view = resolve(operation.path.replace("{id}", str(UUID(int=0)))).func
    row = world.get(view.cls.queryset.model)
    return str(row.pk) if row is not None else None


def call(case: Case, user: User) -> schemathesis.Response:
    """As one request of `user`, undone afterwards so that each starts from the same rows."""
    with transaction.atomic():
        _, token = make_token(user=user, by=None, name="fuzz", scopes=SCOPES)
        response = case.call(headers={"Authorization": f"Token {token}"})
        transaction.set_rollback(True)
    return response


def fuzz(operation: APIOperation, world: World, user: User, examples: int) -> None:
    row = own_row(operation, world)
    cases = st.one_of(
        operation.as_strategy(generation_mode=GenerationMode.POSITIVE),
        operation.as_strategy(generation_mode=GenerationMode.NEGATIVE),
    )

    @settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck),
        phases=(Phase.generate,), derandomize=True,
    )  # fmt: skip
    @given(case=cases, of_own_row=st.booleans())
    def one(case: Case, of_own_row: bool) -> None:
        if row is not None and of_own_row:
            case.path_parameters["id"] = row
        response = call(case, user)
        case.validate_response(response, checks=CHECKS)
        if user.username == "stranger":
            assert WORD not in response.text, f"{case.as_curl_command()} shows a row of someone else"

    one()


@pytest.mark.parametrize("noun", NOUNS)
def test_no_generated_request_breaks_the_site(noun, operations, world, engineer):
    for operation in operations.get(noun, []):
        fuzz(operation, world, engineer, examples=2)


@pytest.mark.parametrize("noun", NOUNS)
def test_no_generated_request_shows_a_stranger_anything(noun, operations, world, stranger):
    for operation in operations.get(noun, []):
        fuzz(operation, world, stranger, examples=1)


@pytest.mark.proof
@pytest.mark.parametrize("noun", NOUNS)
def test_no_generated_request_breaks_the_site_at_full_size(noun, operations, world, engineer, stranger):
    for operation in operations.get(noun, []):
        fuzz(operation, world, engineer, examples=100)
        fuzz(operation, world, stranger, examples=30)


def test_what_is_left_out_still_exists():
    known = {f"{method.upper()} {path}" for path, methods in RAW_SCHEMA["paths"].items() for method in methods}

    assert set(LEFT_OUT) <= known
