"""Pictures of metrics as PNG bytes, drawn without a display."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from training.metrics.classification import Confusion

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LABEL_LENGTH = 24
NUMBERS_UP_TO = 25  # labels; beyond that the numbers in the cells cannot be read


def confusion_png(confusion: Confusion, *, title: str = "Confusion matrix") -> bytes:
    """Rows are expected, columns predicted, shade is the share of the row. Same input, same bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    size = max(4.0, min(16.0, 2.5 + 0.4 * len(confusion.labels)))
    figure = Figure(figsize=(size, size), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(_row_shares(confusion), cmap="Blues", vmin=0, vmax=1)
    names = [_literal(label) for label in confusion.labels]
    axes.set_xticks(range(len(names)), names, rotation=90)
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="Predicted", ylabel="Expected", title=_literal(title, 80))
    if len(names) <= NUMBERS_UP_TO:
        _write_counts(axes, confusion)
    buffer = BytesIO()
    FigureCanvasAgg(figure).print_png(buffer, metadata={"Software": None})
    return buffer.getvalue()


def _row_shares(confusion: Confusion) -> list[list[float]]:
    return [[count / max(sum(row), 1) for count in row] for row in confusion.counts]


def _write_counts(axes: Axes, confusion: Confusion) -> None:
    for y, (row, shares) in enumerate(zip(confusion.counts, _row_shares(confusion), strict=True)):
        for x, count in enumerate(row):
            if count:
                colour = "white" if shares[x] > 0.5 else "black"
                axes.text(x, y, str(count), ha="center", va="center", color=colour, fontsize=8)


def _literal(label: str, length: int = LABEL_LENGTH) -> str:
    """One short line; `$` would start a formula, and the drawing font has Latin, Greek and Cyrillic only."""
    line = " ".join(label.split())
    shown = line if len(line) <= length else line[: length - 1] + "…"
    return "".join(sign if ord(sign) < 0x530 or sign == "…" else "?" for sign in shown).replace("$", r"\$")
