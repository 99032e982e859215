"""Approving a dataset passes this gate: one approver, and a compliance officer where rows are sensitive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from governance.approvals.authorship import authors_of_version
from governance.approvals.registry import Gate
from governance.rules.leave import in_words, leave_under, sources_in_words
from governance.uses import Classification
from training.datasets import services, suspension
from training.datasets.measures import highest_classification
from training.datasets.models import DatasetVersion
from training.datasets.sources import derivations_under
from training.datasets.transitions import APPROVE

if TYPE_CHECKING:
    from governance.models import ApprovalRequest, User


def content_of(version: DatasetVersion) -> dict[str, object]:
    """What an approver is shown, and what the approval binds to."""
    dataset = version.dataset
    return {
        "dataset": dataset.name,
        "description": dataset.description,
        "version": version.number,
        "purpose": dataset.get_purpose_display(),
        "training sheets": [str(sheet) for sheet in version.training_sheets.order_by("created_at", "id")],
        "canonical labels of": str(version.label_sheet) if version.label_sheet else "",
        "rules": version.rules,
        "split": dataset.split,
        "fingerprint": version.fingerprint,
        "counts": version.counts,
        "exclusions": version.exclusions,
        "metrics": version.metrics,
        "highest classification": highest_classification(version).label,
        **({"rests on": found} if (found := in_words(leave_under(derivations_under(version)))) else {}),
    }


def sources_of_leave(version: DatasetVersion, user: User) -> dict[str, object]:
    """What the leave that the rows rest on lifts, as far as `user` may see it."""
    found = list(leave_under(derivations_under(version)))
    lifted = zip(found, sources_in_words(found, user), strict=True)
    lines = [{"declassification": one.scope_label, "lifts": sources} for one, sources in lifted]
    return {"the rows rest on": lines} if lines else {}


def officer_needed(version: DatasetVersion) -> dict[str, int]:
    return {"compliance-officer": 1} if highest_classification(version) >= Classification.CONFIDENTIAL else {}


def _authors(version: DatasetVersion) -> list[User]:
    return authors_of_version(version, version.dataset, "name", "description", "purpose", "split")


def _ask_again(version: DatasetVersion, request: ApprovalRequest, by: User, reason: str) -> ApprovalRequest:
    return services.request_approval(version=version, by=by, reason=reason)


APPROVE_GATE = Gate(
    slug=APPROVE.gate,
    title="Approve a dataset",
    content=content_of,
    perform=services.approve,
    check=services.check_approvable,
    authors=_authors,
    also_needs=officer_needed,
    beside=sources_of_leave,
    ask_again=_ask_again,
    on_lost=suspension.suspend,
)
