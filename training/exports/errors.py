"""One class per broken rule of exports."""

from __future__ import annotations

from governance.errors import InvalidInput, WorkbenchError


class ExportRefused(InvalidInput):
    """A use or a format that no export has."""

    code = "export_refused"


class NothingToExport(WorkbenchError):
    """No member of this side permits the use."""

    code = "nothing_to_export"


class ExportNotReady(WorkbenchError):
    """The file is not written yet, or its job failed."""

    code = "export_not_ready"


class ExportGone(WorkbenchError):
    """The file is no longer where it was written, or is not what was written."""

    code = "export_gone"
    status = 410


class ExportOutdated(WorkbenchError):
    """Other rows permit the use now than when the file was written."""

    code = "export_outdated"


class ConstraintsUnsettled(WorkbenchError):
    """Constraints changed each time that the file was being written."""

    code = "constraints_unsettled"
