"""Labelsets, templates and sheet of the circuit boards."""

from __future__ import annotations

from typing import Any

from workbench.demo.board_layout import HEIGHT, WIDTH
from workbench.demo.boards import DEFECT_CLASSES, ROOT_CAUSES
from workbench.demo.descriptions import BOARDS, SENSORS, Column
from workbench.demo.schemas import answer, list_of, one_of, record

_SENSOR_COLUMNS = {f"sensor_{name}": column for name, column in SENSORS.columns.items() if name != "board_id"}
_COLUMNS = {
    **BOARDS.columns,
    **_SENSOR_COLUMNS,
    "image_path": Column("image", "The photograph, attached to the prompt"),
}

SHEET: dict[str, Any] = {
    "name": "Circuit boards",
    "description": "Inspected boards with photograph and process data.",
    "primary_source": "factory.boards",
    "item_key": "board_id",
    "secondary_sources": [
        {"kind": "table", "name": "factory.sensors", "alias": "sensor", "on": "board_id"},
        {"kind": "volume", "name": "factory.board_images", "alias": "image", "pattern": "{board_id}.png"},
    ],
    "column_roles": {
        **dict.fromkeys(_COLUMNS, "metadata"),
        "aoi_remark": "text",
        "sensor_line_log": "text",
        "image_path": "image",
    },
}

_DEFECTS = [
    {"name": "short", "description": "Copper or solder joins two conductors", "color": "#b3261e"},
    {"name": "open_circuit", "description": "A conductor is interrupted", "color": "#c2185b"},
    {"name": "missing_hole", "description": "A pad was not drilled", "color": "#8a5a00"},
    {
        "name": "spurious_copper",
        "description": "An island of copper that belongs to no conductor",
        "color": "#6b3fb8",
    },
    {
        "name": "spur",
        "description": "A spike grows from a conductor and reaches no other",
        "color": "#2f54c8",
    },
    {
        "name": "mouse_bite",
        "description": "The edge of a conductor is nibbled, not cut through",
        "color": "#0f7c8a",
    },
]
_CAUSES = [
    {"name": "none", "description": "Process in order", "color": "#5a6675"},
    {
        "name": "over_etching",
        "description": "Bath too strong or too long: conductors thin out",
        "color": "#b3261e",
    },
    {"name": "under_etching", "description": "Bath too weak or too short: copper stays", "color": "#8a5a00"},
    {"name": "drill_wear", "description": "Worn or broken drill bit", "color": "#6b3fb8"},
    {
        "name": "resist_lifting",
        "description": "Damp film lifts and lets the bath under it",
        "color": "#2f54c8",
    },
    {"name": "paste_misprint", "description": "Too much or misplaced solder paste", "color": "#0f7c8a"},
]
_SEEN = ["product", "aoi_remark", "image_path"]
_CAUSE_SEEN = ["product", "aoi_remark", *_SENSOR_COLUMNS, "image_path"]
_BOX = {
    "class": one_of(DEFECT_CLASSES, "Defect in the box"),
    "x": {"type": "integer", "minimum": 0, "maximum": WIDTH - 1, "description": "Left edge in pixels"},
    "y": {"type": "integer", "minimum": 0, "maximum": HEIGHT - 1, "description": "Top edge in pixels"},
    "width": {"type": "integer", "minimum": 1, "maximum": WIDTH, "description": "Width in pixels"},
    "height": {"type": "integer", "minimum": 1, "maximum": HEIGHT, "description": "Height in pixels"},
}

LABELSETS: list[dict[str, Any]] = [
    {
        "name": "Board defects",
        "label_type": "classification",
        "description": "Which defect classes the board shows, and the worst of them. Order of severity: "
        "short, open circuit, missing hole, spurious copper, spur, mouse bite.",
        "classes": _DEFECTS,
        "response_schema": answer(
            {
                "defects": list_of(
                    {"type": "string", "enum": list(DEFECT_CLASSES)},
                    "All classes present, worst first",
                    uniqueItems=True,
                ),
                "main_defect": one_of((*DEFECT_CLASSES, "none"), "The worst defect, none for a good board"),
            }
        ),
        "seen_columns": _SEEN,
        "default_constraints": None,
    },
    {
        "name": "Defect boxes",
        "label_type": "localization",
        "description": "A box around each defect, in pixels from the top left of the 640 x 480 photograph.",
        "classes": _DEFECTS,
        "response_schema": answer({"boxes": list_of(record(_BOX), "One box per defect", maxItems=20)}),
        "seen_columns": _SEEN,
        "default_constraints": None,
    },
    {
        "name": "Root cause",
        "label_type": "root_cause",
        "description": "Which step of the process caused what is seen; photograph and process data must "
        "agree.",
        "classes": _CAUSES,
        "response_schema": answer({"root_cause": one_of(ROOT_CAUSES, "Cause in the process")}),
        "seen_columns": _CAUSE_SEEN,
        "default_constraints": None,
    },
    {
        "name": "Pass or fail",
        "label_type": "pass_fail",
        "description": "Fail with a short, an open circuit, a missing hole, or more than one defect; "
        "a single cosmetic defect passes.",
        "classes": [
            {"name": "pass", "description": "May be shipped", "color": "#137a4b"},
            {"name": "fail", "description": "To rework or scrap", "color": "#b3261e"},
        ],
        "response_schema": answer({"result": one_of(("pass", "fail"), "Verdict of the inspection")}),
        "seen_columns": _SEEN,
        "default_constraints": None,
    },
]


_LOOK = "Look at the photograph first; the inspection machine overlooks some findings."
_MEASURE = "Go by the measurements and the line's log; the inspection machine overlooks some findings."


def _template(
    name: str,
    label_type: str,
    labelset: str,
    task: str,
    user_prompt: str,
    max_tokens: int,
    *,
    looks: bool = True,
) -> dict[str, Any]:
    return {
        "name": name,
        "description": task,
        "version": "1.0.0",
        "label_type": label_type,
        "labelset": labelset,
        "system_prompt": f"You inspect bare and assembled circuit boards with twenty years at the line. "
        f"{task} {_LOOK if looks else _MEASURE} Answer with JSON only.",
        "user_prompt": user_prompt,
        "file_columns": ["image_path"] if looks else [],
        "columns": _COLUMNS,
        "temperature": 0.0,
        "max_tokens": max_tokens,
        "examples": [],
    }


_BOARD = "Product {{ product }}. Inspection machine: {{ aoi_remark }}."
_MEASURED = "\n".join(f"{column.description}: {{{{ {name} }}}}" for name, column in _SENSOR_COLUMNS.items())

TEMPLATES: list[dict[str, Any]] = [
    _template(
        "Board defect classes",
        "classification",
        "Board defects",
        "Name every defect class on the board, worst first, and the worst one.",
        f"Which defects? {_BOARD}",
        120,
    ),
    _template(
        "Board defect boxes",
        "localization",
        "Defect boxes",
        "Draw a tight box around each defect, in pixels from the top left of the 640 x 480 photograph.",
        f"Where are the defects? {_BOARD}",
        400,
    ),
    _template(
        "Board root cause",
        "root_cause",
        "Root cause",
        "Find the process step that explains both the defects and the measurements.",
        f"What caused this? {_BOARD}\n{_MEASURED}",
        60,
        looks=False,
    ),
    _template(
        "Board pass or fail",
        "pass_fail",
        "Pass or fail",
        "Decide: a short, an open circuit, a missing hole or more than one defect fails; one cosmetic "
        "defect passes.",
        f"Pass or fail? {_BOARD}",
        40,
    ),
]
