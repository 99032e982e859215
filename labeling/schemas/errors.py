"""One class per broken rule of schemas and answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from governance.errors import InvalidInput

FAULTS_IN_MESSAGE = 5


@dataclass(frozen=True)
class Fault:
    """One place where an answer does not fit: its path (`$.codes[1]`), the value there, what would fit."""

    path: str
    value: str
    expected: str

    def __str__(self) -> str:
        return f"{self.path} is {self.value}, expected {self.expected}"


class SchemaRefused(InvalidInput):
    """The schema is no JSON Schema, or uses what schemas here may not use."""

    code = "schema_refused"


class SchemaViolation(InvalidInput):
    """The answer does not fit its schema; `faults` says where."""

    code = "schema_violation"

    def __init__(self, faults: Sequence[Fault]) -> None:
        shown = "; ".join(str(fault) for fault in faults[:FAULTS_IN_MESSAGE])
        more = f"; and {len(faults) - FAULTS_IN_MESSAGE} more" if len(faults) > FAULTS_IN_MESSAGE else ""
        super().__init__(
            f"The answer does not fit its schema: {shown}{more}.",
            field=faults[0].path,
            details={"faults": [asdict(fault) for fault in faults]},
        )
        self.faults = tuple(faults)


class AnswerUnreadable(InvalidInput):
    """The text is not JSON, so it holds no answer for this schema."""

    code = "answer_unreadable"


class NotJson(InvalidInput):
    """The value cannot be written as JSON."""

    code = "not_json"


class FormIncomplete(InvalidInput):
    """The form holds errors, so there is no answer in it yet."""

    code = "form_incomplete"
