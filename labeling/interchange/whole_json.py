"""Files that are one JSON value."""

from __future__ import annotations

from typing import Any

from governance.errors import InvalidInput
from governance.uploads import text_of
from labeling.schemas.errors import AnswerUnreadable
from labeling.schemas.validation import parse_json


def json_of(content: bytes, *, expected: str) -> Any:
    """:raises InvalidInput: no JSON; says where it ends to be."""
    text = text_of(content, expected=expected, field="file")
    try:
        return parse_json(text)
    except AnswerUnreadable as error:
        words = error.message.replace("The answer", "The file", 1)
        raise InvalidInput(f"{words} Expected {expected}.", field="file", details=error.details) from error
