"""One class per broken rule of evaluations."""

from __future__ import annotations

from governance.errors import InvalidInput, UseProhibited


class EvaluationRefused(InvalidInput):
    """What is to be evaluated, or on which side, cannot be used."""

    code = "evaluation_refused"


class EvaluationProhibited(UseProhibited):
    """No row of the set permits evaluation."""

    code = "evaluation_prohibited"


class NotComparable(InvalidInput):
    """Fewer than two evaluations, or one that has no scores."""

    code = "not_comparable"
