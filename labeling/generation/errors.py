"""One class per broken rule of generation."""

from __future__ import annotations

from governance.errors import InvalidInput, WorkbenchError


class NotPublishedYet(InvalidInput):
    """Pairs are made from published versions only."""

    code = "not_published"


class LabelsetNotBound(InvalidInput):
    """The labelset does not answer for this label type on this Sheet."""

    code = "labelset_not_bound"


class ColumnsMissing(InvalidInput):
    """The template reads columns that the Sheet does not have."""

    code = "columns_missing"


class ItemUnanswered(InvalidInput):
    """The answer column of an item is empty."""

    code = "item_unanswered"


class PairsIncomplete(WorkbenchError):
    """Fewer pairs were stored than items were read."""

    code = "pairs_incomplete"


class NothingFailed(WorkbenchError):
    """No pair has failed, so there is nothing to try again."""

    code = "nothing_failed"


class TrainingSheetInUse(WorkbenchError):
    """Pairs that were reviewed or used stay on record."""

    code = "training_sheet_in_use"
