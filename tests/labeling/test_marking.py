"""Marking sources through HTTP: boxes, polygons, spans, words of pages, drafts, and files that are no such thing."""

from __future__ import annotations

import hashlib
import io
import json
import re
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from labeling.agreement import services as agreement
from labeling.annotating.marks import marked_in
from labeling.labelsets.services import ask_opinions
from labeling.models import CanonicalLabel, LabelDraft
from workbench.catalogs import drawing, previews
from workbench.catalogs.errors import FileNotShown
from workbench.sheets.services import create_sheet, request_publish

from .factories import bind, label_type, make_connection, make_labelset, make_sheet, share_with, sign, write_table

VENDOR = Path(settings.BASE_DIR) / "labeling" / "static" / "vendor"
NUMBER, WHOLE = {"type": "number"}, {"type": "integer"}
BOX = {
    "type": "object",
    "properties": {
        "class": {"enum": ["scratch", "dent"]},
        **{key: WHOLE for key in ("x", "y", "width", "height")},
        "points": {"type": "array", "items": {"type": "array", "items": NUMBER}},
    },
    "required": ["class", "x", "y", "width", "height"],
}
SPAN = {
    "type": "object",
    "properties": {"class": {"enum": ["name", "place"]}, "start": WHOLE, "end": WHOLE, "text": {"type": "string"}},
    "required": ["class", "start", "end"],
}
BOXES = {"type": "object", "properties": {"boxes": {"type": "array", "items": BOX}}, "required": ["boxes"]}
SPANS = {"type": "object", "properties": {"found": {"type": "array", "items": SPAN}}, "required": ["found"]}
NOTE = "Zoë 🙂 of Łódź"
ITEMS = [{"id": "p1", "note": NOTE}, {"id": "p2", "note": "a\r\nb"}, {"id": "p3", "note": "x"}]


def pdf(*pages: str, password: str = "") -> bytes:
    from reportlab.pdfgen.canvas import Canvas

    written = io.BytesIO()
    canvas = Canvas(written, pagesize=(400, 300), encrypt=password or None)
    for words in pages:
        canvas.drawString(100, 200, words)
        canvas.showPage()
    canvas.save()
    return written.getvalue()


def png(width: int, height: int) -> bytes:
    from PIL import Image

    written = io.BytesIO()
    Image.new("1", (width, height)).save(written, "PNG")
    return written.getvalue()


@pytest.fixture
def parts(steward, approver, team, expert, stranger):
    """Items with a PDF, a picture and a note; what p2 and p3 name as files cannot be shown. And a stranger's Sheet."""
    ref = write_table("parts", ITEMS, "")
    folder = Path(settings.CATALOG_ROOT) / "main" / "volumes"
    files = {
        "pdfs": {"p1.pdf": pdf("Total 1,234.50 EUR", "second page"), "p2.pdf": pdf("secret", password="x"),
                 "p3.pdf": b"%PDF-1.7 cut"},
        "photos": {"p1.png": png(64, 48), "p2.png": png(20_000, 20_000), "p3.png": b"no picture at all"},
    }  # fmt: skip
    for volume, found in files.items():
        (folder / volume).mkdir(parents=True)
        for name, content in found.items():
            (folder / volume / name).write_bytes(content)
    draft = create_sheet(
        by=steward, name="Parts", connection=make_connection(steward), item_key="id", primary_ref=ref,
        sources=[
            {"alias": "doc", "kind": "volume", "ref": "main.pdfs", "pattern": "{id}.pdf"},
            {"alias": "photo", "kind": "volume", "ref": "main.photos", "pattern": "{id}.png"},
        ],
    )  # fmt: skip
    share_with(draft.sheet, team, steward)
    sign(request_publish(version=draft, by=steward, reason="ready"), approver)
    for kind, schema in (("localization", BOXES), ("entity_extraction", SPANS)):
        made = make_labelset(
            expert, approver, team, name=kind, label_type=label_type(kind), classes=[], response_schema=schema
        )
        bind(draft.sheet, made, steward)
    foreign = make_sheet(stranger, approver, approver, name="Foreign")
    bind(foreign.sheet, make_labelset(stranger, approver, approver, name="Foreign topics"), stranger)
    draft.refresh_from_db()
    return draft.sheet


