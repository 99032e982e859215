"""Small marks that stand beside a row: chips, the use strip, progress and trends."""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

USE_ORDER = "TVEQF"

SIGNS = {
    "permitted": "✓",
    "attention": "!",
    "prohibited": "✕",
    "machine": "✦",
    "primary": "●",
    "plain": "",
}


class Constrained(Protocol):
    """What the use strip reads: cells as (letter, use, state, reason), state permitted, own or inherited."""

    @property
    def cells(self) -> Iterable[tuple[str, str, str, str]]: ...
    @property
    def classification_label(self) -> str: ...
    @property
    def why_url(self) -> str: ...


def chip(text: Any, kind: str = "plain") -> SafeString:
    """A word on a tone, with a sign so that colour never speaks alone.

    :raises ValueError: the kind is none of SIGNS.
    """
    if kind not in SIGNS:
        raise ValueError(f"chip kind {kind!r} is unknown; expected one of {', '.join(SIGNS)}")
    sign = format_html('<span aria-hidden="true">{}</span>', SIGNS[kind]) if SIGNS[kind] else ""
    return format_html('<span class="chip {}">{}{}</span>', kind, sign, text)


def use_strip(constraint: Constrained) -> SafeString:
    """Five cells T V E Q F: what this row may be used for, and in words why not."""
    cells = sorted(constraint.cells, key=lambda cell: USE_ORDER.index(cell[0]))
    sentences = [_use_sentence(name, state, reason) for _, name, state, reason in cells]
    drawn = format_html_join(
        "",
        '<span class="use-cell {}" title="{}" aria-hidden="true">{}</span>',
        ((state, sentence, letter) for (letter, _, state, _), sentence in zip(cells, sentences, strict=True)),
    )
    label = constraint.classification_label
    body = format_html(
        '{}<span class="visually-hidden">{}. </span>{}',
        drawn,
        "; ".join(sentences),
        format_html('<span class="use-class">{}</span>', label) if label else "",
    )
    if constraint.why_url:
        return format_html(
            '<a class="use-strip" href="{}">{}<span class="visually-hidden"> Why?</span></a>',
            constraint.why_url,
            body,
        )
    return format_html('<span class="use-strip">{}</span>', body)


def _use_sentence(name: str, state: str, reason: str) -> str:
    words = name.replace("_", "-")
    if state == "permitted":
        return f"{words} permitted"
    if state not in ("own", "inherited"):
        raise ValueError(f"use state {state!r} of {name} is unknown; expected permitted, own or inherited")
    source = reason or ("prohibited by this row" if state == "own" else "prohibited by what it was made from")
    return f"{words} prohibited: {source}"


def progress(done: int, total: int) -> SafeString:
    """A bar with its numbers; without a total there is only the count."""
    if not total:
        return format_html('<span class="progress"><span>{} done</span></span>', f"{done:,}")
    text = f"{done:,} of {total:,} · {done * 100 // total} %"
    return format_html(
        '<span class="progress"><progress max="{}" value="{}" aria-label="{}"></progress>'
        "<span>{}</span></span>",
        total,
        done,
        text,
        text,
    )


def bars(rows: Iterable[Sequence[Any]]) -> SafeString:
    """Rows of (label, value) or (label, value, tone) as a table with one bar each."""
    listed = [(*row, "primary")[:3] for row in rows]
    top = max((float(row[1]) for row in listed), default=0.0) or 1.0
    body = format_html_join(
        "",
        '<tr><th scope="row">{}</th>'
        '<td><svg aria-hidden="true"><rect class="{}" width="{}%" height="100%"/></svg></td>'
        '<td class="number">{}</td></tr>',
        (
            (label, tone, f"{max(float(value), 0) / top * 100:.1f}", _number(value))
            for label, value, tone in listed
        ),
    )
    return format_html('<table class="bars"><tbody>{}</tbody></table>', body)


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"
