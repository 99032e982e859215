"""One class per broken rule of several experts on one item."""

from __future__ import annotations

from governance.errors import InvalidInput, WorkbenchError


class AlreadyGiven(WorkbenchError):
    """This person has given their opinion on the item; opinions stay as they were given."""

    code = "opinion_already_given"


class NoPlaceLeft(WorkbenchError):
    """As many experts as the labelset asks for have answered the item, or are at it."""

    code = "no_place_left"


class AlreadySettled(WorkbenchError):
    """The item has its canonical label."""

    code = "already_settled"


class OpinionsMissing(WorkbenchError):
    """Fewer experts than the labelset asks for have answered the item."""

    code = "opinions_missing"


class SameExpert(WorkbenchError):
    """Whoever settles a conflict may not be one of those who answered the item."""

    code = "same_expert"


class NotAnExpert(InvalidInput):
    """The account may not answer items of this Sheet."""

    code = "not_an_expert"


class NothingToCompare(WorkbenchError):
    """No item has all the opinions asked for."""

    code = "nothing_to_compare"