def said(sheet, ref: str, kind: str, **answer) -> dict[str, object]:
    return {"sheet": str(sheet.pk), "label_type": kind, "item_ref": ref, "data": answer}


def box(x: int, y: int, width: int, height: int, **more) -> dict[str, object]:
    return {"class": "dent", "x": x, "y": y, "width": width, "height": height, **more}


BAD_MARKS = {
    "beyond the right": ("localization", {"boxes": [box(0, 0, 9, 9), box(60, 0, 5, 5)]}, "64 x 48 pixels"),
    "before the left": ("localization", {"boxes": [box(-1, 0, 5, 5)]}, "64 x 48 pixels"),
    "without extent": ("localization", {"boxes": [box(1, 1, 0, 5)]}, "64 x 48 pixels"),
    "two points": ("localization", {"boxes": [box(1, 1, 5, 5, points=[[1, 1], [6, 6]])]}, "three points"),
    "points elsewhere": ("localization", {"boxes": [box(1, 1, 5, 5, points=[[1, 1], [30, 1], [1, 6]])]}, "around"),
    "span behind the end": ("entity_extraction", {"found": [{"class": "name", "start": 9, "end": 14}]}, "13 char"),
    "span inverted": ("entity_extraction", {"found": [{"class": "name", "start": 3, "end": 3}]}, "behind the start"),
    "other words": ("entity_extraction", {"found": [{"class": "name", "start": 0, "end": 3, "text": "Zoe"}]}, "'Zoë'"),
}


@pytest.mark.django_db
def test_marks_outside_their_source_are_refused_with_what_would_fit(api, parts, expert) -> None:
    client = api(expert)
    for name, (kind, answer, words) in BAD_MARKS.items():
        told = client.post("/api/v1/canonical-labels/", said(parts, "p1", kind, **answer)).json()
        assert (told.get("code"), words in told.get("detail", "")) == ("mark_outside", True), (name, told)
    assert not CanonicalLabel.objects.exists()

    good = [box(0, 0, 64, 48), box(1, 1, 9, 9, points=[[1, 1], [10, 1], [5, 10]])]
    spans = [{"class": "name", "start": 0, "end": 3, "text": "Zoë"}, {"class": "place", "start": 9, "end": 13}]
    for kind, answer in (("localization", {"boxes": good}), ("entity_extraction", {"found": spans})):
        assert client.post("/api/v1/canonical-labels/", said(parts, "p1", kind, **answer)).status_code == 201
    # Offsets count code points: the face is one, and the CR of a CR LF is another.
    assert NOTE[9:13] == "Łódź"
    last = said(parts, "p2", "entity_extraction", found=[{"class": "name", "start": 3, "end": 4}])
    assert client.post("/api/v1/canonical-labels/", last).status_code == 201


@pytest.mark.django_db
def test_a_file_that_cannot_be_shown_says_why_and_the_rest_goes_on(api, client, parts, expert) -> None:
    client.force_login(expert)
    found = {}
    for ref in ("p1", "p2", "p3"):
        asked = {"sheet": parts.pk, "label_type": "localization", "item": ref}
        page = client.get(reverse("labeling:label-item"), asked)
        assert page.status_code == 200
        found[ref] = {one.name: (one.kind, one.problem) for one in page.context["item"]}
        told = api(expert).get("/api/v1/canonical-labels/item/", {**where(parts, "localization", ref)}).json()
        assert {one["name"]: one["problem"] for one in told["columns"]} == {k: v[1] for k, v in found[ref].items()}

    assert found["p1"]["doc_path"] == ("pdf", "") and found["p1"]["photo_path"] == ("image", "")
    assert "protected by a password" in found["p2"]["doc_path"][1]
    assert "20,000 × 20,000 pixels" in found["p2"]["photo_path"][1]
    assert "no readable PDF" in found["p3"]["doc_path"][1]
    assert "no PNG, JPEG or WebP" in found["p3"]["photo_path"][1]
    saved = api(expert).post("/api/v1/canonical-labels/", said(parts, "p3", "localization", boxes=[]))
    assert saved.status_code == 201


