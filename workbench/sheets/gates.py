"""Publishing a Sheet passes this gate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from governance.approvals.authorship import authors_of_version
from governance.approvals.registry import Gate
from workbench.sheets import services
from workbench.sheets.models import SheetVersion
from workbench.sheets.transitions import PUBLISH

if TYPE_CHECKING:
    from governance.models import ApprovalRequest, User


def content_of(version: SheetVersion) -> dict[str, object]:
    """What an approver is shown, and what the approval binds to."""
    sheet = version.sheet
    return {
        "sheet": sheet.name,
        "description": sheet.description,
        "version": version.number,
        "connection": sheet.connection.name,
        "item key": sheet.item_key,
        "primary source": f"{version.primary_kind} {version.primary_ref}",
        "secondary sources": version.sources,
        "filter": version.filter_sql,
        "sample size": version.sample_size,
        "columns": version.columns,
        "column roles": version.column_roles,
        "items": version.item_count,
    }


def _authors(version: SheetVersion) -> list[User]:
    return authors_of_version(version, version.sheet, "name", "description", "connection_id", "item_key")


def _ask_again(version: SheetVersion, request: ApprovalRequest, by: User, reason: str) -> ApprovalRequest:
    return services.request_publish(version=version, by=by, reason=reason)


PUBLISH_GATE = Gate(
    slug=services.GATE,
    title="Publish a Sheet",
    content=content_of,
    perform=services.publish_approved,
    check=services.check_publishable,
    still=lambda version, payload: PUBLISH.check(version),
    authors=_authors,
    ask_again=_ask_again,
    instead="Archive the version instead, or publish a newer one.",
)
