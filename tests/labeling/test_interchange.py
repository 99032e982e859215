"""Labels out of the Workbench and back, format by format: what may be lost is listed here, and nothing else may."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.urls import reverse

from governance import constraints, jobs
from governance.constraints import Terms
from governance.errors import InvalidInput
from governance.models import HandOut, Job
from governance.uses import ALL_USES, BITS
from labeling.interchange import services
from labeling.interchange.formats import FORMATS
from labeling.interchange.port import LOSSES, Outgoing, Tally
from labeling.interchange.services import export_labels, import_labels, plan_import
from labeling.interchange.shapes import Shape
from labeling.labels.errors import ImportRefused
from labeling.labels.models import CanonicalLabel
from labeling.labels.services import derivation_for, labelset_on, record_label, save_from_tool
from workbench.demo.board_assets import LABELSETS
from workbench.demo.board_layout import HEIGHT, WIDTH
from workbench.demo.boards import DEFECT_CLASSES, board_truth
from workbench.models import CatalogObject
from workbench.sheets.selectors import published_version
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

SAMPLE_DATA = os.environ.get("WORKBENCH_SAMPLE_DATA", "")
BOXES = next(one for one in LABELSETS if one["label_type"] == "localization")["response_schema"]
BOARDS = 12  # of the demo's hundred; each is a file that is opened


def make_pictures(names: list[str], size: tuple[int, int]) -> None:
    from PIL import Image

    folder = Path(settings.CATALOG_ROOT) / "main" / "volumes" / "photos"
    folder.mkdir(parents=True)
    for name in names:
        Image.new("L", size).save(folder / name)


def photographed(steward, approver, team, expert, rows: list[dict[str, str]], suffix: str = "png", **labelset: Any):
    """A published Sheet of items with a picture each, bound to a labelset of boxes."""
    ref = write_table("boards", rows, "")
    draft = create_sheet(
        by=steward, name="Boards", connection=make_connection(steward), item_key="id", primary_ref=ref,
        sources=[{"alias": "image", "kind": "volume", "ref": "main.photos", "pattern": f"{{id}}.{suffix}"}],
    )  # fmt: skip
    share_with(draft.sheet, team, steward)
    sign(request_publish(version=draft, by=steward, reason="ready"), approver)
    values = {"response_schema": BOXES, "classes": list(DEFECT_CLASSES)} | labelset
    made = make_labelset(expert, approver, team, name="Boxes", label_type=label_type("localization"), **values)
    bind(draft.sheet, made, steward)
    return draft.sheet


@pytest.fixture
def truth() -> dict[str, Any]:
    """Boards with boxes and boards without, as the demo invents them."""
    found = {ref: answers["localization"] for ref, answers in board_truth().items()}
    return dict(sorted(found.items())[:BOARDS])


@pytest.fixture
def boards(steward, approver, team, expert, truth):
    """Labelled boards; every third with notes, every fourth with a low confidence."""
    make_pictures([f"{ref}.png" for ref in truth], (WIDTH, HEIGHT))
    sheet = photographed(steward, approver, team, expert, [{"id": ref} for ref in truth])
    for number, (ref, data) in enumerate(truth.items()):
        save_from_tool(
            sheet=sheet, item_ref=ref, label_type=label_type("localization"), data=data, by=expert,
            notes="=looked twice" if number % 3 == 0 else "", confidence="low" if number % 4 == 0 else "high",
        )  # fmt: skip
    return sheet


@pytest.fixture
def foreign(stranger, approver):
    """Another team's Sheet with a label of its own."""
    version = make_sheet(stranger, approver, approver, name="Foreign")
    bind(version.sheet, make_labelset(stranger, approver, approver, name="Foreign topics"), stranger)
    make_label(version.sheet, "a1", "card", stranger)
    return version.sheet


def state(sheet) -> dict[str, tuple[Any, ...]]:
    labels = CanonicalLabel.objects.filter(sheet=sheet, retired_at__isnull=True).select_related("content")
    return {label.item_ref: (label.data, label.confidence, label.notes) for label in labels}


def taken(sheet, by, slug: str, kind: str = "localization") -> tuple[bytes, dict[str, int]]:
    found = export_labels(sheet=sheet, label_type=label_type(kind), use="testing", by=by, format=slug)
    content = b"".join(found.pieces)
    return content, {key: count for key, count in found.tally.losses.items() if count}


def brought(sheet, by, slug: str, content: bytes, kind: str = "localization", **more: Any):
    return import_labels(sheet=sheet, label_type=label_type(kind), format=slug, content=content, by=by, **more)


