"""One class per broken rule of canonical labels."""

from __future__ import annotations

from governance.errors import InvalidInput, WorkbenchError


class LabelTypeMismatch(InvalidInput):
    """The labelset answers for another label type."""

    code = "label_type_mismatch"


class NoLabelset(WorkbenchError):
    """No published labelset is bound to the Sheet for this label type."""

    code = "no_labelset"


class ItemGone(InvalidInput):
    """The Sheet has no such item (any more)."""

    code = "item_gone"


class ImportRefused(InvalidInput):
    """Lines of an import cannot be used; nothing was saved."""

    code = "import_refused"
