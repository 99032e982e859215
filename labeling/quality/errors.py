"""One class per broken rule of quality checks and their findings."""

from __future__ import annotations

from governance.errors import InvalidInput, WorkbenchError


class NotReadyToCheck(WorkbenchError):
    """The pairs of the Training Sheet are still being made."""

    code = "not_ready_to_check"


class FindingDecided(WorkbenchError):
    """The finding was accepted or dismissed already, or is not there any more."""

    code = "finding_decided"


class NothingProposed(InvalidInput):
    """The finding proposes no constraint that could be accepted."""

    code = "nothing_proposed"
