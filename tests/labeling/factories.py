"""A small published Sheet, labelsets and labels to start tests from, made through the services."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from django.conf import settings

from governance import access, desk
from governance.models import ApprovalRequest, User
from labeling.labels.models import CanonicalLabel
from labeling.labels.services import save_from_tool
from labeling.labelsets import services as labelsets
from labeling.labelsets.models import LabelsetVersion, LabelType
from labeling.prompts import services as prompts
from labeling.prompts.models import TemplateVersion
from workbench.models import Connection, Sheet, SheetVersion
from workbench.sheets.services import create_sheet, request_publish

ROWS = [
    {"id": "a1", "text": "card stolen", "amount": "10.5", "patient": "Jane Smith"},
    {"id": "a2", "text": "card lost", "amount": "11", "patient": "Arlo Vane"},
    {"id": "a3", "text": "refund please", "amount": "90", "patient": "Mia Wong"},
    {"id": "a4", "text": "refund late", "amount": "95", "patient": "Ada Poe"},
]
ANNOTATIONS = "columns:\n  patient:\n    tags: [PHI]\n"
CLASSES = [{"name": "card", "description": "About a card"}, {"name": "refund"}]


def write_table(
    name: str = "tickets", rows: list[dict[str, str]] = ROWS, annotations: str = ANNOTATIONS
) -> str:
    folder = Path(settings.CATALOG_ROOT) / "main"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    (folder / f"{name}.yaml").write_text(annotations)
    return f"main.{name}"


def make_connection(by: User) -> Connection:
    Path(settings.CATALOG_ROOT).mkdir(parents=True, exist_ok=True)
    name = f"Catalog of {by.username}"
    return Connection.objects.filter(name=name).first() or Connection.objects.create(owner=by, name=name)


def sign(request: ApprovalRequest, approver: User) -> None:
    desk.decide(request=request, by=approver, approve=True, comment="checked")


def make_sheet(
    steward: User, approver: User, team: Any = None, name: str = "Tickets", **table: Any
) -> SheetVersion:
    """A published Sheet that the team may see."""
    ref = write_table(**({"name": name.lower().replace(" ", "_")} | table))
    draft = create_sheet(
        by=steward, name=name, connection=make_connection(steward), item_key="id", primary_ref=ref
    )
    share_with(draft.sheet, team or approver, steward)
    sign(request_publish(version=draft, by=steward, reason="ready"), approver)
    draft.refresh_from_db()
    return draft


def share_with(collection: Any, to: Any, owner: User, level: str = "view") -> None:
    access.share(collection=collection, to=to, level=level, by=owner)


def make_labelset(
    owner: User, approver: User, team: Any = None, *, published: bool = True, **fields: Any
) -> LabelsetVersion:
    """A labelset for classification, published by default."""
    values = {"name": "Topics", "label_type": label_type("classification"), "classes": CLASSES} | fields
    draft = labelsets.create_labelset(by=owner, **values)
    share_with(draft.labelset, team or approver, owner)
    return publish_labelset(draft, owner, approver) if published else draft


def publish_labelset(draft: LabelsetVersion, owner: User, approver: User) -> LabelsetVersion:
    sign(labelsets.request_publish(version=draft, by=owner, reason="ready"), approver)
    draft.refresh_from_db()
    return draft


def make_template(
    owner: User, approver: User, team: Any = None, *, published: bool = True, **fields: Any
) -> TemplateVersion:
    """A template that reads `text`."""
    values = {
        "name": "Ask topic",
        "label_type": label_type("classification"),
        "user_prompt": "What is this about?\n{{ text }}",
        "input_schema": [{"name": "text", "type": "string"}],
        "output_schema": {
            "type": "object",
            "properties": {"label": {"type": "string"}},
            "required": ["label"],
        },
    } | fields
    draft = prompts.create_template(by=owner, **values)
    share_with(draft.template, team or approver, owner)
    if published:
        sign(prompts.request_publish(version=draft, by=owner, reason="ready"), approver)
        draft.refresh_from_db()
    return draft


def bind(sheet: Sheet, version: LabelsetVersion, by: User) -> None:
    labelsets.bind_labelset(sheet=sheet, labelset=version.labelset, by=by)


def label_type(slug: str) -> LabelType:
    return LabelType.objects.get(pk=slug)


def make_label(sheet: Sheet, ref: str, name: str, by: User, **fields: Any) -> CanonicalLabel:
    return save_from_tool(
        sheet=sheet,
        item_ref=ref,
        label_type=label_type("classification"),
        data={"label": name},
        by=by,
        **fields,
    )
