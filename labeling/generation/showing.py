"""How the state of a Training Sheet is drawn: the bar of its pairs, and what comes next."""

from __future__ import annotations

from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from labeling.generation.models import QAPair
from labeling.generation.selectors import Progress

ORIGINS = dict(QAPair.Origin.choices)


def bar(progress: Progress) -> SafeString:
    """One bar in the order approved, rejected, flagged, to review; its text says the same."""
    parts = [
        ("permitted", progress.labeled),
        ("prohibited", progress.rejected),
        ("attention", progress.flagged),
    ]
    rects, start = [], 0.0
    for tone, count in parts:
        width = 100 * count / progress.total if progress.total else 0.0
        rects.append((tone, f"{start:.2f}", f"{width:.2f}"))
        start += width
    drawn = format_html_join("", '<rect class="{}" x="{}%" width="{}%" height="100%"/>', rects)
    return format_html('<svg class="state-bar" role="img" aria-label="{}">{}</svg>', progress.sentence, drawn)


def origin_rows(result: dict[str, Any]) -> list[tuple[str, int, str]]:
    """Rows for the table of bars: how many pairs came from where."""
    tones = {"canonical": "permitted", "ai_generated": "machine", "failed": "prohibited"}
    words = {**ORIGINS, "failed": "failed"}
    return [
        (words[key].capitalize(), result[key], tones.get(key, "plain"))
        for key in (*ORIGINS, "failed")
        if result.get(key)
    ]
