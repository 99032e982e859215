"""Every list of the portal and of the API opens, also with a search, in a number of queries that stays the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection, models
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from governance.models import Checkpoint, Person, RecordEntry, RoleDescription
from tests.world import World, make_world, multiply, own_models

AT_MOST = 20
FEW, MANY = 10, 1_000
FIXED = {RoleDescription}  # one row for each role of the code; there will never be a thousand
ADMINISTRATORS_ONLY = {Person}

BY_TRIGGERS = {RecordEntry, Checkpoint}
LISTED = [
    model
    for model in admin.site._registry
    if model in {*own_models(), *BY_TRIGGERS} and model not in ADMINISTRATORS_ONLY
]
LARGE = [
    "labeling.QAPair", "labeling.CanonicalLabel", "governance.Job", "governance.ConstraintChange",
    "governance.ApprovalRequest", "training.DatasetVersion", "training.TrainingRun", "training.Evaluation",
    "workbench.Sheet", "workbench.CatalogObject",
]  # fmt: skip


def api_lists() -> dict[str, type[models.Model]]:
    """Path of every list under /api/v1/, with the model that it lists."""
    found = {}
    for path, pattern in _patterns(get_resolver().url_patterns):
        queryset = getattr(getattr(pattern.callback, "cls", None), "queryset", None)
        if path.startswith("api/v1/") and (pattern.name or "").endswith("-list") and queryset is not None:
            found["/" + path.replace("$", "").replace("^", "")] = queryset.model
    return found


def _patterns(entries: Any, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for entry in entries:
        path = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from _patterns(entry.url_patterns, path)
        else:
            yield path, entry


@pytest.fixture
def auditor(make_user) -> Any:
    """Someone who may see every list: the compliance officer, who steers endpoints and accounts besides."""
    return make_user("auditor", "compliance-officer", "data-steward", "ml-engineer")


@pytest.fixture
def world(make_user) -> World:
    return make_world("zanzibar", make_user("owner"))


def add_rows(world: World, model: type[models.Model], count: int) -> None:
    if model is RecordEntry:
        Person.objects.bulk_create(Person(name=f"person {place}") for place in range(count))
    elif model is Checkpoint:
        before = Checkpoint.objects.count()
        Checkpoint.objects.bulk_create(
            Checkpoint(number=number, size=number, sealed_at="2026-11-21T12:00:00.000000Z")
            for number in range(before + 1, before + count + 1)
        )
    elif model not in FIXED:
        multiply(world[model], count, start=count)


def queries_of(client: Any, path: str) -> int:
    client.get(path)  # whatever is cached for good is cached by now
    with CaptureQueriesContext(connection) as seen:
        answer = client.get(path)
    assert answer.status_code == 200, f"{path} answered {answer.status_code}: {answer.content[:500]!r}"
    return len(seen)


def list_of(model: type[models.Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


@pytest.mark.parametrize("model", LISTED, ids=lambda model: model._meta.label)
def test_every_list_of_the_portal_opens_with_the_same_few_queries(model, world, auditor, client):
    client.force_login(auditor)
    add_rows(world, model, FEW)
    few = queries_of(client, list_of(model))
    searching = queries_of(client, list_of(model) + "?q=x")
    add_rows(world, model, MANY)

    many = queries_of(client, list_of(model))

    assert many <= few, f"{few} queries at {FEW} rows, {many} at {MANY}"
    assert max(few, searching) <= AT_MOST


@pytest.mark.parametrize("path", api_lists())
def test_every_list_of_the_api_answers_with_the_same_few_queries(path, world, auditor, client):
    client.force_login(auditor)
    model = api_lists()[path]
    add_rows(world, model, FEW)
    few = queries_of(client, path)
    add_rows(world, model, MANY)

    many = queries_of(client, path)

    assert many <= few <= AT_MOST, f"{few} queries at {FEW} rows, {many} at {MANY}"


@pytest.mark.parametrize("label", LARGE)
def test_the_tables_that_grow_have_a_list_in_the_portal_or_in_the_api(label):
    shown = {model._meta.label for model in (*LISTED, *api_lists().values())}

    assert label in shown
