"""What travels with the rows of a version: counts, exclusions, fingerprint, leave they rest on, who approved it."""

from __future__ import annotations

from typing import Any

from governance.models import Approval, ApprovalRequest
from governance.rules.leave import in_words, leave_under
from training.datasets.models import DatasetVersion
from training.datasets.sources import derivations_under
from training.datasets.transitions import APPROVE


def manifest_of(version: DatasetVersion) -> dict[str, Any]:
    """The same for as long as the version is the same, and the leave that its rows rest on; JSON-safe."""
    return {
        "dataset": version.dataset.name,
        "dataset_id": str(version.dataset_id),
        "version": version.number,
        "version_id": str(version.pk),
        "purpose": version.dataset.purpose,
        "fingerprint": version.fingerprint,
        "frozen_at": version.frozen_at.isoformat() if version.frozen_at else None,
        "split": version.dataset.split,
        "rules": version.rules,
        "training_sheets": [
            {"id": str(sheet.pk), "name": sheet.name} for sheet in version.training_sheets.order_by("created_at", "id")
        ],
        "counts": version.counts,
        "exclusions": version.exclusions,
        "metrics": version.metrics,
        "declassifications": in_words(leave_under(derivations_under(version))),
        "approvals": approvals_of(version),
    }


def approvals_of(version: DatasetVersion) -> list[dict[str, str]]:
    """The signatures of the approved requests, oldest first."""
    signed = Approval.objects.filter(
        request__gate=APPROVE.gate, request__object_id=version.pk, request__state=ApprovalRequest.State.APPROVED,
        withdrawal=None,
    )
    return [
        {
            "by": approval.approver.display_name,
            "role": approval.role,
            "comment": approval.comment,
            "signed_at": approval.signed_at.isoformat(),
        }
        for approval in signed.select_related("approver").order_by("signed_at")
    ]
