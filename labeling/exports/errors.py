"""Rows that an export cannot carry."""

from __future__ import annotations

from governance.errors import WorkbenchError


class RowNotExportable(WorkbenchError):
    """A row holds something the format cannot express; the message names the row."""

    code = "row_not_exportable"
