"""One class per broken rule of reviewing."""

from __future__ import annotations

from governance.errors import InvalidInput, WorkbenchError


class NoAnswerYet(InvalidInput):
    """An empty pair cannot be approved."""

    code = "no_answer_yet"


class PromptNotUsable(InvalidInput):
    """The edited prompt is no list of chat messages, or points at a file that the pair was not made from."""

    code = "prompt_not_usable"


class NotApproved(WorkbenchError):
    """Only an approved pair can be golden."""

    code = "not_approved"


class ReviewClosed(WorkbenchError):
    """Pairs are decided while their Training Sheet is ready for review."""

    code = "review_closed"


class ReviewIncomplete(WorkbenchError):
    """Pairs are still undecided."""

    code = "review_incomplete"


class NothingToUndo(WorkbenchError):
    """None of one's last decisions on this Training Sheet stands."""

    code = "nothing_to_undo"


class NotAReviewer(InvalidInput):
    """Pairs are given to people who may see and decide them."""

    code = "not_a_reviewer"


class RuleEnded(WorkbenchError):
    """The standing rule was ended before."""

    code = "rule_ended"


class NothingNewer(WorkbenchError):
    """The pair holds the newest version of its label already, or came from none."""

    code = "nothing_newer"
