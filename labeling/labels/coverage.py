"""What a Sheet's page shows of its labels."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.urls import NoReverseMatch, reverse

from labeling.labels.selectors import coverage
from workbench.models import Sheet


def coverage_rows(sheet: Sheet) -> list[dict[str, Any]]:
    """One line per label type, with the way to the labelling tool where a labelset is bound."""
    return [
        {
            "label": row.label_type,
            "done": row.labeled,
            "total": row.total or 0,
            "url": _tool_url(sheet, row.label_type) if row.labelset else "",
        }
        for row in coverage(sheet)
    ]


def _tool_url(sheet: Sheet, label_type: str) -> str:
    try:
        return f"{reverse('labeling:label')}?{urlencode({'sheet': sheet.pk, 'label_type': label_type})}"
    except NoReverseMatch:
        return ""
