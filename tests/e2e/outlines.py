"""Further Sheets of the demonstration's boards, each with a labelset of its own; made through the services."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from governance import access, desk
from governance.models import ApprovalRequest, User
from governance.roles import group_for
from labeling.labelsets import services as labelsets
from labeling.labelsets.selectors import labelset_for
from labeling.models import LabelType
from tests.e2e.steps import EXPERT, TEAM
from workbench.models import Sheet
from workbench.sheets import services as sheets
from workbench.sheets.selectors import published_version

NAME = "Boards to outline"
BY_THREE, LABELS_BY_THREE = "Boards for three", "Verdicts"
PEOPLE = ("ann-able", "bob-brown", "cy-clark", "dee-dunn")
POINTS = {
    "type": "array",
    "minItems": 3,
    "items": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
}


def make_rows() -> None:
    """A Sheet whose labelset takes a polygon beside each box."""

    def with_points(schema: dict[str, Any]) -> None:
        schema["properties"]["boxes"]["items"]["properties"]["points"] = POINTS

    _make(NAME, "Defect outlines", with_points, [group_for("domain-expert"), group_for("approver")])


def make_rows_for_three() -> None:
    """A Sheet whose labelset takes a verdict beside the boxes, for the team; and four more experts in the team."""
    from django.contrib.auth.models import Group

    from tests.labeling.desk_world import make_account

    def with_verdict(schema: dict[str, Any]) -> None:
        schema["properties"] = {"verdict": {"enum": ["good", "defect"]}, **schema["properties"]}
        schema["required"] = ["verdict", *schema["required"]]

    team = Group.objects.get(name=TEAM)
    for name in PEOPLE:
        make_account(name, "domain-expert", team=team)
    _make(BY_THREE, LABELS_BY_THREE, with_verdict, [team])


def _make(name: str, labels: str, change: Callable[[dict[str, Any]], None], readers: list[Any]) -> None:
    owner, approver = (User.objects.get(username=name) for name in ("data-steward", "approver"))
    expert = User.objects.get(username=EXPERT)
    boards = Sheet.objects.get(name="Circuit boards")
    boxes, source = labelset_for(boards, "localization"), published_version(boards)
    assert boxes is not None
    schema = copy.deepcopy(boxes.response_schema)
    change(schema)
    draft = sheets.create_sheet(
        by=owner, name=name, connection=boards.connection, item_key=boards.item_key, primary_ref=source.primary_ref,
        sources=source.sources,
    )  # fmt: skip
    for reader in readers:
        access.share(collection=draft.sheet, to=reader, level="view", by=owner)
    _sign(sheets.request_publish(version=draft, by=owner, reason="ready"), approver)
    made = labelsets.create_labelset(
        by=expert, name=labels, label_type=LabelType.objects.get(pk="localization"), classes=boxes.classes,
        response_schema=schema, seen_columns=["board_id", "aoi_remark", "image_path"],
    )  # fmt: skip
    for reader in (*readers, group_for("data-steward"), group_for("approver")):
        access.share(collection=made.labelset, to=reader, level="view", by=expert)
    _sign(labelsets.request_publish(version=made, by=expert, reason="ready"), approver)
    labelsets.bind_labelset(sheet=draft.sheet, labelset=made.labelset, by=owner)


def _sign(request: ApprovalRequest, approver: User) -> None:
    desk.decide(request=request, by=approver, approve=True, comment="looked at it")