def where(sheet, kind: str, ref: str, **more) -> dict[str, object]:
    return {"sheet": str(sheet.pk), "label_type": kind, "item_ref": ref, **more}


@pytest.mark.django_db
def test_words_are_read_from_a_box_wherever_the_page_is_turned(api, parts, expert) -> None:
    client = api(expert)
    for rotation in (0, 90, 180, 270):
        asked = where(parts, "localization", "p1", column="doc_path", rotation=rotation)
        found = client.get("/api/v1/canonical-labels/item-find/", {**asked, "q": "1,234.50"}).json()
        assert [hit["page"] for hit in found["hits"]] == [1]
        x, y, width, height = found["hits"][0]["boxes"][0]
        around = {"x": x - 2, "y": y - 2, "width": width + 4, "height": height + 4}
        told = client.get("/api/v1/canonical-labels/item-words/", {**asked, **around})
        assert told.json() == {"text": "1,234.50"}
        picture = client.get("/api/v1/canonical-labels/item-file/", {**asked, "page": 2})
        assert (picture.status_code, picture["Content-Type"]) == (200, "image/png")

    second = where(parts, "localization", "p1", column="doc_path", page=2)
    whole = client.get("/api/v1/canonical-labels/item-words/", second)
    assert whole.json() == {"text": "second page"}


BAD_QUESTIONS = {
    "item-words": [{"x": 5}, {"x": 790, "y": 0, "width": 50, "height": 5}, {"page": 3}, {"page": 0}, {"rotation": 45},
                   {"x": "nan", "y": 0, "width": 1, "height": 1}, {"column": "note"}, {"column": "photo_path"}],
    "item-find": [{}, {"q": " "}, {"q": "x" * 201}, {"q": "a", "column": "photo_path"}],
    "item-file": [{"page": 9}, {"column": "note"}, {"column": "nothing"}, {"item_ref": "gone"}],
    "items": [{"state": "lost"}, {"page": "x"}],
    "item": [{"item_ref": "gone"}],
}  # fmt: skip


@pytest.mark.django_db
def test_questions_that_make_no_sense_are_answered_with_400_and_words(api, parts, expert) -> None:
    client = api(expert)
    for name, questions in BAD_QUESTIONS.items():
        for more in questions:
            asked = where(parts, "localization", "p1", column="doc_path") | more
            answer = client.get(f"/api/v1/canonical-labels/{name}/", asked)
            assert (answer.status_code, bool(answer.json()["detail"])) == (400, True), (name, more, answer.content)


@pytest.mark.django_db
def test_another_teams_items_files_words_and_drafts_do_not_exist(api, client, parts, stranger, expert) -> None:
    client.force_login(stranger)
    asked = where(parts, "localization", "p1", column="doc_path", q="Total")
    for name in ("items", "item", "item-file", "item-words", "item-find"):
        answer = api(stranger).get(f"/api/v1/canonical-labels/{name}/", asked)
        unknown = api(stranger).get(
            f"/api/v1/canonical-labels/{name}/", {**asked, "sheet": "01a20121-980e-7681-90b5-6f0a843ad5aa"}
        )
        assert answer.status_code == unknown.status_code == 400
        assert "Total" not in answer.content.decode()
    for name in ("label-words", "label-find", "label-draft"):
        send = client.post if name == "label-draft" else client.get
        query = f"?sheet={parts.pk}&label_type=localization&item=p1&column=doc_path&q=Total"
        assert send(reverse(f"labeling:{name}") + query).status_code == 404
    own = {**where(parts, "localization", "p1"), "entered": {}}
    assert api(expert).post("/api/v1/label-drafts/", own).status_code == 201
    assert api(stranger).get("/api/v1/label-drafts/").json()["results"] == []


