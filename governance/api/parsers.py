"""JSON as the API reads it."""

from __future__ import annotations

import re
from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

# NUL, and halves of a character: JSON can spell both as \u…, neither can be stored as text.
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class StorableJSONParser(JSONParser):
    """Refuses what cannot be read (nested without end) or kept in PostgreSQL (NUL, half characters)."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        try:
            data = super().parse(stream, media_type, parser_context)
            found = _unstorable(data)
        except RecursionError as error:
            raise ParseError("The body is nested too deeply to be read; flatten it.") from error
        if found == "\x00":
            raise ParseError("The body holds the character NUL (\\u0000), which cannot be stored; remove it.")
        if found:
            raise ParseError(
                f"The body holds half of a character (\\u{ord(found):04x}, a lone surrogate), which cannot be "
                "stored; write the whole character or remove it."
            )
        return data


def _unstorable(data: Any) -> str:
    """The first character that cannot be stored, in text or in keys; empty when there is none."""
    if isinstance(data, str):
        match = UNSTORABLE.search(data)
        return match.group() if match else ""
    if isinstance(data, dict):
        return next(filter(None, (_unstorable(key) or _unstorable(value) for key, value in data.items())), "")
    return next(filter(None, map(_unstorable, data)), "") if isinstance(data, list) else ""
