"""Pages of data: browse, look at files safely, build a Sheet, publish it from its page, test an endpoint."""

from __future__ import annotations

import io
import re

import pytest
from django.test import Client
from django.urls import reverse

from tests.workbench.factories import (
    CUSTOMER,
    PNG,
    SHOT,
    draft_sheet,
    make_connection,
    published_sheet,
    share,
    write_catalog,
    write_file,
    write_table,
)
from tests.workbench.fake_openai import running
from workbench.catalogs.services import sync_catalog
from workbench.catalogs.serving import catalog_file_url, item_file_url
from workbench.models import CatalogObject, Connection, ModelEndpoint, Sheet, SheetVersion

pytestmark = pytest.mark.usefixtures("local_servers")


def signed_in(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def pdf(pages: int = 2) -> bytes:
    from reportlab.pdfgen import canvas

    written = io.BytesIO()
    drawing = canvas.Canvas(written)
    for number in range(pages):
        drawing.drawString(100, 700, f"page {number + 1}")
        drawing.showPage()
    drawing.save()
    return written.getvalue()


@pytest.fixture
def connection(steward):
    return make_connection(steward)


def test_the_catalog_shows_sources_with_tags_and_uses(steward, connection):
    client = signed_in(steward)
    assert "tags not read yet" in client.get(reverse("workbench:catalog")).content.decode()

    client.post(reverse("workbench:catalog-sync", args=[connection.pk]))

    page = client.get(reverse("workbench:catalog")).content.decode()
    assert "desk.tickets" in page and "desk.shots" in page
    assert "training permitted" in page and "tags not read yet" not in page
    table = client.get(reverse("workbench:table", args=[connection.pk, "desk.customers"])).content.decode()
    assert "PHI" in table and "Jane Smith" in table and "training prohibited" in table


def test_other_peoples_catalogs_do_not_exist(steward, stranger, connection):
    client = signed_in(stranger)

    assert connection.name not in client.get(reverse("workbench:catalog")).content.decode()
    for name, more in (("table", "desk.tickets"), ("volume", "desk.shots"), ("catalog-file", "desk.shots")):
        assert client.get(reverse(f"workbench:{name}", args=[connection.pk, more])).status_code == 404
    assert client.post(reverse("workbench:catalog-sync", args=[connection.pk])).status_code == 404
    assert not CatalogObject.objects.exists()


def test_browsing_needs_the_role(expert, connection):
    assert signed_in(expert).get(reverse("workbench:catalog")).status_code == 403


@pytest.mark.parametrize("name", ["table", "volume"])
def test_a_source_that_is_not_there_is_404(steward, connection, name):
    assert signed_in(steward).get(reverse(f"workbench:{name}", args=[connection.pk, "desk.no"])).status_code == 404


def test_a_volume_lists_files_page_by_page_and_shows_one(steward, connection):
    for number in range(60):
        write_file("desk.shots", f"more/{number:02}.txt", b"x")
    client, url = signed_in(steward), reverse("workbench:volume", args=[connection.pk, "desk.shots"])

    first = client.get(url).content.decode()
    assert "more/49.txt" in first and "more/50.txt" not in first
    assert "t1.png" in client.get(url, {"after": "more/49.txt"}).content.decode()
    assert "more/05.txt" in client.get(url, {"prefix": "more/05"}).content.decode()
    shown = client.get(url, {"file": "t1.png"})
    assert f'src="{catalog_file_url(connection.pk, "desk.shots/t1.png")}"' in shown.content.decode()
    assert "can be downloaded" in client.get(url, {"file": "more/00.txt"}).content.decode()


def test_only_known_pictures_and_pdfs_are_shown_and_by_their_bytes(steward, connection):
    client = signed_in(steward)
    write_file("desk.shots", "page.png", b"<html><script>alert(1)</script></html>")
    write_file("desk.shots", "real.txt", PNG)

    disguised = client.get(catalog_file_url(connection.pk, "desk.shots/page.png"))
    assert disguised["Content-Type"] == "application/octet-stream"
    assert disguised["Content-Disposition"].startswith("attachment")
    assert disguised["X-Content-Type-Options"] == "nosniff"
    assert client.get(catalog_file_url(connection.pk, "desk.shots/real.txt"))["Content-Type"] == "image/png"


def test_a_pdf_page_is_drawn_at_a_bounded_size(steward, connection):
    from PIL import Image

    write_file("desk.shots", "two.pdf", pdf())
    write_file("desk.shots", "broken.pdf", b"%PDF-1.4 nothing")
    client, url = signed_in(steward), catalog_file_url(connection.pk, "desk.shots/two.pdf")

    page = client.get(f"{url}&page=2")
    assert page["Content-Type"] == "image/png"
    assert max(Image.open(io.BytesIO(page.content)).size) <= 1600
    assert client.get(f"{url}&page=3").status_code == 400
    assert client.get(f"{url}&page=x").status_code == 400
    assert client.get(f"{catalog_file_url(connection.pk, 'desk.shots/broken.pdf')}&page=1").status_code == 400
    assert client.get(url)["Content-Type"] == "application/pdf"


@pytest.mark.parametrize("path", ["../../tickets.csv", "/etc/passwd", "t1.png/../t2.png", "..\\x", ""])
def test_a_file_address_does_not_leave_the_volume(steward, connection, path):
    url = reverse("workbench:catalog-file", args=[connection.pk, "desk.shots"])

    assert signed_in(steward).get(url, {"path": path}).status_code in (400, 404)


def test_a_link_inside_a_volume_is_not_followed(steward, connection, settings, tmp_path):
    (tmp_path / "secret.png").write_bytes(PNG)
    (settings.CATALOG_ROOT / "desk" / "volumes" / "shots" / "link.png").symlink_to(tmp_path / "secret.png")

    assert signed_in(steward).get(catalog_file_url(connection.pk, "desk.shots/link.png")).status_code == 400


def test_a_sheet_shows_files_of_its_items_and_of_no_other(steward, approver, expert, stranger, team):
    version = published_sheet(steward, approver, team, sources=[SHOT], filter_sql="amount > 11")
    fine = item_file_url(version.sheet_id, "t3", "desk.shots/t3.png")

    assert signed_in(expert).get(fine).content == PNG, "the role cannot browse catalogs, but sees the Sheet"
    assert signed_in(stranger).get(fine).status_code == 404
    for item, path in (
        ("t3", "desk.shots/t1.png"),
        ("t1", "desk.shots/t1.png"),
        ("t3", "desk.shots/unrelated.png"),
        ("t4", ""),
        ("t3", "desk.shots/../../tickets.csv"),
    ):
        assert signed_in(expert).get(item_file_url(version.sheet_id, item, path)).status_code == 404


def test_a_sheet_links_to_why_a_column_is_bound_where_that_page_opens(steward, approver, expert, team):
    version = published_sheet(steward, approver, team)
    sync_catalog(connection=version.sheet.connection, by=steward)
    url = reverse("admin:workbench_sheet_change", args=[version.sheet_id])

    links = {
        user: set(re.findall(r"/admin/why/workbench.catalogobject/[^\"]+", signed_in(user).get(url).content.decode()))
        for user in (steward, expert)
    }

    assert links[steward] and not links[expert]
    assert {signed_in(steward).get(link).status_code for link in links[steward]} == {200}


def form(**values) -> dict[str, str]:
    sources = values.pop("sources", [])
    data = {
        "name": "Built", "description": "", "primary": "table:desk.tickets", "item_key": "id", "filter_sql": "",
        "sample_size": "", "sources-TOTAL_FORMS": str(len(sources)), "sources-INITIAL_FORMS": "0",
    }  # fmt: skip
    for number, source in enumerate(sources):
        data |= {f"sources-{number}-{name}": value for name, value in source.items()}
    return data | values


CUSTOMER_ROW = {"source": "table:desk.customers", "alias": "customer", "keys": "customer = cid", "pattern": ""}
SHOT_ROW = {"source": "volume:desk.shots", "alias": "shot", "keys": "", "pattern": "{id}.png"}


def test_the_builder_previews_and_saves_what_was_typed(steward, connection):
    client, url = signed_in(steward), reverse("workbench:sheet-new")
    typed = form(sources=[CUSTOMER_ROW, SHOT_ROW], filter_sql="amount > 11")

    page = client.post(url, typed | {"do": "preview"}).content.decode()
    assert "2 items" in page and "Jane Smith" in page and 'name="role-customer_name"' in page
    assert not Sheet.objects.exists()
    saved = client.post(url, typed | {"do": "save", "role-body": "label"})

    version = SheetVersion.objects.get()
    assert saved.url == reverse("admin:workbench_sheet_change", args=[version.sheet_id])
    assert version.column_roles["body"] == "label" and version.column_roles["shot_path"] == "image"
    assert [source["alias"] for source in version.sources] == ["customer", "shot"]


def test_the_builder_adds_a_row_and_keeps_what_was_typed(steward, connection):
    page = signed_in(steward).post(reverse("workbench:sheet-new"), form(sources=[CUSTOMER_ROW]) | {"do": "add"})

    assert 'name="sources-1-source"' in page.content.decode()
    assert 'value="customer = cid"' in page.content.decode()


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"filter_sql": "amuont > 1"}, "filter_sql", "line 1, column 1"),
        ({"item_key": "idd"}, "item_key", "Did you mean"),
        ({"primary": "table:desk.gone"}, "primary", "not one of the available choices"),
        ({"sample_size": "0"}, "sample_size", "greater than or equal to 1"),
        ({"name": ""}, "name", "required"),
    ],
)
def test_an_error_stands_beside_its_field(steward, connection, change, field, words):
    answer = signed_in(steward).post(reverse("workbench:sheet-new"), form(**change) | {"do": "save"})

    assert words in answer.context["form"].errors[field].as_text()
    assert not Sheet.objects.exists()


