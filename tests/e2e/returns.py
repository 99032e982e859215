"""A Sheet of the demo team whose items have a letter, a picture of how a board should be and of how it came back, and
a report of two pages: what the labelling tool can show beside one answer. Made through the services."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from governance import access, desk
from governance.models import ApprovalRequest, User
from governance.roles import group_for
from labeling.labelsets import services as labelsets
from labeling.models import LabelType
from workbench.catalogs import services as catalogs
from workbench.sheets import services as sheets

NAME = "Returned boards"
LETTER = "Zoë 🙂 Nowak of Łódź sends board 7 back."
REPORT = ("Report of the repair shop", "Replaced capacitor C14 for 1,234.50 EUR")
KEYS = ("R-1", "R-2", "R-3", "R-4")
SPAN = {
    "type": "object",
    "properties": {
        "class": {"enum": ["person", "place"]}, "start": {"type": "integer"}, "end": {"type": "integer"},
        "text": {"type": "string"},
    },
    "required": ["class", "start", "end"],
}  # fmt: skip
SCHEMA = {
    "type": "object",
    "properties": {
        "found": {"type": "array", "items": SPAN, "x-column": "letter"},
        "fault": {"type": "string"},
        "costs": {"type": "number"},
    },
    "required": ["found"],
}
SOURCES = [
    {"alias": "template", "kind": "volume", "ref": "returns.templates", "pattern": "{id}.png"},
    {"alias": "tested", "kind": "volume", "ref": "returns.tested", "pattern": "{id}.png"},
    {"alias": "report", "kind": "volume", "ref": "returns.reports", "pattern": "{id}.pdf"},
]


def make_rows(folder: Path) -> None:
    """The files below `folder`, the Sheet over them and its labelset, in the site's database."""
    owner, expert, approver = (
        User.objects.get(username=name) for name in ("data-steward", "domain-expert", "approver")
    )
    _write_files(folder / "returns-catalog" / "returns")
    connection = catalogs.create_connection(by=owner, name="Returns", location=str(folder / "returns-catalog"))
    catalogs.sync_catalog(connection=connection, by=owner)
    draft = sheets.create_sheet(
        by=owner, name=NAME, connection=connection, item_key="id", primary_ref="returns.letters", sources=SOURCES
    )
    for role in ("domain-expert", "approver"):
        access.share(collection=draft.sheet, to=group_for(role), level="view", by=owner)
    _sign(sheets.request_publish(version=draft, by=owner, reason="ready"), approver)
    faults = labelsets.create_labelset(
        by=expert, name="Faults", label_type=LabelType.objects.get(pk="entity_extraction"), classes=[],
        response_schema=SCHEMA,
    )  # fmt: skip
    for role in ("data-steward", "approver"):
        access.share(collection=faults.labelset, to=group_for(role), level="view", by=expert)
    _sign(labelsets.request_publish(version=faults, by=expert, reason="ready"), approver)
    labelsets.bind_labelset(sheet=draft.sheet, labelset=faults.labelset, by=owner)


def _write_files(catalog: Path) -> None:
    catalog.mkdir(parents=True)
    with (catalog / "letters.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["id", "letter"])
        table.writerows([key, LETTER] for key in KEYS)
    for volume in ("templates", "tested", "reports"):
        (catalog / "volumes" / volume).mkdir(parents=True)
    for key in KEYS:
        _draw(catalog / "volumes" / "templates" / f"{key}.png", capacitor=True)
        _draw(catalog / "volumes" / "tested" / f"{key}.png", capacitor=False)
        _print(catalog / "volumes" / "reports" / f"{key}.pdf", REPORT)


def _draw(path: Path, *, capacitor: bool) -> None:
    from PIL import Image, ImageDraw

    board = Image.new("RGB", (320, 240), "darkgreen")
    pen = ImageDraw.Draw(board)
    pen.rectangle((40, 40, 120, 90), fill="black")
    if capacitor:
        pen.ellipse((200, 140, 250, 190), fill="silver")
    board.save(path)


def _print(path: Path, pages: Sequence[str]) -> None:
    from reportlab.pdfgen.canvas import Canvas

    canvas = Canvas(str(path), pagesize=(400, 300))
    for words in pages:
        canvas.drawString(60, 220, words)
        canvas.showPage()
    canvas.save()


def _sign(request: ApprovalRequest, approver: User) -> None:
    desk.decide(request=request, by=approver, approve=True, comment="looked at it")
