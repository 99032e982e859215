"""A small catalog of tickets with customers and attachments, written as plain files, and Sheets made from it."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings

from governance import access, desk
from governance.models import ApprovalRequest, User
from workbench.catalogs.models import Connection
from workbench.sheets import services
from workbench.sheets.models import SheetVersion

TICKETS = [
    {"id": "t1", "customer": "c1", "body": "card stolen", "amount": "10.5"},
    {"id": "t2", "customer": "c2", "body": "card lost", "amount": "11"},
    {"id": "t3", "customer": "c1", "body": "refund please", "amount": "90"},
    {"id": "t4", "customer": "c9", "body": "refund late", "amount": "95"},
]
CUSTOMERS = [
    {"cid": "c1", "name": "Jane Smith", "tier": "gold"},
    {"cid": "c2", "name": "Arlo Vane", "tier": "base"},
]
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c63fccfc0500f0004850180"
    "84a98c210000000049454e44ae426082"
)


def write_table(
    rows: list[dict[str, str]], ref: str, *, tags: tuple[str, ...] = (), columns: dict[str, Any] | None = None
) -> str:
    schema, name = ref.split(".")
    folder = Path(settings.CATALOG_ROOT) / schema
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    note = {"description": f"Table {name}", "tags": list(tags), "columns": columns or {}}
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(note))
    return ref


def write_file(volume: str, path: str, content: bytes) -> None:
    schema, name = volume.split(".")
    target = Path(settings.CATALOG_ROOT) / schema / "volumes" / name / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


def write_catalog() -> None:
    """`desk.tickets`, `desk.customers` (name tagged PHI) and the volume `desk.shots`."""
    write_table(TICKETS, "desk.tickets", columns={"body": {"description": "What the customer wrote"}})
    write_table(CUSTOMERS, "desk.customers", columns={"name": {"tags": ["PHI"]}})
    for name in ("t1", "t2", "t3"):
        write_file("desk.shots", f"{name}.png", PNG)
    write_file("desk.shots", "unrelated.png", PNG)


def make_connection(by: User, name: str = "Desk data") -> Connection:
    """Made once, over the catalog written for this test."""
    if not (Path(settings.CATALOG_ROOT) / "desk").exists():
        write_catalog()
    return Connection.objects.filter(name=name).first() or Connection.objects.create(owner=by, name=name)


CUSTOMER = {"ref": "desk.customers", "alias": "customer", "kind": "table", "keys": [["customer", "cid"]]}
SHOT = {"ref": "desk.shots", "alias": "shot", "kind": "volume", "pattern": "{id}.png"}


def draft_sheet(by: User, name: str = "Tickets", **fields: Any) -> SheetVersion:
    values = {"item_key": "id", "primary_ref": "desk.tickets"} | fields
    return services.create_sheet(by=by, name=name, connection=make_connection(by), **values)


def sign(request: ApprovalRequest, approver: User) -> ApprovalRequest:
    return desk.decide(request=request, by=approver, approve=True, comment="checked")


def share(version: SheetVersion, to: Any, by: User, level: str = "view") -> None:
    access.share(collection=version.sheet, to=to, level=level, by=by)


def published_sheet(
    by: User, approver: User, to: Any = None, name: str = "Tickets", **fields: Any
) -> SheetVersion:
    draft = draft_sheet(by, name, **fields)
    share(draft, to or approver, by)
    sign(services.request_publish(version=draft, by=by, reason="ready"), approver)
    return SheetVersion.objects.get(pk=draft.pk)
