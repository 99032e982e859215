"""Sealing comes round by itself while a worker runs."""

from __future__ import annotations

from typing import Any

from governance import jobs
from governance.record import sealing


@jobs.register("seal-record", label="Seal the record", every="SEAL_EVERY")
def seal_record(running: jobs.Running) -> dict[str, Any]:
    """Put what is new under a signed checkpoint. What is not sealed yet is what this period leaves open."""
    checkpoint = sealing.seal()
    return {"checkpoint": checkpoint.number, "entries": checkpoint.size} if checkpoint else {"checkpoint": None}
