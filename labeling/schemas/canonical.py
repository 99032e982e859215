"""The one way a JSON value is written down, so that equal answers have equal digests."""

from __future__ import annotations

import hashlib
import json
import math

from .errors import NotJson

DEPTH_LIMIT = 64


def canonical_json(data: object) -> str:
    """Sorted keys, no spaces, characters as they are. `1` and `1.0` stay different texts.

    :raises NotJson: names the path of a value that JSON does not have.
    """
    refuse_non_json(data)
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(data: object) -> str:
    """SHA-256 of the canonical text, 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(data).encode()).hexdigest()


def refuse_non_json(value: object, path: str = "$", depth: int = 0) -> None:
    """:raises NotJson: a value, however deep, is not plain JSON."""
    if depth > DEPTH_LIMIT:
        raise _not_json(path, f"nested more than {DEPTH_LIMIT} levels deep")
    if type(value) is dict:
        for key, inner in value.items():
            refuse_non_json_key(key, path)
            refuse_non_json(inner, f"{path}.{key}", depth + 1)
    elif type(value) is list:
        for position, inner in enumerate(value):
            refuse_non_json(inner, f"{path}[{position}]", depth + 1)
    else:
        refuse_non_json_scalar(value, path)


def refuse_non_json_key(key: object, path: str) -> None:
    if type(key) is not str:
        raise _not_json(path, f"an object with the key {key!r}, and keys are text")
    refuse_non_json_scalar(key, path)


def refuse_non_json_scalar(value: object, path: str) -> None:
    if isinstance(value, str) and not _is_unicode(value):
        raise _not_json(path, "text with half a surrogate pair, which has no UTF-8")
    if isinstance(value, str) and "\0" in value:
        raise _not_json(path, "text with a NUL character, which a database cannot keep")
    if isinstance(value, float) and not math.isfinite(value):
        raise _not_json(path, f"the number {value}")
    if value is not None and type(value) not in (str, bool, int, float):
        raise _not_json(path, f"a {type(value).__name__}")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _not_json(path: str, what: str) -> NotJson:
    return NotJson(
        f"{path} is {what}. JSON has text, finite numbers, true, false, null, lists and objects.",
        field=path,
        details={"path": path},
    )
