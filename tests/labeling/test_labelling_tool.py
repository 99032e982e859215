"""The labelling tool as an expert's browser meets it: plain forms, no script needed."""

from __future__ import annotations

import io
import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.urls import reverse

from labeling.labels.models import CanonicalLabel
from labeling.labels.queue import queue_of
from labeling.labelsets import services as labelsets
from workbench.sheets.services import create_sheet, request_publish

from .factories import (
    bind,
    label_type,
    make_connection,
    make_label,
    make_labelset,
    make_sheet,
    share_with,
    sign,
    write_table,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def version(steward, approver, team, expert):
    found = make_sheet(steward, approver, team)
    bind(found.sheet, make_labelset(expert, approver, team, seen_columns=["text", "amount"]), steward)
    return found


@pytest.fixture
def hidden(stranger, approver):
    """Another team's Sheet, bound and ready."""
    found = make_sheet(stranger, approver, approver, name="Secret numbers")
    bind(found.sheet, make_labelset(stranger, approver, approver, name="Secret topics"), stranger)
    return found


@pytest.fixture
def browser(client, expert):
    client.force_login(expert)
    return client


def at(name: str, version, **more: str) -> str:
    from urllib.parse import urlencode

    query = {"sheet": version.sheet_id, "label_type": "classification", **more}
    return f"{reverse(f'labeling:{name}')}?{urlencode(query)}"


def entered(answer: str, **more: object) -> dict[str, object]:
    return {
        "answer-a.label": answer,
        "label-confidence": "high",
        "label-notes": "",
        "label-permitted": ["training", "validation", "evaluation", "testing", "few_shot"],
        "label-data_classification": "1",
        "label-usage_reason": "",
        "label-seen_version": "0",
    } | more


def answer_name(browser, version) -> str:
    """The field of the answer, as the page names it."""
    form = browser.get(at("label-item", version, item="a1")).context["answer_form"]
    return form.add_prefix(next(name for name in form.fields if "label" in name))


@pytest.fixture
def post(browser, version):
    name = answer_name(browser, version)

    def send(ref: str, answer: str, **more: object):
        values = entered(answer, **more)
        values[name] = values.pop("answer-a.label")
        return browser.post(at("label-item", version, item=ref), values)

    return send


def test_it_offers_the_sheets_that_one_may_see(browser, version, hidden) -> None:
    page = browser.get(reverse("labeling:label")).content.decode()

    assert "Tickets" in page
    assert "Secret" not in page


def test_a_hidden_sheet_does_not_exist(browser, hidden) -> None:
    for name in ("label", "label-item", "label-file", "label-import", "label-export"):
        assert browser.get(at(name, hidden, item="a1", use="testing")).status_code == 404


def test_items_are_listed_with_their_state_and_filtered(browser, version, expert) -> None:
    make_label(version.sheet, "a2", "card", expert)

    shown = {
        state: [row["ref"] for row in browser.get(at("label", version, status=state)).context["rows"]]
        for state in ("", "open", "labeled")
    }

    assert shown == {"": ["a1", "a2", "a3", "a4"], "open": ["a1", "a3", "a4"], "labeled": ["a2"]}


def test_the_item_shows_only_the_columns_that_the_labelset_names(browser, version) -> None:
    page = browser.get(at("label-item", version, item="a1")).content.decode()

    assert "card stolen" in page
    assert "10.5" in page
    assert "Jane Smith" not in page


def test_saving_labels_the_item_and_goes_to_the_next_open_one(post, version, expert) -> None:
    make_label(version.sheet, "a2", "card", expert)

    answer = post("a1", "refund")

    assert CanonicalLabel.objects.get(item_ref="a1").data == {"label": "refund"}
    assert parse_qs(urlsplit(answer.url).query)["item"] == ["a3"]


def test_the_last_item_leads_back_to_the_list(post, version, expert) -> None:
    for ref in ("a2", "a3", "a4"):
        make_label(version.sheet, ref, "card", expert)

    assert urlsplit(post("a1", "card").url).path == reverse("labeling:label")


def test_an_answer_that_does_not_fit_is_shown_with_what_was_entered(post) -> None:
    page = post("a1", "loan", **{"label-notes": "my careful notes"})

    assert page.status_code == 200
    assert page.context["answer_form"].errors
    assert "my careful notes" in page.content.decode()
    assert not CanonicalLabel.objects.exists()


def test_a_label_is_shown_for_correction_with_its_version(browser, post, version, expert) -> None:
    make_label(version.sheet, "a1", "card", expert)

    page = browser.get(at("label-item", version, item="a1"))
    assert page.context["existing"].version == 1
    post("a1", "refund", **{"label-seen_version": "1"})

    assert CanonicalLabel.objects.get().version == 2


def test_a_stale_form_is_refused_with_412_and_keeps_the_entry(post, version, second_expert) -> None:
    make_label(version.sheet, "a1", "card", second_expert)

    page = post("a1", "refund", **{"label-notes": "typed"})

    assert page.status_code == 412
    assert "typed" in page.content.decode()
    assert CanonicalLabel.objects.get().data == {"label": "card"}


def test_constraints_are_tightened_in_the_form(post) -> None:
    permitted = ["evaluation", "testing", "few_shot"]

    missing_reason = post("a1", "card", **{"label-permitted": permitted})
    assert "Say why" in missing_reason.content.decode()
    post("a1", "card", **{"label-permitted": permitted, "label-usage_reason": "a customer's words"})

    assert "training" not in CanonicalLabel.objects.get().effective_constraint.__str__()
    assert CanonicalLabel.objects.get().own_uses == 0b11100


def test_an_item_that_is_gone_is_said(browser, version) -> None:
    answer = browser.get(at("label-item", version, item="zz"), follow=True)

    assert "has no item" in answer.content.decode()


def test_those_who_may_only_look_see_no_save_button(client, version, viewer) -> None:
    client.force_login(viewer)

    assert "Save and next" not in client.get(at("label-item", version, item="a1")).content.decode()


def test_pages_have_no_inline_script_or_style(browser, version) -> None:
    for url in (reverse("labeling:label"), at("label", version), at("label-item", version, item="a1")):
        page = browser.get(url).content.decode()
        assert " style=" not in page
        assert "<script>" not in page


def test_lines_are_imported_and_exported(browser, version, expert) -> None:
    file = io.BytesIO(json.dumps({"item_ref": "a1", "data": {"label": "card"}}).encode())
    file.name = "labels.jsonl"
    seen = browser.post(at("label-import", version), {"file": file})
    assert (seen.context["plan"].new, CanonicalLabel.objects.count()) == (1, 0)
    browser.post(at("label-import", version), {"looked_at": seen.context["looked_at"]})
    broken = browser.post(at("label-import", version), {"lines": "{"})

    exported = browser.get(at("label-export", version, use="testing"))

    assert "Nothing was saved" in broken.content.decode()
    assert "line 1" in broken.content.decode()
    assert json.loads(exported.getvalue())["data"] == {"label": "card"}
    assert exported["Content-Disposition"].endswith('.jsonl"')


def test_the_queue_knows_what_comes_before_after_and_next(version, expert) -> None:
    make_label(version.sheet, "a2", "card", expert)
    queue = queue_of(version, label_type("classification"))

    assert (queue.before("a1"), queue.before("a3"), queue.after("a4")) == (None, "a2", None)
    assert (queue.next_open("a1"), queue.next_open("a4"), queue.done) == ("a3", "a1", 1)
    assert (queue.before("b"), queue.after("a2x"), queue.next_open("b")) == ("a4", "a3", "a1")


@pytest.fixture
def scans(steward, approver, team, expert):
    """Items with a PDF and a picture."""
    from PIL import Image
    from reportlab.pdfgen.canvas import Canvas

    ref = write_table("papers", [{"id": "p1"}, {"id": "p2"}], "")
    folder = Path(settings.CATALOG_ROOT) / "main" / "volumes"
    (folder / "pdfs").mkdir(parents=True)
    (folder / "photos").mkdir(parents=True)
    canvas = Canvas(str(folder / "pdfs" / "p1.pdf"))
    for number in (1, 2):
        canvas.drawString(100, 700, f"page {number}")
        canvas.showPage()
    canvas.save()
    Image.new("RGB", (8, 8), "red").save(folder / "photos" / "p1.png")
    draft = create_sheet(
        by=steward, name="Papers", connection=make_connection(steward), item_key="id", primary_ref=ref,
        sources=[
            {"alias": "doc", "kind": "volume", "ref": "main.pdfs", "pattern": "{id}.pdf"},
            {"alias": "photo", "kind": "volume", "ref": "main.photos", "pattern": "{id}.png"},
        ],
    )  # fmt: skip
    share_with(draft.sheet, team, steward)
    sign(request_publish(version=draft, by=steward, reason="ready"), approver)
    bind(draft.sheet, make_labelset(expert, approver, team), steward)
    draft.refresh_from_db()
    return draft


def test_pictures_and_pdf_pages_are_shown_to_those_who_may_see_the_sheet(browser, scans) -> None:
    page = browser.get(at("label-item", scans, item="p1", column="doc_path", page="2"))
    kinds = {one.name: (one.kind, one.page, one.pages) for one in page.context["item"]}
    picture = browser.get(at("label-file", scans, item="p1", column="photo_path"))
    second = browser.get(at("label-file", scans, item="p1", column="doc_path", page="2"))

    assert kinds == {"doc_path": ("pdf", 2, 2), "photo_path": ("image", 1, 1), "id": ("value", 1, 1)}
    assert (picture["Content-Type"], second["Content-Type"]) == ("image/png", "image/png")
    assert picture["X-Content-Type-Options"] == "nosniff"


def test_files_outside_the_seen_columns_are_not_served(browser, scans, expert, approver) -> None:
    labelset = scans.sheet.labelset_bindings.get().labelset
    draft = labelsets.start_new_version(labelset=labelset, by=expert)
    labelsets.update_draft(version=draft, by=expert, seen_columns=["doc_path"])
    sign(labelsets.request_publish(version=draft, by=expert, reason="less"), approver)

    assert browser.get(at("label-file", scans, item="p1", column="photo_path")).status_code == 404
    assert browser.get(at("label-file", scans, item="p1", column="doc_path", page="9")).status_code == 404
    assert browser.get(at("label-file", scans, item="p2", column="doc_path")).status_code == 404


def test_an_item_without_its_file_can_still_be_labelled(browser, scans) -> None:
    assert browser.get(at("label-item", scans, item="p2")).status_code == 200
