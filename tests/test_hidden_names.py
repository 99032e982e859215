"""What a row was made from and somebody may not see has no name for them: on no page, in no list, by no search."""

from __future__ import annotations

import pytest
from django.contrib.admin import site

from governance.admin_base import DeskAdmin
from governance.models.collections import Collection
from tests.labeling.factories import share_with
from tests.world import make_world, own_models
from workbench.endpoints import services as endpoints
from workbench.models import Sheet

pytestmark = pytest.mark.django_db
SECRET, OWN = "undisclosed", "ordinary"
COLLECTIONS = [model for model in own_models() if issubclass(model, Collection)]
DESKS = {model for model, desk in site._registry.items() if isinstance(desk, DeskAdmin)}
MEMBERS = [model for model in own_models() if hasattr(model, "visible_through") and model in DESKS]


@pytest.fixture
def worlds(stranger, make_user):
    """Everything of somebody else, one collection of it renamed and shared, the others with a word of their own."""
    keeper = make_user("keeper", "data-steward", "domain-expert", "ml-engineer", "agent-developer")
    return make_world(SECRET, keeper), keeper


@pytest.mark.parametrize("model", COLLECTIONS, ids=lambda model: model._meta.model_name)
def test_a_shared_row_names_nothing_that_was_not_shared(model, worlds, stranger, client):
    world, keeper = worlds
    row = world[model]
    with_name = {"name": f"{OWN} row", "description": "of everybody"}
    model.objects.filter(pk=row.pk).update(**with_name)
    share_with(model.objects.get(pk=row.pk), stranger, keeper)
    client.force_login(stranger)
    base = f"/admin/{model._meta.app_label}/{model._meta.model_name}"

    listed = client.get(f"{base}/").content.decode()
    page = client.get(f"{base}/{row.pk}/change/").content.decode()
    found = client.get(f"{base}/", {"q": SECRET}).content.decode()

    assert OWN in listed and OWN in page
    others = {world[other].name for other in COLLECTIONS if other is not model}
    assert len(others) == len(COLLECTIONS) - 1 >= 7
    assert {name for name in others if name in listed} == set()
    assert {name for name in others if name in page} == set()
    assert f"{row.pk}/change/" not in found


def collection_of(row):
    while not isinstance(row, Collection):
        row = getattr(row, row.visible_through)
    return row


@pytest.mark.parametrize("model", MEMBERS, ids=lambda model: model._meta.model_name)
def test_what_follows_a_shared_row_names_nothing_that_was_not_shared(model, worlds, stranger, client):
    world, keeper = worlds
    shared = collection_of(world[model])
    share_with(shared, stranger, keeper)
    client.force_login(stranger)
    base = f"/admin/{model._meta.app_label}/{model._meta.model_name}"

    listed = client.get(f"{base}/").content.decode()
    page = client.get(f"{base}/{world[model].pk}/change/").content.decode()

    others = {world[other].name for other in COLLECTIONS if world[other] != shared}
    assert {name for name in others if name in listed} == set()
    assert {name for name in others if name in page} == set()


def test_a_filter_of_a_list_names_nothing_that_was_not_shared(worlds, stranger, client):
    world, keeper = worlds
    Sheet.objects.filter(pk=world[Sheet].pk).update(name=OWN)
    share_with(Sheet.objects.get(), stranger, keeper)
    client.force_login(stranger)

    assert SECRET not in client.get("/admin/workbench/sheet/").content.decode()


@pytest.mark.parametrize("lookup", ["sealed_key__startswith", "sealed_key", "sealed_key__regex"])
def test_a_stored_key_is_not_read_letter_by_letter(lookup, engineer, client):
    endpoints.create_endpoint(
        by=engineer, name="Far", engine="openai", base_url="https://one.example/v1", model_name="m", api_key="sk-1"
    )
    client.force_login(engineer)

    assert client.get("/admin/workbench/modelendpoint/", {lookup: "g"}).status_code == 400


def test_a_token_is_not_read_letter_by_letter(officer, client):
    client.force_login(officer)

    assert client.get("/admin/governance/apitoken/", {"digest__startswith": "a"}).status_code == 400
