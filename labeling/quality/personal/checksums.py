"""Check digits of numbers, each after its standard. Every function takes the bare letters and digits."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date


def bare(text: str) -> str:
    """Letters and digits, in capitals."""
    return re.sub(r"[^0-9A-Za-zÑñ]", "", text).upper()


def weighted(digits: str, weights: Sequence[int]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))


def is_date(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def is_short_date(day: str, month: str, year: str) -> bool:
    """Two digits each, in some century: 29 February is right when it is in one of them."""
    return is_date(1900 + int(year), int(month), int(day)) or is_date(2000 + int(year), int(month), int(day))


def luhn(digits: str) -> bool:
    """Source: ISO/IEC 7812-1, annex B."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def mod_97(text: str) -> int:
    """The remainder of letters and digits, A being 10. Source: ISO/IEC 7064, MOD 97-10."""
    return int("".join(str(int(sign, 36)) for sign in text)) % 97


def mod_11_10(digits: str) -> bool:
    """Source: ISO/IEC 7064, MOD 11,10."""
    product = 10
    for digit in digits[:-1]:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == int(digits[-1])


_VERHOEFF_TIMES = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678", "5987604321", "6598710432", "7659821043",
    "8765932104", "9876543210",
)  # fmt: skip
_VERHOEFF_TURN = (
    "0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip


def verhoeff(digits: str) -> bool:
    """Source: Verhoeff, Error Detecting Decimal Codes, 1969."""
    found = 0
    for place, digit in enumerate(reversed(digits)):
        found = int(_VERHOEFF_TIMES[found][int(_VERHOEFF_TURN[place % 8][int(digit)])])
    return found == 0


def ean_13(digits: str) -> bool:
    """Source: GS1 General Specifications, 7.9."""
    return (weighted(digits[:12], (1, 3) * 6) + int(digits[12])) % 10 == 0


def mrz_digit(text: str) -> int:
    """The check digit of a field of a passport. Source: ICAO 9303-3, 4.9."""
    values = (0 if sign == "<" else int(sign, 36) for sign in text)
    return sum(value * (7, 3, 1)[place % 3] for place, value in enumerate(values)) % 10