def spoil(sheet, by) -> None:
    """Every label says something else now, and has neither notes nor a doubt."""
    lines = [
        json.dumps({"item_ref": ref, "data": {"boxes": []}, "confidence": "high", "notes": ""}) for ref in state(sheet)
    ]
    done = brought(sheet, by, "jsonl", "\n".join(lines).encode())
    assert not done.plan.refused


EVERY, NOTED, UNSURE = BOARDS, 4, 3
# Format → what a file lacks, and what an import leaves of it: all that may be lost on the way.
ALLOWED: dict[str, tuple[dict[str, int], dict[str, int]]] = {
    "jsonl": ({}, {"provenance": EVERY}),
    "csv": ({}, {"provenance": EVERY}),
    "label_studio": ({"provenance": EVERY}, {}),
    "coco": ({"provenance": EVERY, "notes": NOTED, "confidence": UNSURE}, {}),
    "yolo": ({"provenance": EVERY, "notes": NOTED, "confidence": UNSURE}, {}),
}


@pytest.mark.django_db
def test_boards_go_out_and_come_back_and_lose_what_is_listed_and_nothing_else(boards, truth, expert, foreign) -> None:
    before, elsewhere = state(boards), state(foreign)
    assert set(ALLOWED) == set(FORMATS)
    for slug, (lacks, leaves) in ALLOWED.items():
        content, lost = taken(boards, expert, slug)
        assert lost == lacks, slug
        again = plan_import(
            sheet=boards, label_type=label_type("localization"), format=slug, content=content, by=expert
        )
        assert (again.same, again.entries) == (BOARDS, []), slug
        spoil(boards, expert)
        done = brought(boards, expert, slug, content)

        after = state(boards)
        assert done.plan.as_json()["losses"] == leaves, slug
        assert (done.plan.refused, {ref: data for ref, (data, _, _) in after.items()}) == (0, truth), slug
        about = {"confidence": 1, "notes": 2}
        for key, place in about.items():
            is_same = {ref: one[place] for ref, one in after.items()} == {
                ref: one[place] for ref, one in before.items()
            }
            assert is_same != (key in lacks), (slug, key)
        for loss in {*lacks, *leaves}:
            assert loss in LOSSES and loss in FORMATS[slug].cannot
        brought(boards, expert, "jsonl", "\n".join(
            json.dumps({"item_ref": ref, "data": data, "confidence": sure, "notes": notes})
            for ref, (data, sure, notes) in before.items()
        ).encode())  # fmt: skip
    assert state(foreign) == elsewhere


@pytest.mark.django_db
@pytest.mark.skipif(not SAMPLE_DATA, reason="WORKBENCH_SAMPLE_DATA names no folder with pcb/annotations.jsonl")
def test_photographed_circuit_boards_go_out_and_come_back(steward, approver, team, expert) -> None:
    lines = (Path(SAMPLE_DATA) / "pcb" / "annotations.jsonl").read_text().splitlines()[:10]
    found = {Path(one["image"]).stem: {"boxes": one["boxes"]} for one in map(json.loads, lines)}
    classes = sorted({box["class"] for data in found.values() for box in data["boxes"]})
    make_pictures([], (1, 1))
    for ref in found:
        target = Path(settings.CATALOG_ROOT) / "main" / "volumes" / "photos" / f"{ref}.jpg"
        target.write_bytes((Path(SAMPLE_DATA) / "pcb" / "images" / f"{ref}.jpg").read_bytes())
    place = {key: {"type": "integer", "minimum": 0} for key in ("x1", "y1", "x2", "y2")}
    box = {"type": "object", "properties": {**place, "class": {"type": "string", "enum": classes}}}
    box |= {"required": [*place, "class"], "additionalProperties": False}
    schema = {"type": "object", "properties": {"boxes": {"type": "array", "items": box}}, "required": ["boxes"]}
    sheet = photographed(
        steward, approver, team, expert, [{"id": ref} for ref in found], "jpg", response_schema=schema, classes=classes
    )
    text = "\n".join(json.dumps({"item_ref": ref, "data": data}) for ref, data in found.items())
    assert brought(sheet, expert, "jsonl", text.encode()).saved == len(found)
    for slug in FORMATS:
        content, lost = taken(sheet, expert, slug)
        assert set(lost) <= {"provenance"}, slug
        spoil(sheet, expert)
        done = brought(sheet, expert, slug, content)
        assert done.plan.refused == 0, (slug, done.plan.misfits)
        assert {ref: one[0] for ref, one in state(sheet).items()} == found, slug


