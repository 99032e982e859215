"""Phone numbers: with a country's code anywhere, without one behind a word for a phone. Checked by `phonenumbers`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from labeling.quality.personal.port import Hit

KIND, LABEL = "phone", "phone number"
ABROAD = re.compile(r"(?<![\w+])(?:\+|00 ?)[1-9]\d?")
NAMED = re.compile(
    r"(?<!\w)(?:phone|tel(?:efon|ephone|éfono|efoon)?|call|mobile|mobil|cell|handy|fax|whatsapp|portable|m[óo]vil)"
    r"(?: (?:no|nr|number|me|us|at|on|is))*[.:\s]{0,3}",
    re.IGNORECASE,
)
COUNTRIES = ("US", "GB", "DE", "FR", "ES", "IT", "NL", "PL", "AT", "CH", "IN", "BR", "AU")
BEHIND = 28


def find(text: str) -> Iterator[Hit]:
    if ABROAD.search(text):
        yield from _matches(text, None)
    for word in NAMED.finditer(text):
        yield from _behind(text, word.end())


def _behind(text: str, start: int) -> Iterator[Hit]:
    window = text[start : start + BEHIND]
    if not re.match(r"[(\d]", window):
        return
    for country in COUNTRIES:
        found = next(iter(_matches(window, country)), None)
        if found is not None and found.start <= 1:
            yield Hit(start + found.start, start + found.end, KIND)
            return


def _matches(text: str, country: str | None) -> Iterator[Hit]:
    from phonenumbers import Leniency, PhoneNumberMatcher

    for match in PhoneNumberMatcher(_plus(text), country, leniency=Leniency.VALID):
        yield Hit(match.start, match.end, KIND)


def _plus(text: str) -> str:
    """`00` before a country's code written as `+`, every character in its place."""
    return re.sub(r"(?<![\w+])00(?= ?[1-9]\d)", " +", text)
