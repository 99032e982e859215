"""Why the nearest-neighbour labeler proposes nothing, in words."""

from __future__ import annotations

from governance.errors import WorkbenchError


class NotEnoughLabels(WorkbenchError):
    """Too few canonical labels permit few-shot use and fit."""

    code = "not_enough_labels"


class NothingToCompare(WorkbenchError):
    """The question holds nothing that this labeler can compare."""

    code = "nothing_to_compare"