FIELDS = {
    "type": "object",
    "properties": {
        "topic": {"type": "string", "enum": ["card", "null", "=sum"]},
        "tags": {"type": "array", "items": {"type": "string", "enum": ["new", "old"]}},
        "why": {"type": ["string", "null"]},
        "score": {"type": "number"},
        "sure": {"type": "boolean"},
        "deep": {"type": "object"},
    },
    "required": ["topic", "tags", "why"],
}
ANSWERS = [
    {"topic": "card", "tags": ["old", "new"], "why": "=HYPERLINK(1)", "score": 1.5, "sure": False},
    {"topic": "null", "tags": [], "why": None, "score": -3, "deep": {"a": [1, {"b": None}]}},
    {"topic": "=sum", "tags": ["new"], "why": "'=quoted", "sure": True, "beyond": ["x"]},
    {"topic": "card", "tags": ["new"], "why": "\t\"two\"\r\nlines, and 'more'"},
    {"topic": "card", "tags": ["new"], "why": ""},
    {"topic": "card", "tags": ["new"], "why": '"null"'},
]


def round_trip(slug: str, data: Any, schema: dict[str, Any]) -> tuple[Any, list[str]]:
    shape, form = Shape.of(schema), FORMATS[slug]
    label = Outgoing(item_ref="=a", data=data, confidence="low", notes="@me", provenance={"version": 1})
    content = b"".join(form.write([label], shape, Tally()))
    (found,) = form.read(content, shape, Tally().losses)
    assert (found.item_ref, found.confidence, found.notes) == ("=a", "low", "@me")
    return found.data, list(form.left_out(label, shape))


@pytest.mark.parametrize("data", ANSWERS)
def test_fields_of_every_kind_come_back(data) -> None:
    for slug in ("jsonl", "csv"):
        assert round_trip(slug, data, FIELDS) == (data, [])
    placeless = {"deep", "beyond"} & set(data)
    found, lost = round_trip("label_studio", data, FIELDS)
    assert found == {key: value for key, value in data.items() if key not in placeless}
    assert lost == ["provenance", *(["fields"] if placeless else [])]


@pytest.mark.parametrize("data", ["=plain", {"a": 1}, None, ["x", 1.5], 7, "null", ""])
def test_answers_without_fields_come_back(data) -> None:
    for slug in ("jsonl", "csv"):
        assert round_trip(slug, data, {})[0] == data


def test_a_table_runs_no_formula() -> None:
    label = Outgoing(item_ref="=1+1", data=ANSWERS[0], confidence="high", notes="+1", provenance={"labeled_by": "@me"})
    content = b"".join(FORMATS["csv"].write([label], Shape.of(FIELDS), Tally())).decode()

    cells = content.splitlines()[1].split(",")
    assert not [cell for cell in cells if cell.strip('"')[:1] in "=+-@" and cell]


def test_formats_of_boxes_say_why_other_answers_do_not_fit() -> None:
    for slug in ("coco", "yolo"):
        assert "list of boxes" in FORMATS[slug].unfit(Shape.of(FIELDS))
        assert not FORMATS[slug].unfit(Shape.of(BOXES))


# -- bad input --------------------------------------------------------------------------------------------------


