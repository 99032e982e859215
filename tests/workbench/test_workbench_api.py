"""The REST doors to catalogs, Sheets and endpoints: same rules, rows outside someone's rights are 404."""

from __future__ import annotations

import pytest

from tests.workbench.factories import CUSTOMER, PNG, draft_sheet, make_connection, published_sheet, write_table
from tests.workbench.fake_openai import running
from workbench.models import ModelEndpoint, SheetVersion

pytestmark = pytest.mark.usefixtures("local_servers")


@pytest.fixture
def connection(steward):
    return make_connection(steward)


def test_a_catalog_is_browsed_from_schema_to_rows(api, steward, connection):
    client, base = api(steward), f"/api/v1/connections/{connection.pk}"

    assert client.get(f"{base}/schemas/").json() == ["desk"]
    assert client.get(f"{base}/tables/?schema=desk").json() == ["desk.customers", "desk.tickets"]
    assert client.get(f"{base}/volumes/?schema=desk").json() == ["desk.shots"]
    table = client.get(f"{base}/columns/?table=desk.customers").json()
    assert [column["name"] for column in table["columns"]] == ["cid", "name", "tier"]
    assert table["columns"][1]["tags"] == ["PHI"]
    assert client.get(f"{base}/sample/?table=desk.tickets&limit=1").json()[0]["body"] == "card stolen"
    files = client.get(f"{base}/files/?volume=desk.shots&limit=2&after=t1.png").json()
    assert [file["path"] for file in files] == ["t2.png", "t3.png"]
    answer = client.get(f"{base}/file/?volume=desk.shots&path=t1.png")
    assert b"".join(answer.streaming_content) == PNG
    assert answer["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize("path", ["../../tickets.csv", "/etc/passwd", "..%2F..%2Ftickets.csv", "none.png"])
def test_no_path_leaves_the_volume(api, steward, connection, path):
    answer = api(steward).get(f"/api/v1/connections/{connection.pk}/file/?volume=desk.shots&path={path}")

    assert answer.status_code in (400, 404)
    assert answer["Content-Type"] == "application/problem+json"


def test_a_name_that_is_not_there_is_a_problem_with_the_nearest_one(api, steward, connection):
    answer = api(steward).get(f"/api/v1/connections/{connection.pk}/columns/?table=desk.ticket")

    assert answer.status_code == 404
    assert "Did you mean 'desk.tickets'?" in answer.json()["detail"]


def test_a_connection_is_made_changed_read_and_refused(api, steward, engineer, connection):
    made = api(steward).post("/api/v1/connections/", {"name": "Second"})
    assert made.status_code == 201
    changed = api(steward).patch(f"/api/v1/connections/{made.json()['id']}/", {"description": "more"})
    assert changed.json()["description"] == "more"

    synced = api(steward).post(f"/api/v1/connections/{connection.pk}/sync/", {})
    assert synced.json()["tightened"] == ["desk.customers#name"]
    found = api(steward).get("/api/v1/catalog/?kind=column&ref=desk.customers%23name").json()["results"]
    assert found[0]["data_classification"] == "restricted"
    assert api(engineer).post("/api/v1/connections/", {"name": "Third"}).status_code == 403
    assert api(steward).post("/api/v1/connections/", {"name": "X", "location": "/etc"}).json()["field"] == "location"


def test_other_peoples_connections_and_objects_do_not_exist(api, steward, stranger, connection):
    api(steward).post(f"/api/v1/connections/{connection.pk}/sync/", {})

    assert api(stranger).get("/api/v1/connections/").json()["results"] == []
    assert api(stranger).get("/api/v1/catalog/").json()["results"] == []
    for path in ("", "schemas/", "tables/?schema=desk", "file/?volume=desk.shots&path=t1.png"):
        assert api(stranger).get(f"/api/v1/connections/{connection.pk}/{path}").status_code == 404


def test_a_sheet_goes_from_preview_to_published_and_its_items_are_read(api, steward, approver, team, connection):
    client = api(steward)
    definition = {
        "name": "Tickets", "connection": str(connection.pk), "item_key": "id", "primary_ref": "desk.tickets",
        "sources": [CUSTOMER], "filter_sql": "amount > 10.6",
    }  # fmt: skip

    shown = client.post("/api/v1/sheets/preview/", definition).json()
    assert (shown["item_count"], shown["problem"]) == (3, "")
    assert {column["name"]: column["role"] for column in shown["columns"]}["body"] == "text"
    draft = client.post("/api/v1/sheets/", definition)
    assert draft.status_code == 201, draft.json()
    version, sheet = draft.json()["id"], draft.json()["sheet"]
    client.patch(f"/api/v1/sheet-versions/{version}/", {"filter_sql": "amount > 11"})
    assert client.get(f"/api/v1/sheet-versions/{version}/preview/").json()["item_count"] == 2
    assert client.get(f"/api/v1/sheet-versions/{version}/check/").json()["ready"] is True
    assert client.post(f"/api/v1/sheets/{sheet}/share/", {"group": "Team Iris", "level": "view"}).status_code == 204

    asked = client.post(f"/api/v1/sheet-versions/{version}/request-publish/", {"reason": "ready"})
    assert asked.status_code == 202
    signed = api(approver).post(f"/api/v1/approvals/{asked.json()['approval']}/approve/", {"comment": "fine"})
    assert signed.json()["state"] == "approved"

    items = api(approver).get(f"/api/v1/sheets/{sheet}/items/?limit=1").json()
    assert [(item["ref"], item["row"]["customer_tier"]) for item in items] == [("t3", "gold")]
    assert api(approver).get(f"/api/v1/sheets/{sheet}/items/?after=t3").json()[0]["ref"] == "t4"
    assert client.get(f"/api/v1/sheets/{sheet}/").json()["version"]["status"] == "published"
    second = client.post(f"/api/v1/sheets/{sheet}/new-version/").json()
    assert second["number"] == 2
    assert client.delete(f"/api/v1/sheet-versions/{second['id']}/").status_code == 204
    archived = client.post(f"/api/v1/sheet-versions/{version}/archive/", {"reason": "old"})
    assert archived.json()["status"] == "archived"


def test_a_bad_definition_is_a_problem_with_its_field(api, steward, connection):
    fine = {"name": "T", "connection": str(connection.pk), "item_key": "id", "primary_ref": "desk.tickets"}

    for change, field in (
        ({"filter_sql": "amount >"}, "filter_sql"),
        ({"item_key": "idd"}, "item_key"),
        ({"primary_ref": "desk.nothing"}, "primary_ref"),
        ({"sources": [{**CUSTOMER, "keys": [["nope", "cid"]]}]}, "sources"),
        ({"sources": [{"ref": "x"}]}, "sources.0.alias"),
    ):
        answer = api(steward).post("/api/v1/sheets/", {**fine, **change})
        assert answer.status_code in (400, 404)
        assert answer.json()["field"] == field
    wrong = fine | {"filter_sql": "id = 'a' AND lenght(id) > 1"}
    problem = api(steward).post("/api/v1/sheets/preview/", wrong).json()
    assert (problem["line"], problem["column"]) == (1, 14)


def test_a_check_names_the_duplicates(api, steward):
    version = draft_sheet(steward)
    write_table([{"id": "a", "body": "x"}, {"id": "a", "body": "y"}], "desk.tickets")

    found = api(steward).get(f"/api/v1/sheet-versions/{version.pk}/check/").json()

    assert (found["ready"], found["field"], found["details"]["duplicates"]) == (False, "item_key", [["a", 2]])


def test_other_peoples_sheets_do_not_exist(api, steward, approver, stranger):
    version = published_sheet(steward, approver)

    assert api(stranger).get("/api/v1/sheets/").json()["results"] == []
    assert api(stranger).get("/api/v1/sheet-versions/").json()["results"] == []
    for path in (
        f"sheets/{version.sheet_id}/", f"sheets/{version.sheet_id}/items/", f"sheet-versions/{version.pk}/",
        f"sheet-versions/{version.pk}/preview/",
    ):  # fmt: skip
        assert api(stranger).get(f"/api/v1/{path}").status_code == 404
    assert api(stranger).post(f"/api/v1/sheets/{version.sheet_id}/new-version/").status_code == 404
    theirs = str(version.sheet.connection_id)
    mine = {"name": "M", "connection": theirs, "item_key": "id", "primary_ref": "desk.tickets"}
    assert api(stranger).post("/api/v1/sheets/", mine).status_code == 400
    assert SheetVersion.objects.count() == 1


def test_a_list_of_sheets_asks_the_same_number_of_queries_however_long(
    api, steward, approver, django_assert_max_num_queries
):
    for number in range(3):
        published_sheet(steward, approver, name=f"Sheet {number}")

    client = api(steward)
    with django_assert_max_num_queries(7):
        assert len(client.get("/api/v1/sheets/").json()["results"]) == 3


def test_an_endpoint_is_made_tested_and_never_shows_its_key(api, engineer, viewer):
    with running() as server:
        values = {"name": "S", "base_url": server.url, "model_name": "small", "api_key": "sk-hidden"}
        made = api(engineer).post("/api/v1/endpoints/", values | {"max_classification": "public"})
        tested = api(engineer).post(f"/api/v1/endpoints/{made.json()['id']}/test/").json()

    assert made.status_code == 201
    assert (made.json()["has_key"], made.json()["max_classification"]) == (True, "public")
    assert "sk-hidden" not in made.content.decode() and "sealed" not in made.content.decode()
    assert (tested["error"], tested["tokens_in"]) == ("", 11)
    assert ModelEndpoint.objects.get(name="S").sealed_key != "sk-hidden"
    changed = api(engineer).patch(f"/api/v1/endpoints/{made.json()['id']}/", {"is_active": False})
    assert changed.json()["is_active"] is False
    assert api(viewer).get("/api/v1/endpoints/").status_code == 403
