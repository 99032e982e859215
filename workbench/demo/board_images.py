"""Draws a circuit board as the inspection camera sees it."""

from __future__ import annotations

import io
import random
from functools import cache
from typing import TYPE_CHECKING

from workbench.demo.board_layout import (
    CONNECTOR_RADIUS,
    HEIGHT,
    TRACE_WIDTH,
    WIDTH,
    Layout,
    Point,
    Rect,
    layouts,
)
from workbench.demo.boards import Board, Defect
from workbench.demo.chance import seeded

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

_SCALE = 2  # drawn twice as large and scaled down, which smooths the edges
_BENCH, _COPPER, _GOLD, _SOLDER, _HOLE = "#23272e", "#4fa36a", "#d9b45b", "#c9ced4", "#14181d"
_SILK, _BODY = "#e9efe9", "#1b1e22"
_BOARD: Rect = (14, 14, WIDTH - 14, HEIGHT - 14)


def board_png(board: Board) -> bytes:
    """The photograph of a board, 640 x 480; the same board gives the same bytes."""
    from PIL import Image, ImageDraw

    picture = _bare_board(board.layout.product).copy()
    pen = ImageDraw.Draw(picture)
    rng = seeded(f"drawing {board.board_id}")
    for defect in board.defects:
        _draw_defect(pen, rng, board, defect)
    _silk(pen, (WIDTH - 90, HEIGHT - 30), f"{board.lot} {board.board_id[-4:]}", 11)
    small = picture.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    seen = Image.new("RGB", (WIDTH, HEIGHT), _BENCH)
    seen.paste(small, board.shift)
    out = io.BytesIO()
    _lit(seen, seeded(f"light {board.board_id}")).save(out, "PNG", compress_level=6)
    return out.getvalue()


@cache
def _bare_board(product: str) -> Image:
    """The board of a product without a fault, at drawing scale."""
    from PIL import Image, ImageDraw

    layout = next(layout for layout in layouts() if layout.product == product)
    picture = Image.new("RGB", (WIDTH * _SCALE, HEIGHT * _SCALE), _BENCH)
    pen = ImageDraw.Draw(picture)
    pen.rounded_rectangle(_scaled(_BOARD), radius=10 * _SCALE, fill=layout.solder_mask)
    for trace in layout.traces():
        pen.line([_up(point) for point in trace], fill=_COPPER, width=TRACE_WIDTH * _SCALE, joint="curve")
        for end in (trace[0], trace[-1]):
            _draw_pad(pen, end, radius=5, hole=2)
    for corner in ((36, 36), (WIDTH - 36, 36), (36, HEIGHT - 36), (WIDTH - 36, HEIGHT - 36)):
        _draw_pad(pen, corner, radius=14, hole=8)
    _draw_parts(pen, layout)
    return picture


def _draw_parts(pen: ImageDraw, layout: Layout) -> None:
    for name, pads in layout.connectors:
        for pad in pads:
            _draw_pad(pen, pad, radius=CONNECTOR_RADIUS, hole=4)
        _silk_frame(pen, _frame(pads, CONNECTOR_RADIUS + 3))
        _silk(pen, _beside_first(pads), name, 11)
    for name, rect in layout.chips:
        _draw_chip(pen, name, rect)
    for name, at in layout.passives:
        _draw_passive(pen, name, at)
    _silk(pen, (WIDTH / 2, HEIGHT - 21), layout.title, 10)


def _draw_pad(pen: ImageDraw, at: Point, *, radius: float, hole: float) -> None:
    pen.ellipse(_scaled(_square(at, radius)), fill=_GOLD)
    pen.ellipse(_scaled(_square(at, hole)), fill=_HOLE)