def test_an_error_of_a_source_stands_in_its_row(steward, connection):
    wrong = CUSTOMER_ROW | {"keys": "custmer = cid"}
    answer = signed_in(steward).post(
        reverse("workbench:sheet-new"), form(sources=[SHOT_ROW, wrong]) | {"do": "preview"}
    )

    rows = answer.context["sources"].forms
    assert not rows[0].errors
    assert "no column &#x27;custmer&#x27;" in str(rows[1].non_field_errors())
    crooked = form(sources=[CUSTOMER_ROW | {"keys": "customer"}]) | {"do": "save"}
    again = signed_in(steward).post(reverse("workbench:sheet-new"), crooked)
    assert "Write each pair" in again.context["sources"].forms[0].errors["keys"].as_text()


def test_the_builder_shows_duplicate_keys_in_its_preview(steward):
    write_catalog()
    write_table([{"id": "a", "body": "x"}, {"id": "a", "body": "y"}], "desk.tickets")
    make_connection(steward)

    page = signed_in(steward).post(reverse("workbench:sheet-new"), form() | {"do": "preview"}).content.decode()

    assert "Column “id” cannot be the item key" in page and "“a” stands on 2 rows" in page


def test_a_draft_is_changed_by_those_who_may_and_nobody_else(steward, approver, stranger, team):
    version = draft_sheet(steward)
    share(version, team, steward)
    url = reverse("workbench:sheet-builder", args=[version.pk])

    assert signed_in(steward).get(url).status_code == 200
    signed_in(steward).post(url, form(name="Renamed", filter_sql="amount > 11") | {"do": "save"})
    version.refresh_from_db()
    assert (version.sheet.name, version.filter_sql) == ("Renamed", "amount > 11")
    assert signed_in(stranger).get(url).status_code == 404
    assert signed_in(approver).get(url).status_code == 403


