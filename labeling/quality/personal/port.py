"""What every detector of texts says: what kind of thing lies where. Never what it says there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

# A number stands alone: no letter, digit or further group of digits beside it.
START = r"(?<![\w])(?<!\d[.\-/])"
END = r"(?![\w])(?![.\-/]\d)"
BEFORE, AFTER = 40, 16


@dataclass(frozen=True, order=True)
class Hit:
    """One thing found in one text, by the places of its first character and of the first behind it."""

    start: int
    end: int
    kind: str


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One kind of personal data: how it is written, whether its check digits are right, which word must stand near.

    `near` is looked for in the 40 characters before and the 16 behind; None where the writing is enough.
    """

    kind: str
    label: str
    pattern: re.Pattern[str]
    is_valid: Callable[[str], bool] = bool
    near: re.Pattern[str] | None = None

    def find(self, text: str) -> Iterator[Hit]:
        for match in self.pattern.finditer(text):
            if self.is_valid(match.group()) and self._is_near(text, match):
                yield Hit(match.start(), match.end(), self.kind)

    def _is_near(self, text: str, match: re.Match[str]) -> bool:
        if self.near is None:
            return True
        before, behind = text[max(0, match.start() - BEFORE) : match.start()], text[match.end() : match.end() + AFTER]
        return bool(self.near.search(before) or self.near.search(behind))


def written(pattern: str, *, any_case: bool = False) -> re.Pattern[str]:
    """The pattern, standing alone in a text."""
    return re.compile(f"{START}(?:{pattern}){END}", re.IGNORECASE if any_case else 0)


def words(pattern: str) -> re.Pattern[str]:
    """Words that stand near, in any case."""
    return re.compile(rf"(?<!\w)(?:{pattern})(?!\w)", re.IGNORECASE)


def without_overlap(hits: Iterable[Hit]) -> list[Hit]:
    """In the order of the text; of hits on the same characters the first that was given stays."""
    kept: list[Hit] = []
    for hit in hits:
        if all(hit.end <= other.start or other.end <= hit.start for other in kept):
            kept.append(hit)
    return sorted(kept)
