"""A second Sheet of the demonstration's boards, whose defects may get polygons; made through the services."""

from __future__ import annotations

import copy

from governance import access, desk
from governance.models import ApprovalRequest, User
from governance.roles import group_for
from labeling.labelsets import services as labelsets
from labeling.labelsets.selectors import labelset_for
from labeling.models import LabelType
from workbench.models import Sheet
from workbench.sheets import services as sheets
from workbench.sheets.selectors import published_version

NAME = "Boards to outline"
POINTS = {
    "type": "array",
    "minItems": 3,
    "items": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
}


def make_rows() -> None:
    """The Sheet, and a labelset that takes a polygon beside each box."""
    owner, approver = (User.objects.get(username=name) for name in ("data-steward", "approver"))
    expert = User.objects.get(username="domain-expert")
    boards = Sheet.objects.get(name="Circuit boards")
    boxes, source = labelset_for(boards, "localization"), published_version(boards)
    assert boxes is not None
    schema = copy.deepcopy(boxes.response_schema)
    schema["properties"]["boxes"]["items"]["properties"]["points"] = POINTS
    draft = sheets.create_sheet(
        by=owner, name=NAME, connection=boards.connection, item_key=boards.item_key, primary_ref=source.primary_ref,
        sources=source.sources,
    )  # fmt: skip
    for role in ("domain-expert", "approver"):
        access.share(collection=draft.sheet, to=group_for(role), level="view", by=owner)
    _sign(sheets.request_publish(version=draft, by=owner, reason="ready"), approver)
    outlines = labelsets.create_labelset(
        by=expert, name="Defect outlines", label_type=LabelType.objects.get(pk="localization"), classes=boxes.classes,
        response_schema=schema, seen_columns=["board_id", "aoi_remark", "image_path"],
    )  # fmt: skip
    for role in ("data-steward", "approver"):
        access.share(collection=outlines.labelset, to=group_for(role), level="view", by=expert)
    _sign(labelsets.request_publish(version=outlines, by=expert, reason="ready"), approver)
    labelsets.bind_labelset(sheet=draft.sheet, labelset=outlines.labelset, by=owner)


def _sign(request: ApprovalRequest, approver: User) -> None:
    desk.decide(request=request, by=approver, approve=True, comment="looked at it")