def archive(**members: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in members.items():
            file.writestr(name.replace("__", "/"), text)
    return out.getvalue()


def coco(*boxes: Any, **image: Any) -> bytes:
    first = {"id": 1, "file_name": "BOARD-0001.png", "width": WIDTH, "height": HEIGHT} | image
    annotations = [{"id": n, "image_id": 1, "category_id": 1, "bbox": box} for n, box in enumerate(boxes, 1)]
    second = {"id": 2, "file_name": "BOARD-0002.png"}
    names = [{"id": 1, "name": "short"}, {"id": 2, "name": "crack"}]
    return json.dumps({"images": [first, second], "annotations": annotations, "categories": names}).encode()


GOOD = {"classes.txt": "short\ncrack\n", "labels__BOARD-0002.txt": "0 0.5 0.5 0.1 0.1\n"}
LINE = b'{"item_ref": "BOARD-0002", "data": {"boxes": []}}'
PART: list[tuple[str, bytes, str]] = [
    ("coco", coco([600, 0, 100, 10]), "does not lie in the picture of 640 x 480"),
    ("coco", coco([1, 1, 0, 10]), "width is 0, expected at least 1"),
    ("coco", coco([1, 1, "x", 10]), "annotation 1 has 'x' for a number"),
    ("coco", coco([1, 1, 5, 5], width=320), "says that the picture is 320"),
    ("coco", coco([1, 1, 5, 5]).replace(b'"category_id": 1', b'"category_id": 2'), "unknown class 'crack'"),
    ("coco", coco(file_name="other.png"), "has the picture 'other.png'"),
    ("yolo", archive(**GOOD, **{"labels__BOARD-0001.txt": "0 .5 .5 .1 .1\n7 .5 .5 .1 .1"}), "line 2 names the class"),
    ("yolo", archive(**GOOD, **{"labels__BOARD-0001.txt": "0 0.99 0.5 0.1 0.1"}), "does not lie in the picture"),
    ("yolo", archive(**GOOD, **{"labels__BOARD-0001.txt": "1 .5 .5 .1 .1"}), "unknown class 'crack'"),
    ("yolo", archive(**GOOD, **{"labels__BOARD-0001.txt": "0 nan .5 .1 .1"}), "'nan' for a number"),
    ("jsonl", LINE + b'\n{"item_ref": "BOARD-0002", "data": 1}', "stands in line 1"),
    ("jsonl", LINE + b'\n{"a": ' + b"9" * 10_000_000, "line 2"),
    ("csv", b'item_ref,answer.boxes\r\nBOARD-0002,[]\r\nBOARD-0001,[{]\r\n', "line 3: column answer.boxes is no JSON"),
    ("csv", b'item_ref,answer.boxes\r\nBOARD-0002,[]\r\n"BOARD-0001,[]\r\n', "line 3: is no CSV"),
    ("label_studio", json.dumps([
        {"data": {"item_ref": "BOARD-0002"}, "annotations": [{"result": []}]},
        {"data": {"image": "/data/upload/0a1b2c3d-BOARD-0001.png"}, "annotations": [{"result": [
            {"type": "rectanglelabels", "value": {
                "x": 95, "y": 1, "width": 9, "height": 9, "rectanglelabels": ["short"]}}]}]},
    ]).encode(), "does not lie in the picture"),
    ("coco", coco([1e308, 1e308, 1e308, 1e308]), "for a number"),
    ("coco", coco([10**400, 1, 1, 1]), "for a number"),
    ("yolo", archive(**GOOD, **{"labels__BOARD-0001.txt": "0 1e308 1e308 1e308 1e308"}), "for a number"),
]  # fmt: skip
WHOLE: list[tuple[str, bytes, str]] = [
    ("yolo", b"PK\x03\x04 broken", "is no ZIP archive"),
    ("yolo", archive(**GOOD, **{"..__..__x.txt": "0"}), "leads out of it"),
    ("yolo", archive(**GOOD, **{"big.txt": "0" * 30_000_000}), "unpacks to 30,000,000 bytes"),
    ("yolo", archive(**{"labels__a.txt": "0 1 1 1 1"}), "0 files classes.txt"),
    ("coco", b'{"images": [', "The file is not JSON"),
    ("coco", b"[]", "no COCO file"),
    ("coco", coco().replace(b'"id": 2, "file', b'"id": 1, "file'), "id 1 twice"),
    ("label_studio", b"{}", "no list of tasks"),
    ("csv", b"a,b\r\n1,2\r\n", "expected item_ref and answer.boxes"),
    ("jsonl", b"\xff\xfe", "UTF-16"),
    ("jsonl", b"\n\n", "holds no label"),
    ("tiff", b"x", "'tiff' is no format"),
]


@pytest.mark.django_db
def test_bad_input_is_named_by_its_place_and_the_rest_goes_on(boards, expert, foreign) -> None:
    before = state(boards)
    for slug, content, words in WHOLE:
        with pytest.raises(InvalidInput, match=words):
            brought(boards, expert, slug, content)
    assert state(boards) == before
    for slug, content, words in PART:
        spoil(boards, expert)
        done = brought(boards, expert, slug, content)
        said = [str(misfit) for misfit in done.plan.misfits]
        assert len(said) == done.plan.refused == 1 and words in said[0], (slug, words, said)
        assert done.plan.same + done.plan.changed == 1, (slug, words)
        assert state(boards)["BOARD-0001"][0] == {"boxes": []}
        with pytest.raises(ImportRefused, match="Nothing was saved"):
            brought(boards, expert, slug, content, all_or_nothing=True)


@pytest.mark.django_db
def test_many_labels_are_saved_by_a_job_that_says_what_it_did(boards, truth, expert, monkeypatch) -> None:
    content, _ = taken(boards, expert, "coco")
    spoil(boards, expert)
    monkeypatch.setattr(services, "AT_ONCE", 2)

    cancelled = brought(boards, expert, "coco", content).job
    jobs.cancel(job=cancelled, by=expert)
    cancelled.refresh_from_db()
    assert "0 of 0 labels were saved" in cancelled.error
    job = brought(boards, expert, "coco", content).job
    assert (job.state, state(boards)["BOARD-0001"][0]) == (Job.State.QUEUED, {"boxes": []})
    jobs.run(job.pk)

    job.refresh_from_db()
    changed = sum(bool(data["boxes"]) for data in truth.values())
    assert (job.state, job.result["saved"], job.result["same"]) == ("succeeded", changed, BOARDS - changed), job.error
    assert {ref: one[0] for ref, one in state(boards).items()} == truth
    assert not list(settings.IMPORT_ROOT.iterdir())


@pytest.mark.django_db
def test_files_that_name_pictures_need_the_pictures_to_permit_the_use(steward, approver, team, expert) -> None:
    make_pictures(["b1.png"], (WIDTH, HEIGHT))
    sheet = photographed(steward, approver, team, expert, [{"id": "b1"}])
    version, labelset = published_version(sheet), labelset_on(sheet, label_type("localization"))
    record_label(
        sheet=sheet, item_ref="b1", label_type=label_type("localization"), labelset_version=labelset,
        data={"boxes": []}, by=expert, seen_digest="", derivation=derivation_for(version, labelset, ["id"]),
    )  # fmt: skip
    assert taken(sheet, expert, "coco")[1] == {"provenance": 1}
    photos = CatalogObject.objects.get(connection=sheet.connection, ref="main.photos", kind="volume")
    closed = Terms(
        allowed_uses=ALL_USES, prohibited_uses=BITS["testing"], data_classification=1, usage_reason="a customer's"
    )
    constraints.tighten(row=photos, terms=closed, by=steward)

    assert b"b1" in taken(sheet, expert, "jsonl")[0]
    for slug in ("coco", "yolo", "label_studio"):
        with pytest.raises(InvalidInput, match="image_path prohibits testing"):
            taken(sheet, expert, slug)


# -- doors ------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_api_looks_first_imports_an_archive_and_says_what_is_lost(api, boards, expert, foreign) -> None:
    client, where = api(expert), {"sheet": str(boards.pk), "label_type": "localization"}
    exported = client.get("/api/v1/canonical-labels/export/", where | {"use": "testing", "as": "yolo"})
    content = exported.getvalue()
    lost = {"provenance": BOARDS, "notes": NOTED, "confidence": UNSURE}
    assert json.loads(exported["X-Losses"]) == lost
    manifest = json.loads(zipfile.ZipFile(io.BytesIO(content)).read("manifest.json"))
    assert manifest["not_carried_over"] == {LOSSES[key]: count for key, count in lost.items()}
    assert HandOut.objects.get().rows == BOARDS

    spoil(boards, expert)

    def send(**more: Any):
        file = io.BytesIO(content)
        file.name = "labels.zip"
        body = where | {"format": "yolo", "file": file} | more
        return client.post("/api/v1/canonical-labels/import/", body, format="multipart")

    looked, done, again = send(dry_run="true"), send(), send()

    assert [answer.status_code for answer in (looked, done, again)] == [200, 201, 201], done.content
    assert looked.json()["changed"] == done.json()["saved"] > 0
    assert (looked.json()["saved"], again.json()["saved"], again.json()["same"]) == (0, 0, BOARDS)


@pytest.mark.django_db
def test_the_pages_say_what_each_format_leaves_out_and_what_an_import_would_do(client, boards, expert) -> None:
    client.force_login(expert)
    where = urlencode({"sheet": boards.pk, "label_type": "localization"})
    page = client.get(f"{reverse('labeling:label-export')}?{where}").content.decode()
    assert f"{NOTED} notes" in page and "carries everything" in page

    file = io.BytesIO(coco([1, 1, 5, 5], [700, 1, 5, 5]))
    file.name = "labels.json"
    url = f"{reverse('labeling:label-import')}?{where}"
    looked = client.post(url, {"format": "coco", "file": file})
    assert looked.context["plan"].refused == 1
    assert "x is 700, expected at most 639" in looked.content.decode()
    elsewhere = client.post(url, {"looked_at": looked.context["looked_at"] + "x"}, follow=True)
    assert "Choose it again" in elsewhere.content.decode()
