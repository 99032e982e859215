"""One hundred invented circuit boards: what was made, what went wrong, and what an inspector would answer."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from workbench.demo.board_layout import (
    CONNECTOR_RADIUS,
    HEIGHT,
    PITCH,
    WIDTH,
    Layout,
    Point,
    Rect,
    Run,
    layouts,
)
from workbench.demo.chance import seeded

BOARD_COUNT = 100
# Worst first: the first one present is the main defect.
DEFECT_CLASSES = ("short", "open_circuit", "missing_hole", "spurious_copper", "spur", "mouse_bite")
ROOT_CAUSES = ("none", "over_etching", "under_etching", "drill_wear", "resist_lifting", "paste_misprint")
# These break the circuit or the assembly; the others are accepted when alone (class 2 product).
_FATAL = {"short", "open_circuit", "missing_hole"}
_DEFECTS_OF = {
    "none": (),
    "over_etching": ("open_circuit", "mouse_bite"),
    "under_etching": ("short", "spur", "spurious_copper"),
    "drill_wear": ("missing_hole",),
    "resist_lifting": ("mouse_bite", "spur", "open_circuit"),
    "paste_misprint": ("short", "spurious_copper"),
}
# Sensor -> (mean, spread, digits) on a good day.
_SENSORS = {
    "reflow_peak_c": (245.0, 1.6, 1),
    "humidity_pct": (44.0, 3.0, 1),
    "solder_paste_mm3": (0.120, 0.005, 4),
    "placement_error_um": (27.0, 5.0, 1),
    "vibration_g": (0.18, 0.03, 3),
    "etch_rate_um_min": (30.0, 0.9, 2),
}
_SHIFT_OF = {
    "none": {},
    "over_etching": {"etch_rate_um_min": 4.5},
    "under_etching": {"etch_rate_um_min": -4.5},
    "drill_wear": {"vibration_g": 0.22},
    "resist_lifting": {"humidity_pct": 21.0, "etch_rate_um_min": 0.8},
    "paste_misprint": {"solder_paste_mm3": 0.034, "placement_error_um": 19.0, "reflow_peak_c": 2.0},
}
_QUIET_LOG = ("shift change, no events", "panel loaded, normal run", "routine tool check, no events")
_LOG_OF = {
    "none": _QUIET_LOG,
    "over_etching": (
        "etch conveyor slowed for refill, panel stayed long in bath",
        "etch bath freshly dosed, high acid",
        "etch conveyor stop of 40 s with panel in bath",
    ),
    "under_etching": (
        "etch bath near end of life, dosing overdue",
        "etch bath cool after restart, weak acid",
        "etch nozzle pressure low",
    ),
    "drill_wear": (
        "spindle 2 noisy, drill bit at 1900 hits",
        "drill bit change postponed, spindle warm",
        "spindle runout warning acknowledged",
    ),
    "resist_lifting": (
        "dehumidifier tripped, damp panels from storage",
        "laminator roll pressure low, damp air in room",
        "film edges lifting after damp storage",
    ),
    "paste_misprint": (
        "stencil wiped late, paste smeared",
        "stencil offset corrected after paste print",
        "paste squeegee pressure alarm",
    ),
}
_FINDING = {
    "short": ("bridge between neighbouring conductors", "two conductors joined"),
    "open_circuit": ("gap in conductor", "conductor interrupted"),
    "missing_hole": ("pad without hole", "hole not found in pad"),
    "spurious_copper": ("island of copper off the pattern", "stray copper patch"),
    "spur": ("pointed growth on conductor edge", "copper spike at conductor edge"),
    "mouse_bite": ("nibbled conductor edge", "notch in conductor edge"),
}


@dataclass(frozen=True)
class Defect:
    """One flaw: its centre, the way it points, and its box, in pixels of the layout."""

    kind: str
    at: Point
    towards: Point
    box: Rect


@dataclass(frozen=True)
class Board:
    """One inspected board; `shift` is how far the camera sees the layout moved, in pixels."""

    board_id: str
    layout: Layout
    line: str
    lot: str
    inspected_at: datetime
    root_cause: str
    defects: tuple[Defect, ...]
    shift: tuple[int, int]


@cache
def boards() -> tuple[Board, ...]:
    """All boards, ordered by id; every call and every machine gives the same ones."""
    causes = [ROOT_CAUSES[i % len(ROOT_CAUSES)] for i in range(96)] + ["none"] * 4
    seeded("causes").shuffle(causes)
    return tuple(_board(number, cause) for number, cause in enumerate(causes, start=1))


def board_rows() -> list[dict[str, Any]]:
    """The rows of `factory.boards`."""
    return [
        {
            "board_id": board.board_id,
            "line": board.line,
            "product": board.layout.product,
            "lot": board.lot,
            "inspected_at": board.inspected_at.isoformat(sep=" "),
            "image_name": f"{board.board_id}.png",
            "aoi_remark": _remark(board),
        }
        for board in boards()
    ]


def sensor_rows() -> list[dict[str, Any]]:
    """The rows of `factory.sensors`: what the line measured and logged while the board was made."""
    return [_sensor_row(board) for board in boards()]


def board_truth() -> dict[str, dict[str, dict[str, Any]]]:
    """`board_id -> label type -> answer`; boxes in pixels of the image, from its top left."""
    return {
        board.board_id: {
            "classification": {"defects": _kinds(board), "main_defect": (_kinds(board) or ["none"])[0]},
            "localization": {"boxes": [_pixel_box(board, defect) for defect in board.defects]},
            "root_cause": {"root_cause": board.root_cause},
            "pass_fail": {"result": "fail" if _is_rejected(board) else "pass"},
        }
        for board in boards()
    }


def _kinds(board: Board) -> list[str]:
    present = {defect.kind for defect in board.defects}
    return [kind for kind in DEFECT_CLASSES if kind in present]


def _is_rejected(board: Board) -> bool:
    return len(board.defects) > 1 or any(defect.kind in _FATAL for defect in board.defects)


def _pixel_box(board: Board, defect: Defect) -> dict[str, Any]:
    left, top, right, bottom = (round(value) for value in defect.box)
    dx, dy = board.shift
    return {
        "class": defect.kind,
        "x": left + dx,
        "y": top + dy,
        "width": right - left,
        "height": bottom - top,
    }


def _board(number: int, cause: str) -> Board:
    rng = seeded(f"board {number}")
    layout = layouts()[rng.randrange(3)]
    lot = (number - 1) // 10
    return Board(
        board_id=f"BOARD-{number:04d}",
        layout=layout,
        line=f"Line {1 + number % 2}",
        lot=f"L26{lot + 11:03d}",
        inspected_at=datetime(2026, 2, 2, 6, 15) + timedelta(days=lot, minutes=47 * (number % 10)),
        root_cause=cause,
        defects=_defects(rng, layout, _DEFECTS_OF[cause]),
        shift=(rng.randint(-5, 5), rng.randint(-5, 5)),
    )


def _defects(rng: random.Random, layout: Layout, kinds: tuple[str, ...]) -> tuple[Defect, ...]:
    """One to three defects whose boxes stay apart; none when the process makes none."""
    found: list[Defect] = []
    wanted = rng.choice((1, 1, 2, 2, 3)) if kinds else 0
    while len(found) < wanted:
        defect = _SITES[rng.choice(kinds)](rng, layout)
        if not any(_overlap(defect.box, other.box) for other in found):
            found.append(defect)
    return tuple(found)


def _on_run(rng: random.Random, layout: Layout, kind: str) -> Defect:
    """A defect of a single trace, well away from its ends and corners."""
    runs = [run for run in layout.runs() if kind != "spur" or run.outward != (0.0, 0.0)]
    run = rng.choice([run for run in runs if _length(run.start, run.end) >= 44])
    at, along = _somewhere(rng, run), _unit(run.start, run.end)
    towards = along if kind == "open_circuit" else run.outward
    if kind == "mouse_bite" and towards == (0.0, 0.0):
        towards = (-along[1], along[0])
    reach = 7 if kind == "spur" else 3
    far = (at[0] + towards[0] * reach, at[1] + towards[1] * reach)
    return Defect(kind, at, towards, _around(at, far, 10))


def _somewhere(rng: random.Random, run: Run) -> Point:
    """A point of the run at least 20 pixels from its ends."""
    along, step = _unit(run.start, run.end), rng.uniform(20, _length(run.start, run.end) - 20)
    return (round(run.start[0] + step * along[0]), round(run.start[1] + step * along[1]))


def _short(rng: random.Random, layout: Layout) -> Defect:
    """A bridge halfway to the next trace of the bus."""
    runs = [run for run in layout.runs() if run.beside != (0.0, 0.0) and _length(run.start, run.end) >= 58]
    run = rng.choice(runs)
    x, y = _somewhere(rng, run)
    at = (x + run.beside[0] * PITCH / 2, y + run.beside[1] * PITCH / 2)
    return Defect("short", at, run.beside, _around(at, at, 14))


def _missing_hole(rng: random.Random, layout: Layout) -> Defect:
    at = rng.choice([pad for _, pads in layout.connectors for pad in pads])
    return Defect("missing_hole", at, (0.0, 0.0), _around(at, at, CONNECTOR_RADIUS + 3))


def _spurious_copper(rng: random.Random, layout: Layout) -> Defect:
    occupied = layout.occupied()
    while True:
        at = (rng.randint(80, WIDTH - 80), rng.randint(66, HEIGHT - 66))
        box = _around(at, at, 13)
        if not any(_overlap(box, rect) for rect in occupied):
            return Defect("spurious_copper", at, (0.0, 0.0), box)


_SITES = {
    "short": _short,
    "open_circuit": lambda rng, layout: _on_run(rng, layout, "open_circuit"),
    "missing_hole": _missing_hole,
    "spurious_copper": _spurious_copper,
    "spur": lambda rng, layout: _on_run(rng, layout, "spur"),
    "mouse_bite": lambda rng, layout: _on_run(rng, layout, "mouse_bite"),
}


def _around(a: Point, b: Point, margin: float) -> Rect:
    return (
        min(a[0], b[0]) - margin,
        min(a[1], b[1]) - margin,
        max(a[0], b[0]) + margin,
        max(a[1], b[1]) + margin,
    )


def _overlap(a: Rect, b: Rect) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _length(a: Point, b: Point) -> float:
    return abs(b[0] - a[0]) + abs(b[1] - a[1])


def _unit(a: Point, b: Point) -> Point:
    return ((b[0] - a[0]) / _length(a, b), (b[1] - a[1]) / _length(a, b))


def _remark(board: Board) -> str:
    """What the optical inspection machine wrote: places and words; it overlooks one finding in ten."""
    rng = seeded(f"aoi {board.board_id}")
    seen = list(_seen(rng, board))
    return "; ".join(seen) or "no findings"


def _seen(rng: random.Random, board: Board) -> Iterator[str]:
    for i, defect in enumerate(board.defects):
        words = rng.choice(_FINDING[defect.kind])
        if i == 0 or rng.random() > 0.1:
            x, y = defect.at[0] + board.shift[0], defect.at[1] + board.shift[1]
            yield f"{words} near ({x:.0f}, {y:.0f})"


def _sensor_row(board: Board) -> dict[str, Any]:
    rng = seeded(f"sensors {board.board_id}")
    shift = _SHIFT_OF[board.root_cause]
    row: dict[str, Any] = {"board_id": board.board_id}
    for sensor, (mean, spread, digits) in _SENSORS.items():
        row[sensor] = round(rng.gauss(mean + shift.get(sensor, 0.0), spread), digits)
    # A log is written by people: one in eight says nothing of use.
    row["line_log"] = rng.choice(_QUIET_LOG if rng.random() < 0.125 else _LOG_OF[board.root_cause])
    return row
