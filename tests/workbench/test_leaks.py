"""Ways around what others own: folders, stored keys, clearances; and input that no one should be able to break."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from governance.approvals.selectors import open_request
from governance.errors import InvalidInput, NotPermitted, SameApprover
from governance.models import User
from governance.uses import Classification, classification_of
from tests.workbench.factories import make_connection, sign
from workbench.catalogs.services import create_connection, update_connection
from workbench.endpoints import services
from workbench.endpoints.errors import KeyNotAllowed
from workbench.endpoints.models import ModelEndpoint

PLACE = {"base_url": "https://models.example/v1", "model_name": "small"}


@pytest.fixture
def endpoint(engineer) -> ModelEndpoint:
    return services.create_endpoint(by=engineer, name="Small", **PLACE)


def cleared(endpoint: ModelEndpoint, by: User, officer: User) -> ModelEndpoint:
    request = services.request_clearance(
        endpoint=endpoint, max_classification=Classification.RESTRICTED, reason="runs in our rooms", by=by
    )
    sign(request, officer)
    return ModelEndpoint.objects.get(pk=endpoint.pk)


@pytest.mark.parametrize("below", ["", "desk", "desk/.."])
def test_a_folder_of_anothers_connection_is_not_read_through_a_second_one(steward, stranger, settings, below):
    make_connection(steward)

    with pytest.raises(InvalidInput, match="belongs to a connection that you do not own") as refused:
        create_connection(by=stranger, name="Mine", location=str(settings.CATALOG_ROOT / below))

    assert refused.value.field == "location"
    assert "Desk data" not in refused.value.message


def test_a_folder_around_anothers_connection_is_refused_too(steward, stranger, settings):
    (settings.CATALOG_ROOT / "part").mkdir(parents=True)
    (settings.CATALOG_ROOT / "own").mkdir()
    create_connection(by=steward, name="Part", location=str(settings.CATALOG_ROOT / "part"))
    own = create_connection(by=stranger, name="Own", location=str(settings.CATALOG_ROOT / "own"))

    with pytest.raises(InvalidInput, match="that you do not own"):
        create_connection(by=stranger, name="Everything")
    with pytest.raises(InvalidInput, match="that you do not own"):
        update_connection(connection=own, by=stranger, location="")


def test_owners_and_superusers_may_read_one_folder_twice(steward, make_user):
    make_connection(steward)
    root = make_user("root")
    root.is_superuser = True
    root.save()

    assert create_connection(by=steward, name="Again").owner == steward
    assert create_connection(by=root, name="And again").owner == root


def test_no_connection_reads_the_inside_of_a_volume(steward, settings):
    make_connection(steward)

    for below in ("desk/volumes", "desk/volumes/shots"):
        with pytest.raises(InvalidInput, match="lies inside a “volumes” folder") as refused:
            create_connection(by=steward, name="Shots", location=str(settings.CATALOG_ROOT / below))
        assert refused.value.field == "location"


def test_a_key_for_https_is_not_sent_in_clear(endpoint, engineer):
    services.update_endpoint(endpoint=endpoint, by=engineer, api_key="sk-1")

    with pytest.raises(KeyNotAllowed, match=r"belongs to https://models\.example"):
        services.update_endpoint(endpoint=endpoint, by=engineer, base_url="http://models.example/v1")


def test_the_builder_knows_no_connection_that_is_no_id(steward):
    client = Client()
    client.force_login(steward)

    assert client.get("/admin/data/sheets/new/?connection=zz").status_code == 404


@pytest.mark.parametrize("body", ['{"name": "a\\ud800"}', '{"\\udfff": 1}', '[["\\ud83d"]]'])
def test_half_a_character_is_refused_in_words(api, steward, body):
    answer = api(steward).post("/api/v1/connections/", body, content_type="application/json")

    assert answer.status_code == 400
    assert "half of a character" in answer.content.decode()


def test_a_whole_character_beyond_the_basic_plane_is_no_half_one(api, steward, settings):
    settings.CATALOG_ROOT.mkdir()
    body = '{"name": "\\ud83d\\ude00"}'

    assert api(steward).post("/api/v1/connections/", body, content_type="application/json").status_code == 201


@pytest.mark.parametrize("name", [[], {}, None, [1]])
def test_what_is_no_name_is_no_classification(name):
    with pytest.raises(InvalidInput, match="is no classification"):
        classification_of(name)


def test_an_endpoint_is_changed_by_its_creator_or_a_superuser(endpoint, agent, make_user):
    own = ModelEndpoint.objects.create(name="Embedded", engine="nearest_neighbour")
    root = make_user("root")
    root.is_superuser = True
    root.save()

    for row in (endpoint, own):
        with pytest.raises(NotPermitted, match=r"Only .* may change"):
            services.update_endpoint(endpoint=row, by=agent, is_active=False)
        with pytest.raises(NotPermitted):
            services.request_clearance(endpoint=row, max_classification=3, reason="why not", by=agent)
        assert services.update_endpoint(endpoint=row, by=root, retries=0).retries == 0


def test_nobody_alone_lets_an_endpoint_receive_more_than_internal(endpoint, engineer):
    for refuse in (
        lambda: services.create_endpoint(by=engineer, name="New", max_classification=2, **PLACE),
        lambda: services.update_endpoint(endpoint=endpoint, by=engineer, max_classification=2),
    ):
        with pytest.raises(InvalidInput, match="ask for clearance") as refused:
            refuse()
        assert refused.value.field == "max_classification"


def test_an_officer_clears_an_endpoint_and_another_address_ends_it(endpoint, engineer, officer):
    endpoint = cleared(endpoint, engineer, officer)
    assert endpoint.max_classification == Classification.RESTRICTED

    kept = services.update_endpoint(endpoint=endpoint, by=engineer, retries=1, max_classification=3)
    assert kept.max_classification == Classification.RESTRICTED
    moved = services.update_endpoint(
        endpoint=endpoint, by=engineer, base_url="https://evil.example/v1", max_classification=3
    )
    assert moved.max_classification == Classification.INTERNAL


def test_the_creator_does_not_sign_the_clearance(make_user):
    both = make_user("both", "ml-engineer", "compliance-officer")
    made = services.create_endpoint(by=both, name="Own", **PLACE)

    with pytest.raises(SameApprover):
        cleared(made, both, both)


def test_clearance_is_asked_for_on_the_page_and_through_the_api(api, endpoint, engineer, agent):
    client, page = Client(), reverse("admin:workbench_modelendpoint_change", args=[endpoint.pk])
    client.force_login(engineer)

    shown = client.get(page).content.decode()
    assert "Ask for clearance" in shown and ">restricted</option>" not in shown
    form = client.get(reverse("admin:workbench_modelendpoint_step", args=[endpoint.pk, "clearance"]))
    assert ">restricted</option>" in form.content.decode() and ">public</option>" not in form.content.decode()
    url = f"/api/v1/endpoints/{endpoint.pk}/request-clearance/"
    body = {"max_classification": "restricted", "reason": "runs in our rooms"}
    assert api(agent).post(url, body, format="json").status_code == 403
    assert api(engineer).post(url, body, format="json").status_code == 202
    assert open_request(endpoint, "endpoint-clearance").payload == {"max_classification": 3}
    assert "Ask for clearance" not in client.get(page).content.decode()
