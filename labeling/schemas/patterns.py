"""Regular expressions in schemas: refused when matching one could take very long.

Python's matcher backtracks. The number of ways it can go through a text is bounded here from the parsed
pattern: repeats multiply, and what varies inside a repeat is raised to its power.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterable
from re import _constants, _parser  # type: ignore[attr-defined]  # the only parser that reads what re reads
from typing import Any

LENGTH_LIMIT = 200
TEXT_LIMIT = 300
WAYS_LIMIT = TEXT_LIMIT**3

REPEATS = {_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT}
FIXED = {
    *(_constants.LITERAL, _constants.NOT_LITERAL, _constants.ANY, _constants.IN, _constants.AT),
    *(_constants.CATEGORY, _constants.RANGE, _constants.GROUPREF),
}


def pattern_fault(pattern: str) -> str | None:
    """Why the pattern is refused, or None: then matching TEXT_LIMIT characters takes under a second."""
    if len(pattern) > LENGTH_LIMIT:
        return f"it has {len(pattern)} characters, and a pattern may have {LENGTH_LIMIT}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            parsed = _parser.parse(pattern)
            re.compile(pattern)
    except (re.error, Warning, RecursionError, OverflowError) as error:
        return f"it is no regular expression ({error})"
    starts = 1.0 if _is_anchored(parsed) else float(TEXT_LIMIT)
    if starts * _ways(parsed) > WAYS_LIMIT:
        return "matching it could take very long; start it with ^, and use fewer or no nested repeats"
    return None


def _is_anchored(parsed: Any) -> bool:
    return bool(parsed) and parsed[0] in [
        (_constants.AT, _constants.AT_BEGINNING),
        (_constants.AT, _constants.AT_BEGINNING_STRING),
    ]


def _ways(parsed: Iterable[tuple[Any, Any]]) -> float:
    return math.prod(_ways_of(operation, argument) for operation, argument in parsed)


def _ways_of(operation: Any, argument: Any) -> float:
    if operation in FIXED:
        return 1.0
    if operation in REPEATS:
        return _ways_of_repeat(*argument)
    if operation is _constants.BRANCH:
        return sum(_ways(branch) for branch in argument[1])
    if operation is _constants.SUBPATTERN:
        return _ways(argument[-1])
    if operation is _constants.ATOMIC_GROUP:
        return _ways(argument)
    if operation in {_constants.ASSERT, _constants.ASSERT_NOT}:
        return _ways(argument[1])
    return math.inf


def _ways_of_repeat(least: int, most: int, inner: Any) -> float:
    most = min(int(most), TEXT_LIMIT)
    each = _ways(inner)
    lengths = min(max(most - least, 0) + 1, TEXT_LIMIT)
    try:
        return lengths * each ** max(most, 1)
    except OverflowError:
        return math.inf
