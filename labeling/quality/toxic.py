"""A plain list of words that insult, and where they stand in a text. It knows no context; a person judges."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from labeling.quality.personal.port import Hit

KIND = "toxic_word"
LIST = Path(__file__).parent / "toxic_words.txt"


def find_toxic_words(text: str) -> list[Hit]:
    return [Hit(match.start(), match.end(), KIND) for match in _pattern().finditer(text)]


@cache
def _pattern() -> re.Pattern[str]:
    lines = LIST.read_text(encoding="utf-8").splitlines()
    listed = sorted({line.strip() for line in lines if line.strip() and not line.startswith("#")})
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, listed))})(?!\w)", re.IGNORECASE)