@pytest.mark.django_db
def test_a_draft_is_shown_again_and_goes_with_the_label_or_by_hand(api, client, parts, expert, viewer) -> None:
    client.force_login(expert)
    query = f"?sheet={parts.pk}&label_type=localization&item=p1"
    entered = {"answer-boxes-json": json.dumps([box(1, 2, 3, 4)]), "label-notes": "unsure", "label-confidence": "low"}

    kept = client.post(reverse("labeling:label-draft") + query, entered)
    page = client.get(reverse("labeling:label-item") + query).content.decode()
    assert "saved_at" in kept.json() and "unsure" in page and "it is no label yet" in page
    client.post(reverse("labeling:label-item") + query, {"action": "discard"})
    assert not LabelDraft.objects.exists()

    mine = api(expert).post("/api/v1/label-drafts/", {**where(parts, "localization", "p1"), "entered": {"a": ["b"]}})
    assert api(expert).get(f"/api/v1/label-drafts/{mine.json()['id']}/").json()["entered"] == {"a": ["b"]}
    api(expert).post("/api/v1/canonical-labels/", said(parts, "p1", "localization", boxes=[]))
    assert not LabelDraft.objects.exists()
    long = {**where(parts, "localization", "p1"), "entered": {"a": ["x" * 1_000_001]}}
    assert api(expert).post("/api/v1/label-drafts/", long).status_code == 400
    refused = api(viewer).post("/api/v1/label-drafts/", {**where(parts, "localization", "p1"), "entered": {}})
    assert refused.status_code == 403


@pytest.mark.django_db
def test_items_are_listed_by_state_and_by_their_key(api, client, parts, expert) -> None:
    api(expert).post("/api/v1/canonical-labels/", said(parts, "p2", "localization", boxes=[]))
    CanonicalLabel.objects.filter(item_ref="p2").update(labelset_version=None)
    client.force_login(expert)

    def listed(**more) -> list[str]:
        asked = {"sheet": str(parts.pk), "label_type": "localization", **more}
        return [one["item_ref"] for one in api(expert).get("/api/v1/canonical-labels/items/", asked).json()["items"]]

    assert (listed(), listed(state="open"), listed(state="labeled")) == (["p1", "p2", "p3"], ["p1", "p3"], ["p2"])
    assert (listed(state="misfit"), listed(q="P3")) == ([], ["p3"])
    page = client.get(
        reverse("labeling:label"), {"sheet": parts.pk, "label_type": "localization", "status": "misfit", "q": "p"}
    )
    assert page.status_code == 200 and "No item here holds" in page.content.decode()


def test_what_a_schema_marks_follows_from_its_records() -> None:
    boxes, spans = marked_in(BOXES), marked_in(SPANS)
    needs_more = {**BOX, "properties": {**BOX["properties"], "why": NUMBER}, "required": [*BOX["required"], "why"]}

    assert [(one.kind, one.key, one.has_polygons) for one in boxes] == [("boxes", "boxes", True)]
    assert [(one.kind, one.key) for one in spans] == [("spans", "found")]
    assert marked_in({"type": "object", "properties": {"boxes": {"type": "array", "items": needs_more}}}) == []
    assert [one.field for one in marked_in({"type": "array", "items": BOX})] == ["answer"]


@given(st.binary(max_size=300))
def test_no_file_of_any_content_gets_past_the_drawing_program(content: bytes) -> None:
    """Asked in this process, which is faster: whatever comes in, a refusal in words comes out."""
    from workbench.catalogs import drawer

    for look in (lambda: drawer.image(content), lambda: drawer.page(content, number=1, rotation=0)):
        with pytest.raises(drawer.Refused):
            look()


def test_a_file_that_takes_too_long_or_breaks_the_program_is_refused(monkeypatch, tmp_path) -> None:
    endless, broken = tmp_path / "endless.py", tmp_path / "broken.py"
    endless.write_text("while True: pass")
    broken.write_text("import os; os.abort()")
    monkeypatch.setattr(drawing, "SECONDS", 0.5)
    for program, words in ((endless, "within 0.5 seconds"), (broken, "damaged")):
        monkeypatch.setattr(drawing, "PROGRAM", program)
        with pytest.raises(FileNotShown, match=words):
            previews.page_count(b"%PDF- of " + program.name.encode())


