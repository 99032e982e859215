"""What can go wrong between a run and the tracker."""

from __future__ import annotations

from governance.errors import InvalidInput, WorkbenchError


class TrackingFailed(WorkbenchError):
    """The tracker refused or did not answer."""

    code = "tracking_failed"
    status = 502


class JobKeyRefused(InvalidInput):
    """A job key holds a sign that the tracker's search cannot quote."""

    code = "job_key_refused"
