"""One class per broken rule of Curated Datasets."""

from __future__ import annotations

from governance.errors import InvalidInput, WorkbenchError


class NotADraft(WorkbenchError):
    """Only a draft that is not frozen can be changed, frozen or deleted."""

    code = "not_a_draft"


class NotFrozen(WorkbenchError):
    """The step needs fixed members, and this version has none yet."""

    code = "not_frozen"


class NotReviewed(WorkbenchError):
    """A Training Sheet whose review is not finished."""

    code = "not_reviewed"


class NothingSelected(WorkbenchError):
    """The rules leave no pair."""

    code = "nothing_selected"


class SplitFixed(WorkbenchError):
    """The split of a dataset stays as it is once a version was frozen."""

    code = "split_fixed"


class SplitRefused(InvalidInput):
    """Shares that are no split."""

    code = "split_refused"


class RulesRefused(InvalidInput):
    """A selection rule that cannot be used."""

    code = "rules_refused"


class NotUsable(WorkbenchError):
    """Only approved versions, in use or not, may be used; a suspended one lost its approval."""

    code = "not_usable"


class MembersProhibited(WorkbenchError):
    """Members no longer permit the use of their side."""

    code = "members_prohibited"


class Freezing(WorkbenchError):
    """A job is fixing the members of this version now."""

    code = "freezing"
