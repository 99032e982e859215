"""Where copper runs on the three invented boards, in pixels from the top left of a 640 x 480 image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

WIDTH, HEIGHT = 640, 480
TRACE_WIDTH, PITCH, CHAMFER = 5, 14, 8
CONNECTOR_RADIUS = 8

Point = tuple[float, float]
Rect = tuple[float, float, float, float]  # left, top, right, bottom


@dataclass(frozen=True)
class Bus:
    """Parallel traces along an orthogonal path; trace `i` lies `i * pitch` to its right."""

    path: tuple[Point, ...]
    count: int
    pitch: int


@dataclass(frozen=True)
class Run:
    """One straight piece of a trace; `outward` is the side without a neighbour, (0, 0) inside a bus.

    `beside` is the way to the next trace of the bus, (0, 0) for the last one.
    """

    start: Point
    end: Point
    outward: Point
    beside: Point


@dataclass(frozen=True)
class Layout:
    """One product's board."""

    product: str
    title: str
    solder_mask: str
    chips: tuple[tuple[str, Rect], ...]
    buses: tuple[Bus, ...]
    connectors: tuple[tuple[str, tuple[Point, ...]], ...]
    passives: tuple[tuple[str, Point], ...]

    def traces(self) -> Iterator[tuple[Point, ...]]:
        """Every trace as a polyline with chamfered corners."""
        for bus in self.buses:
            for i in range(bus.count):
                yield _chamfered(_offset_path(bus.path, i * bus.pitch))

    def runs(self) -> Iterator[Run]:
        """The straight pieces between the corners."""
        for bus in self.buses:
            for i in range(bus.count):
                yield from _runs(bus, i)

    def occupied(self) -> list[Rect]:
        """Rectangles that hold copper, parts or print."""
        rects = [_bounds(piece, 6) for trace in self.traces() for piece in pairwise(trace)]
        rects += [_grown(rect, 12) for _, rect in self.chips]
        rects += [(x - 12, y - 10, x + 12, y + 16) for _, (x, y) in self.passives]
        rects += [_bounds((pad, pad), 14) for _, pads in self.connectors for pad in pads]
        return rects


@cache
def layouts() -> tuple[Layout, ...]:
    """The three products; two are the first one turned over, with parts of their own."""
    first = Layout(
        product="DM-200",
        title="DM-200 DOSIMETER MAIN",
        solder_mask="#0f5132",
        chips=(("U1", (250, 164, 350, 290)), ("U2", (440, 90, 506, 174)), ("U3", (440, 300, 524, 370))),
        buses=_BUSES,
        connectors=_CONNECTORS,
        passives=_PASSIVES,
    )
    return (
        first,
        _mirrored(first, "PI-40", "PI-40 PROBE INTERFACE", "#12583f", across=True),
        _mirrored(first, "PS-12", "PS-12 POWER STAGE", "#1a5a2c", across=False),
    )


_BUSES = (
    Bus(((244, 178), (178, 178), (178, 92), (84, 92)), 4, -PITCH),
    Bus(((244, 276), (150, 276), (150, 360), (84, 360)), 4, PITCH),
    Bus(((356, 178), (378, 178), (378, 104), (434, 104)), 4, PITCH),
    Bus(((356, 276), (378, 276), (378, 356), (434, 356)), 4, -PITCH),
    Bus(((512, 104), (580, 104)), 5, PITCH),
    Bus(((530, 314), (580, 314)), 4, PITCH),
    Bus(((200, 316), (200, 386), (404, 386)), 3, PITCH),
    Bus(((206, 78), (330, 78), (330, 146)), 3, PITCH),
)
_CONNECTORS = (
    ("J1", tuple((220 + 22 * i, 44) for i in range(11))),
    ("J2", tuple((176 + 22 * i, 440) for i in range(13))),
    ("J3", tuple((46, 150 + 22 * i) for i in range(7))),
)
_PASSIVES = (
    ("R1", (240, 126)),
    ("R2", (240, 146)),
    ("R3", (92, 172)),
    ("R4", (92, 192)),
    ("R5", (92, 212)),
    ("C1", (280, 318)),
    ("C2", (312, 318)),
    ("C3", (280, 344)),
    ("C4", (312, 344)),
    ("R6", (470, 204)),
    ("R7", (502, 204)),
    ("C5", (470, 228)),
    ("C6", (502, 228)),
    ("R8", (470, 404)),
    ("R9", (502, 404)),
    ("C7", (534, 404)),
    ("C8", (566, 204)),
    ("C9", (566, 228)),
    ("R10", (566, 252)),
)


def _offset_path(path: tuple[Point, ...], offset: float) -> tuple[Point, ...]:
    """Shift an orthogonal path sideways; corners stay square."""
    normals = [_normal(a, b) for a, b in pairwise(path)]
    before, after = [normals[0], *normals], [*normals, normals[-1]]
    return tuple(
        # At a corner one normal has the x and the other the y.
        (x + offset * (one[0] or two[0]), y + offset * (one[1] or two[1]))
        for (x, y), one, two in zip(path, before, after, strict=True)
    )


def _normal(a: Point, b: Point) -> Point:
    """The unit vector to the right of the way from `a` to `b`, y pointing down."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    length = abs(dx) + abs(dy)
    return (-dy / length, dx / length)


def _chamfered(path: tuple[Point, ...]) -> tuple[Point, ...]:
    points = [path[0]]
    for a, corner, b in zip(path, path[1:], path[2:], strict=False):
        points += [_towards(corner, a), _towards(corner, b)]
    return (*points, path[-1])


def _towards(corner: Point, other: Point) -> Point:
    dx, dy = other[0] - corner[0], other[1] - corner[1]
    length = abs(dx) + abs(dy)
    return (corner[0] + CHAMFER * dx / length, corner[1] + CHAMFER * dy / length)


def _runs(bus: Bus, i: int) -> Iterator[Run]:
    path = _offset_path(bus.path, i * bus.pitch)
    side = 1 if bus.pitch > 0 else -1
    for start, end in pairwise(path):
        nx, ny = _normal(start, end)
        onward = (nx * side, ny * side)
        first, last = i == 0, i == bus.count - 1
        outward = (-onward[0], -onward[1]) if first else onward if last else (0.0, 0.0)
        yield Run(start, end, outward, (0.0, 0.0) if last else onward)


def _bounds(points: tuple[Point, ...], margin: float) -> Rect:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return _grown((min(xs), min(ys), max(xs), max(ys)), margin)


def _grown(rect: Rect, margin: float) -> Rect:
    return (rect[0] - margin, rect[1] - margin, rect[2] + margin, rect[3] + margin)


def _mirrored(layout: Layout, product: str, title: str, solder_mask: str, *, across: bool) -> Layout:
    """The layout turned over left to right (`across`) or top to bottom."""

    def flip(point: Point) -> Point:
        return (WIDTH - point[0], point[1]) if across else (point[0], HEIGHT - point[1])

    def flip_rect(rect: Rect) -> Rect:
        return _bounds((flip(rect[:2]), flip(rect[2:])), 0)

    return Layout(
        product=product,
        title=title,
        solder_mask=solder_mask,
        chips=tuple((name, flip_rect(rect)) for name, rect in layout.chips),
        buses=tuple(Bus(tuple(map(flip, bus.path)), bus.count, -bus.pitch) for bus in layout.buses),
        connectors=tuple((name, tuple(map(flip, pads))) for name, pads in layout.connectors),
        passives=tuple((name, flip(point)) for name, point in layout.passives),
    )
