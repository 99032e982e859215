"""One class per broken rule of canonical labels."""

from __future__ import annotations

from governance.errors import InvalidInput, WorkbenchError


class LabelTypeMismatch(InvalidInput):
    """The labelset answers for another label type."""

    code = "label_type_mismatch"


class NoLabelset(WorkbenchError):
    """No published labelset is bound to the Sheet for this label type."""

    code = "no_labelset"


class OpinionsAsked(WorkbenchError):
    """The labelset asks several experts for each item, and one alone would label it."""

    code = "opinions_asked"


class ItemGone(InvalidInput):
    """The Sheet has no such item (any more)."""

    code = "item_gone"


class ImportRefused(InvalidInput):
    """No entry of an import can be used, or one cannot and it was to be all or nothing; nothing was saved."""

    code = "import_refused"


class ContentErased(WorkbenchError):
    """The value was erased, so it is neither used nor kept again."""

    code = "content_erased"