def test_a_published_version_is_not_opened_in_the_builder(steward, approver):
    version = published_sheet(steward, approver)

    answer = signed_in(steward).get(reverse("workbench:sheet-builder", args=[version.pk]))

    assert answer.url == reverse("admin:workbench_sheet_change", args=[version.sheet_id])


def test_without_a_connection_the_builder_says_what_to_do(steward):
    assert "no data to point at" in signed_in(steward).get(reverse("workbench:sheet-new")).content.decode()


def step(sheet, name: str) -> str:
    return reverse("admin:workbench_sheet_step", args=[sheet.pk, name])


def test_a_sheet_lives_on_its_page_from_draft_to_archive(steward, approver, team):
    version = draft_sheet(steward, sources=[CUSTOMER])
    sheet, client = version.sheet, signed_in(steward)
    page = reverse("admin:workbench_sheet_change", args=[sheet.pk])

    assert "Request publication" in client.get(page).content.decode()
    client.post(step(sheet, "share"), {"group": "Team Iris", "level": "view"})
    client.post(step(sheet, "publish"), {"reason": "ready"})
    waiting = client.get(page).content.decode()
    assert "waits for: 1 approver" in waiting and "Request publication" not in waiting
    from governance.models import ApprovalRequest

    asked = ApprovalRequest.objects.get()
    signed_in(approver).post(
        reverse("admin:governance_approvalrequest_step", args=[asked.pk, "approve"]), {"comment": "fine"}
    )
    version.refresh_from_db()
    assert version.status == "published"
    shown = signed_in(approver).get(page).content.decode()
    assert "Jane Smith" in shown and "desk.customers#name" in shown and "New version" not in shown

    assert "drafts" in client.post(step(sheet, "new-version")).url
    client.post(step(sheet, "delete-draft"))
    assert sheet.versions.count() == 1
    client.post(step(sheet, "archive"), {"reason": "old"})
    version.refresh_from_db()
    assert version.status == "archived"


