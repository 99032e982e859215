"""What somebody has entered in a form and not sent: as it is kept in a draft, and as if it had been sent."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from django.http import QueryDict

from governance.errors import InvalidInput

LONGEST = 1_000_000  # characters, as JSON
NOT_KEPT = frozenset({"csrfmiddlewaretoken", "action"})


def kept(entered: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The fields of a form as a draft holds them.

    :raises InvalidInput: they are longer than a million characters, or hold a null character.
    """
    fields = {name: list(values) for name, values in entered.items() if name not in NOT_KEPT}
    if (length := len(json.dumps(fields))) > LONGEST:
        raise InvalidInput(f"A draft holds {LONGEST:,} characters at most; this has {length:,}.", field="entered")
    if any("\x00" in text for name, values in fields.items() for text in (name, *values)):
        raise InvalidInput("A draft holds no null characters; take them out.", field="entered")
    return fields


def as_posted(fields: Mapping[str, Sequence[str]]) -> QueryDict:
    """A draft's fields as if their form had been sent."""
    posted = QueryDict(mutable=True)
    for name, values in fields.items():
        posted.setlist(name, list(values))
    return posted
