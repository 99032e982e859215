"""The long work on datasets."""

from typing import Any

from governance import jobs
from governance.jobs import Running
from training.datasets.freezing import JOB, freeze_members
from training.datasets.suspension import suspend_expired

jobs.register(JOB, label="Freeze a dataset")(freeze_members)


@jobs.register("training.suspend-expired", label="Look for permissions that have run out", every="EXPIRY_EVERY")
def look_for_expired(running: Running) -> dict[str, Any]:
    """Suspends approved datasets that hold a row whose permission has run out."""
    return {"suspended": suspend_expired()}