def test_lists_open_with_search_and_show_only_ones_own(steward, approver, stranger):
    version = published_sheet(steward, approver)
    sync_catalog(connection=version.sheet.connection, by=steward)

    for model in ("sheet", "connection", "catalogobject", "modelendpoint", "sheetversion"):
        url = reverse(f"admin:workbench_{model}_changelist")
        name = "Tickets" if "sheet" in model else "desk"
        mine, other = (
            signed_in(steward).get(url, {"q": name}),
            signed_in(stranger).get(url, {"q": name}),
        )
        assert other.status_code == 200, model
        if model != "modelendpoint" and model != "sheetversion":
            assert mine.context["cl"].result_count > 0, model
        assert other.context["cl"].result_count == 0, model
    assert signed_in(stranger).get(reverse("admin:workbench_sheet_change", args=[version.sheet_id])).status_code == 404


def test_a_list_of_sheets_needs_the_same_queries_however_long(steward, approver, django_assert_max_num_queries):
    client, url = signed_in(steward), reverse("admin:workbench_sheet_changelist")
    for number in range(4):
        draft_sheet(steward, name=f"S{number}")

    with django_assert_max_num_queries(20):
        assert client.get(url).context["cl"].result_count == 4


def test_a_connection_is_made_and_read_in_the_admin(steward, settings):
    write_catalog()
    client = signed_in(steward)

    refused = client.post(
        reverse("admin:workbench_connection_add"), {"name": "X", "engine": "local", "location": "/etc"}
    )
    assert "is not one this server may read" in refused.content.decode()
    client.post(reverse("admin:workbench_connection_add"), {"name": "Desk", "engine": "local", "location": ""})
    made = Connection.objects.get()
    client.post(reverse("admin:workbench_connection_step", args=[made.pk, "sync"]))

    assert CatalogObject.objects.filter(connection=made, ref="desk.tickets").exists()


def endpoint_form(**values) -> dict[str, str]:
    return {
        "name": "Small", "engine": "openai", "model_name": "small", "max_classification": "1", "max_in_flight": "4",
        "timeout_seconds": "5", "retries": "0", "is_active": "on", "description": "", "api_key": "",
    } | values  # fmt: skip


def test_an_endpoint_is_made_tested_and_keeps_its_key_to_itself(engineer):
    client = signed_in(engineer)
    with running() as server:
        client.post(
            reverse("admin:workbench_modelendpoint_add"), endpoint_form(base_url=server.url, api_key="sk-hidden")
        )
        made = ModelEndpoint.objects.get(name="Small")
        url = reverse("admin:workbench_modelendpoint_change", args=[made.pk])
        told = client.post(reverse("admin:workbench_modelendpoint_step", args=[made.pk, "test"]), follow=True)
        assert "It answered" in told.content.decode() and "11 tokens in" in told.content.decode()
        assert server.keys == ["Bearer sk-hidden"]

        page = client.get(url).content.decode()
        assert "kept encrypted" in page and "sk-hidden" not in page and made.sealed_key not in page
        client.post(url, endpoint_form(base_url=server.url, retries="1"))
        changed = ModelEndpoint.objects.get(pk=made.pk)
        assert (changed.retries, changed.sealed_key) == (1, made.sealed_key)
        server.mode = "500"
        failed = client.post(reverse("admin:workbench_modelendpoint_step", args=[made.pk, "test"]), follow=True)
        assert "Test failed" in failed.content.decode() and "HTTP 500" in failed.content.decode()
        client.post(url, endpoint_form(base_url=server.url, remove_key="on"))
    assert ModelEndpoint.objects.get(pk=made.pk).sealed_key == ""
