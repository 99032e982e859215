"""Charts drawn on the server as SVG: shapes carry classes, the style sheet gives the colours.

Every chart names itself for screen readers and brings its numbers as a table.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from governance.portal.graph import Edge, Node, graph_as_list, layered_graph

__all__ = [
    "Edge",
    "Node",
    "bar_chart",
    "confusion_matrix",
    "graph_as_list",
    "layered_graph",
    "line_chart",
    "sparkline",
]

Points = Sequence[tuple[float, float]]

WIDTH, HEIGHT = 640, 260
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 16, 40
SERIES_CLASSES = 5
HEAT_LEVELS = 5


def sparkline(values: Iterable[float], tone: str = "primary") -> SafeString:
    """A trend of the size of a word; fewer than two values draw nothing."""
    numbers = [float(value) for value in values]
    if len(numbers) < 2:
        return SafeString("")
    low, high = min(numbers), max(numbers)
    spread = (high - low) or 1.0
    step = 92 / (len(numbers) - 1)
    points = " ".join(
        f"{2 + index * step:.1f},{21 - (number - low) / spread * 18:.1f}"
        for index, number in enumerate(numbers)
    )
    title = f"{len(numbers)} values, from {_text(numbers[0])} to {_text(numbers[-1])}"
    return format_html(
        '<svg class="spark {}" viewBox="0 0 96 24" role="img"><title>{}</title><polyline points="{}"/></svg>',
        tone,
        title,
        points,
    )


def line_chart(
    series: Mapping[str, Points], *, title: str, x_label: str = "step", y_label: str = "value"
) -> SafeString:
    """Lines of (x, y) points over common axes; points that are not finite stand in the table only."""
    drawn = {name: [point for point in points if _finite(point)] for name, points in series.items()}
    everything = [point for points in drawn.values() for point in points]
    body: SafeString | str = ""
    if everything:
        x_ticks = _ticks([x for x, _ in everything])
        y_ticks = _ticks([y for _, y in everything])
        lines = format_html_join(
            "",
            "{}",
            ((_line(points, x_ticks, y_ticks, index),) for index, points in enumerate(drawn.values())),
        )
        body = format_html(
            "{}{}{}",
            _axes(x_ticks, y_ticks, x_label, y_label),
            lines,
            _legend(list(drawn)) if len(drawn) > 1 else "",
        )
    head = ("series", x_label, y_label)
    rows = [(name, _text(x), _text(y)) for name, points in series.items() for x, y in points]
    return _figure(
        title, f"{len(rows)} points of {', '.join(series) or 'no series'}.", body, HEIGHT, head, rows
    )


def bar_chart(
    rows: Sequence[tuple[str, float]], *, title: str, label: str = "what", value_label: str = "value"
) -> SafeString:
    """One horizontal bar per (label, value), values from zero up.

    :raises ValueError: a value is negative or not finite.
    """
    for name, value in rows:
        if not math.isfinite(value) or value < 0:
            raise ValueError(f"bar {name!r} is {value}; a bar needs a finite value from zero up")
    top = max((value for _, value in rows), default=0) or 1
    room = WIDTH - 160 - 80
    body = format_html_join(
        "",
        '<text x="152" y="{}" text-anchor="end">{}</text>'
        '<rect class="bar" x="160" y="{}" width="{}" height="16" rx="3"/>'
        '<text class="tick" x="{}" y="{}">{}</text>',
        (
            (
                28 * index + 24,
                shorten(name, 22),
                28 * index + 12,
                f"{value / top * room:.1f}",
                f"{168 + value / top * room:.1f}",
                28 * index + 24,
                _text(value),
            )
            for index, (name, value) in enumerate(rows)
        ),
    )
    table = [(name, _text(value)) for name, value in rows]
    return _figure(title, f"{len(rows)} bars.", body, 28 * len(rows) + 16, (label, value_label), table)


def confusion_matrix(labels: Sequence[str], counts: Sequence[Sequence[int]], *, title: str) -> SafeString:
    """`counts[i][j]`: items that are labels[i] and were called labels[j]; shaded by share of their row.

    :raises ValueError: the counts are not one row and one column per label.
    """
    if len(counts) != len(labels) or any(len(row) != len(labels) for row in counts):
        raise ValueError(
            f"a confusion matrix of {len(labels)} labels needs {len(labels)} rows of as many counts"
        )
    size = max(36, min(72, (WIDTH - 180) // max(len(labels), 1)))
    cells = format_html_join(
        "",
        "{}",
        (
            (_cell(row, column, size, labels, counts),)
            for row in range(len(labels))
            for column in range(len(labels))
        ),
    )
    rows_text = format_html_join(
        "",
        '<text x="152" y="{}" text-anchor="end">{}</text>',
        ((44 + index * size + size // 2 + 4, shorten(name, 22)) for index, name in enumerate(labels)),
    )
    columns_text = format_html_join(
        "",
        '<text x="{}" y="36" text-anchor="middle">{}</text>',
        ((160 + index * size + size // 2, shorten(name, size // 8)) for index, name in enumerate(labels)),
    )
    hint = format_html_join(
        "",
        '<text class="axis-label" x="{}" y="{}">{}</text>',
        ((160, 14, "called"), (8, 36, "is")),
    )
    table = [(name, *row) for name, row in zip(labels, counts, strict=True)]
    right = sum(counts[index][index] for index in range(len(labels)))
    total = sum(sum(row) for row in counts)
    body = format_html("{}{}{}{}", hint, columns_text, rows_text, cells)
    description = f"{right} of {total} items on the diagonal."
    return _figure(title, description, body, 52 + size * len(labels), ("is, called", *labels), table)


def _cell(
    row: int, column: int, size: int, labels: Sequence[str], counts: Sequence[Sequence[int]]
) -> SafeString:
    count, of_row = counts[row][column], sum(counts[row])
    level = math.ceil(count / of_row * HEAT_LEVELS) if of_row else 0
    x, y = 160 + column * size, 44 + row * size
    return format_html(
        '<g><title>{}</title><rect class="cell" x="{}" y="{}" width="{}" height="{}"/>{}'
        '<text x="{}" y="{}" text-anchor="middle">{}</text></g>',
        f"{labels[row]} called {labels[column]}: {count} of {of_row}",
        x,
        y,
        size,
        size,
        _heat(x, y, size, level, "hit" if row == column else "miss") if level else "",
        x + size // 2,
        y + size // 2 + 4,
        f"{count:,}",
    )


def _heat(x: int, y: int, size: int, level: int, tone: str) -> SafeString:
    return format_html(
        '<rect class="{} heat-{}" x="{}" y="{}" width="{}" height="{}"/>', tone, level, x, y, size, size
    )


def _figure(
    title: str, description: str, body: Any, height: int, head: Sequence[str], rows: Iterable[Sequence[Any]]
) -> SafeString:
    return format_html(
        '<figure class="chart"><svg viewBox="0 0 {} {}" role="img"><title>{}</title><desc>{}</desc>{}</svg>'
        "<details><summary>Numbers: {}</summary>{}</details></figure>",
        WIDTH,
        height,
        title,
        description,
        body
        or format_html(
            '<text x="{}" y="{}" text-anchor="middle">nothing to draw yet</text>', WIDTH // 2, height // 2
        ),
        title,
        _table(head, rows),
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> SafeString:
    top = format_html_join("", '<th scope="col">{}</th>', ((name,) for name in head))
    body = format_html_join("", "<tr>{}</tr>", ((_table_row(row),) for row in rows))
    return format_html(
        '<div class="table-scroll" tabindex="0"><table>'
        "<thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>",
        top,
        body,
    )


def _table_row(row: Sequence[Any]) -> SafeString:
    rest = format_html_join("", '<td class="number">{}</td>', ((value,) for value in row[1:]))
    return format_html('<th scope="row">{}</th>{}', row[0], rest)


def _axes(x_ticks: list[float], y_ticks: list[float], x_label: str, y_label: str) -> SafeString:
    across = format_html_join(
        "",
        '<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/>'
        '<text class="tick" x="{}" y="{}" text-anchor="end">{}</text>',
        (
            (
                LEFT,
                WIDTH - RIGHT,
                _y(tick, y_ticks),
                _y(tick, y_ticks),
                LEFT - 6,
                _y(tick, y_ticks) + 4,
                _text(tick),
            )
            for tick in y_ticks
        ),
    )
    along = format_html_join(
        "",
        '<text class="tick" x="{}" y="{}" text-anchor="middle">{}</text>',
        ((_x(tick, x_ticks), HEIGHT - BOTTOM + 16, _text(tick)) for tick in x_ticks),
    )
    names = format_html(
        '<text class="axis-label" x="{}" y="{}" text-anchor="end">{}</text>'
        '<text class="axis-label" x="4" y="11">{}</text>',
        WIDTH - RIGHT,
        HEIGHT - 6,
        x_label,
        y_label,
    )
    return format_html("{}{}{}", across, along, names)


def _line(points: Points, x_ticks: list[float], y_ticks: list[float], index: int) -> SafeString:
    tone = index % SERIES_CLASSES
    places = [(_x(x, x_ticks), _y(y, y_ticks)) for x, y in sorted(points)]
    if len(places) == 1:
        return format_html('<circle class="dot d{}" cx="{}" cy="{}" r="3"/>', tone, *places[0])
    return format_html(
        '<polyline class="line s{}" points="{}"/>', tone, " ".join(f"{x},{y}" for x, y in places)
    )


def _legend(names: Sequence[str]) -> SafeString:
    return format_html_join(
        "",
        '<line class="line s{}" x1="{}" x2="{}" y1="{}" y2="{}"/><text x="{}" y="{}">{}</text>',
        (
            (
                index % SERIES_CLASSES,
                LEFT + index * 110,
                LEFT + index * 110 + 20,
                HEIGHT - 10,
                HEIGHT - 10,
                LEFT + index * 110 + 26,
                HEIGHT - 6,
                shorten(name, 12),
            )
            for index, name in enumerate(names[:SERIES_CLASSES])
        ),
    )


def _ticks(values: Sequence[float], wanted: int = 4) -> list[float]:
    """Round numbers that enclose the values, in steps of 1, 2 or 5 times a power of ten."""
    low, high = min(values), max(values)
    size = max(abs(low), abs(high))
    if high - low <= max(size * 1e-9, 1e-12):
        low, high = low - max(size / 10, 0.5), high + max(size / 10, 0.5)
    raw = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(size * power for size in (1, 2, 5, 10) if size * power >= raw * 0.999)
    first = math.floor(low / step)
    last = math.ceil(high / step)
    return [float(f"{index * step:.12g}") for index in range(first, last + 1)]


def _x(value: float, ticks: Sequence[float]) -> float:
    return round(LEFT + (value - ticks[0]) / (ticks[-1] - ticks[0]) * (WIDTH - LEFT - RIGHT), 1)


def _y(value: float, ticks: Sequence[float]) -> float:
    return round(HEIGHT - BOTTOM - (value - ticks[0]) / (ticks[-1] - ticks[0]) * (HEIGHT - TOP - BOTTOM), 1)


def _finite(point: tuple[float | None, float | None]) -> bool:
    return all(value is not None and math.isfinite(value) for value in point)


def _text(value: float | None) -> str:
    if value is None:
        return "none"
    return f"{int(value):,}" if math.isfinite(value) and value == int(value) else f"{value:.4g}"


def shorten(text: str, length: int) -> str:
    """The text, or its start and an ellipsis, at most `length` characters."""
    return text if len(text) <= length else text[: max(length - 1, 1)] + "…"
