"""A model endpoint receives more than internal data only once others agreed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from governance.approvals.authorship import authors_of_columns
from governance.approvals.registry import Gate
from workbench.endpoints import services
from workbench.endpoints.models import ModelEndpoint

if TYPE_CHECKING:
    from governance.models import ApprovalRequest, User


def content_of(endpoint: ModelEndpoint) -> dict[str, object]:
    """Where data would go. How high it would be cleared is in the request's payload, bound just the same."""
    return {
        "name": endpoint.name,
        "engine": endpoint.engine,
        "base_url": endpoint.base_url,
        "model_name": endpoint.model_name,
    }


def _authors(endpoint: ModelEndpoint) -> list[User]:
    made = [endpoint.created_by] if endpoint.created_by else []
    return [*made, *authors_of_columns(endpoint, "name", "engine", "base_url", "model_name")]


def _ask_again(endpoint: ModelEndpoint, request: ApprovalRequest, by: User, reason: str) -> ApprovalRequest:
    highest = request.payload["max_classification"]
    return services.request_clearance(endpoint=endpoint, max_classification=highest, by=by, reason=reason)


CLEARANCE_GATE = Gate(
    slug=services.CLEARANCE_GATE,
    title="Clear a model endpoint",
    content=content_of,
    perform=services.perform_clearance,
    authors=_authors,
    default_approvals={"compliance-officer": 1},
    ask_again=_ask_again,
    instead="Lower what the endpoint may receive instead: that acts at once.",
)
