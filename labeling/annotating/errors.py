"""One class per broken rule of marking."""

from __future__ import annotations

from governance.errors import InvalidInput


class MarkOutside(InvalidInput):
    """A box, polygon or span of an answer does not lie in the picture or text that it marks."""

    code = "mark_outside"