def _draw_chip(pen: ImageDraw, name: str, rect: Rect) -> None:
    left, top, right, bottom = rect
    for i in range(round((bottom - top - 14) // 14)):
        y = top + 14 + 14 * i
        pen.rectangle(_scaled((left - 9, y - 3, left + 2, y + 3)), fill=_SOLDER)
        pen.rectangle(_scaled((right - 2, y - 3, right + 9, y + 3)), fill=_SOLDER)
    pen.rectangle(_scaled(rect), fill=_BODY, outline="#3a3f46", width=2)
    pen.ellipse(_scaled(_square((left + 10, top + 10), 3)), fill="#4a5058")
    _silk(pen, ((left + right) / 2, (top + bottom) / 2 - 7), name, 13, colour="#aeb6be")
    marking = {"U1": "WB32F4", "U2": "ADC-8S", "U3": "REG-33"}[name]
    _silk(pen, ((left + right) / 2, (top + bottom) / 2 + 8), marking, 9, colour="#7f8790")


def _draw_passive(pen: ImageDraw, name: str, at: Point) -> None:
    x, y = at
    pen.rectangle(_scaled((x - 10, y - 5, x + 10, y + 5)), fill=_SOLDER)
    pen.rectangle(_scaled((x - 6, y - 5, x + 6, y + 5)), fill="#2a2622" if name[0] == "R" else "#a5855c")
    _silk(pen, (x, y + 10), name, 7)


def _draw_defect(pen: ImageDraw, rng: random.Random, board: Board, defect: Defect) -> None:
    mask, (x, y), (tx, ty) = board.layout.solder_mask, defect.at, defect.towards
    half = TRACE_WIDTH / 2
    if defect.kind == "missing_hole":
        pen.ellipse(_scaled(_square(defect.at, CONNECTOR_RADIUS)), fill=_GOLD)
    elif defect.kind == "open_circuit":
        gap = [(x - tx * 5, y - ty * 5), (x + tx * 5, y + ty * 5)]
        pen.line([_up(point) for point in gap], fill=mask, width=(TRACE_WIDTH + 3) * _SCALE)
    elif defect.kind == "mouse_bite":
        for along in (-4, 0, 3.5):
            centre = (x + tx * half - ty * along, y + ty * half + tx * along)
            pen.ellipse(_scaled(_square(centre, rng.uniform(2.2, 3.1))), fill=mask)
    elif defect.kind == "spur":
        foot, tip = half - 1, half + rng.uniform(7, 9)
        pen.polygon(
            [
                _up((x + tx * foot - ty * 4, y + ty * foot + tx * 4)),
                _up((x + tx * tip, y + ty * tip)),
                _up((x + tx * foot + ty * 4, y + ty * foot - tx * 4)),
            ],
            fill=_COPPER,
        )
    elif defect.kind == "short":
        _draw_bridge(pen, board, defect)
    else:
        pen.polygon([_up(point) for point in _blob(rng, defect.at)], fill=_COPPER)


def _draw_bridge(pen: ImageDraw, board: Board, defect: Defect) -> None:
    """A waisted strip from trace to trace."""
    (x, y), (tx, ty) = defect.at, defect.towards
    outline = [(-7, -4), (0, -2.5), (7, -4), (7, 4), (0, 2.5), (-7, 4)]
    pen.polygon(
        [_up((x + tx * along - ty * side, y + ty * along + tx * side)) for along, side in outline],
        # Misprinted paste bridges with bright solder, poor etching with copper under the mask.
        fill=_SOLDER if board.root_cause == "paste_misprint" else _COPPER,
    )


def _blob(rng: random.Random, at: Point) -> list[Point]:
    directions = ((1, 0), (0.8, 0.6), (0.2, 1), (-0.6, 0.8), (-1, 0.1), (-0.7, -0.7), (0, -1), (0.7, -0.7))
    return [(at[0] + dx * r, at[1] + dy * r) for dx, dy in directions for r in (rng.uniform(5.5, 9.5),)]


def _lit(picture: Image, rng: random.Random) -> Image:
    """Uneven lamp light, a little different for each board."""
    from PIL import Image, ImageChops

    low, high = rng.randint(205, 220), rng.randint(240, 255)
    ramp = Image.linear_gradient("L").rotate(rng.choice((0, 90, 180, 270))).resize(picture.size)
    light = ramp.point([round(low + (high - low) * i / 255) for i in range(256)])
    return ImageChops.multiply(picture, Image.merge("RGB", (light, light, light)))


def _silk(pen: ImageDraw, at: Point, text: str, size: int, *, colour: str = _SILK) -> None:
    from PIL import ImageFont

    pen.text(_up(at), text, font=ImageFont.load_default(size * _SCALE), fill=colour, anchor="mm")


def _silk_frame(pen: ImageDraw, rect: Rect) -> None:
    pen.rectangle(_scaled(rect), outline=_SILK, width=2)


def _frame(pads: tuple[Point, ...], margin: float) -> Rect:
    xs, ys = [x for x, _ in pads], [y for _, y in pads]
    return (min(xs) - margin, min(ys) - margin, max(xs) + margin, max(ys) + margin)


def _beside_first(pads: tuple[Point, ...]) -> Point:
    """Where the name of a connector stands: before its first pad."""
    (x0, y0), (x1, y1) = pads[0], pads[1]
    return (x0 - (x1 - x0), y0 - (y1 - y0))


def _square(at: Point, radius: float) -> Rect:
    return (at[0] - radius, at[1] - radius, at[0] + radius, at[1] + radius)


def _up(point: Point) -> Point:
    return (point[0] * _SCALE, point[1] * _SCALE)


def _scaled(rect: Rect) -> Rect:
    return (rect[0] * _SCALE, rect[1] * _SCALE, rect[2] * _SCALE, rect[3] * _SCALE)
