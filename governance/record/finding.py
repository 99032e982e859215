"""Where a person's identifier stands: whole in a plain column, or anywhere in a JSON document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any


def places_in(document: Any, text: str, path: str) -> Iterator[str]:
    """Paths of the keys and values in a JSON document that contain the text, such as `new.config.people[0].email`."""
    if isinstance(document, dict):
        for key, value in document.items():
            below = f"{path}.{key}"
            if text in key:
                yield f"{below} (a key)"
            yield from places_in(value, text, below)
    elif isinstance(document, list):
        for place, value in enumerate(document):
            yield from places_in(value, text, f"{path}[{place}]")
    elif document is not None and text in (document if isinstance(document, str) else json.dumps(document)):
        yield path


def places_said(payload: str, column: str, text: str, *, is_json: bool) -> Iterator[str]:
    """Where the values of one entry hold the text in a column: in a plain one it must be all there is."""
    values = json.loads(payload)
    for side in ("old", "new"):
        said = (values[side] or {}).get(column)
        if is_json:
            yield from places_in(said, text, column)
        elif said is not None and str(said) == text:
            yield column
