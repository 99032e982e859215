"""One class per broken rule of Use Cases."""

from __future__ import annotations

from governance.errors import WorkbenchError


class UseCaseInUse(WorkbenchError):
    """Something names the Use Case, so it stays on record."""

    code = "use_case_in_use"