def test_vendored_scripts_are_those_of_the_manifest() -> None:
    manifest = json.loads((VENDOR / "manifest.json").read_text())
    named = {}
    for package in manifest["packages"]:
        named |= {name: file["sha256"] for name, file in package["files"].items()}
        assert package["name"] and package["version"] and package["licence"] and package["source"].startswith("https://")
        assert "Copyright" in (VENDOR / package["licence_file"]).read_text()
    found = {
        str(path.relative_to(VENDOR)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.rglob("*")
        if path.suffix in {".js", ".css"}
    }

    assert found == named


@pytest.fixture
def conflict(parts, expert, make_user, team, steward):
    """A board of which two experts drew different boxes; `dee` may settle it. Returns its page and the people."""
    people = {name: make_user(name, "domain-expert", groups=(team,)) for name in ("ann", "bob", "dee")}
    labelset = parts.labelset_bindings.get(label_type="localization").labelset
    ask_opinions(labelset=labelset, by=expert, number=2, reason="two heads")
    polygon = box(40, 30, 9, 9, points=[[40, 30], [49, 30], [44, 39]])
    drawn = {"ann": [box(0, 0, 20, 20)], "bob": [box(10, 0, 20, 20), polygon]}
    for name, boxes in drawn.items():
        agreement.give_opinion(
            sheet=parts, label_type=label_type("localization"), item_ref="p1", data={"boxes": boxes}, by=people[name]
        )
    chosen = urlencode({"sheet": parts.pk, "label_type": "localization", "item": "p1"})
    return f"{reverse('labeling:experts-settle')}?{chosen}", people


@pytest.mark.django_db
def test_what_each_expert_drew_stands_side_by_side_and_can_be_corrected(client, conflict) -> None:
    url, people = conflict
    client.force_login(people["dee"])

    page = client.get(url).content.decode()

    drawings = page.split('<figure class="drawing">')[1:]
    shapes = [re.findall(r'<polygon points="([^"]+)"', drawing) for drawing in drawings]
    assert shapes == [["0,0 20,0 20,20 0,20"], ["10,0 30,0 30,20 10,20", "40,30 49,30 44,39"]]
    assert 'viewBox="0 0 64 48"' in page and "marks of Bob" in page and "2 dent" in page
    assert "annotorious.js" in page and " style=" not in page and "<script>" not in page
    link = re.findall(r'href="([^"]+)" aria-label="Correct it: what Bob said"', page)[0].replace("&amp;", "&")
    corrected = client.get(link)
    assert len(json.loads(corrected.context["answer_form"]["boxes-json"].value())) == 2
    assert corrected.context["form"]["choice"].value() == "another"

    fields = {"settle-choice": "another", "settle-confidence": "high", "settle-reason": "one is enough"}
    beyond = client.post(url, {**fields, "answer-boxes-json": json.dumps([box(60, 0, 20, 20)])}).content.decode()
    assert "64 x 48 pixels" in beyond and not CanonicalLabel.objects.exists()
    assert client.post(url, {**fields, "answer-boxes-json": json.dumps([box(11, 0, 19, 20)])}).status_code == 302
    assert CanonicalLabel.objects.get().data == {"boxes": [box(11, 0, 19, 20)]}


@pytest.mark.django_db
def test_an_answer_to_start_from_that_nobody_gave_is_none(client, conflict, stranger) -> None:
    url, people = conflict
    client.force_login(people["dee"])

    page = client.get(f"{url}&from=0123")

    assert page.context["form"]["choice"].value() is None
    assert json.loads(page.context["answer_form"]["boxes-json"].value()) == []
    client.force_login(stranger)
    assert client.get(url).status_code in {403, 404}


@pytest.mark.django_db
def test_boxes_that_are_records_have_their_overlap(api, conflict, parts, steward) -> None:
    chosen = urlencode({"sheet": parts.pk, "label_type": "localization"})

    report = api(steward).get(f"/api/v1/opinions/agreement/?{chosen}").json()

    # Half of each first box is in the other: 200 of 600 pixels; the second box of the one has no partner.
    assert report["fields_of_answers"][0]["iou"] == pytest.approx((200 / 600) / 2)
