"""Publishing a labelset passes this gate."""

from __future__ import annotations

from governance.approvals.authorship import authors_of_version
from governance.approvals.registry import Gate
from governance.models import ApprovalRequest, User
from labeling.labelsets import services
from labeling.labelsets.models import LabelsetVersion


def _content(version: LabelsetVersion) -> object:
    return {
        "labelset": version.labelset.name,
        "number": version.number,
        "label_type": version.labelset.label_type_id,
        **{name: getattr(version, name) for name in services.EDITABLE},
    }


def _authors(version: LabelsetVersion) -> list[User]:
    return authors_of_version(version, version.labelset, "name")


def _ask_again(version: LabelsetVersion, request: ApprovalRequest, by: User, reason: str) -> ApprovalRequest:
    return services.request_publish(version=version, by=by, reason=reason)


PUBLISH_GATE = Gate(
    slug="labelset-publish",
    title="Publish labelset",
    content=_content,
    perform=services.publish,
    check=services.check_publishable,
    authors=_authors,
    ask_again=_ask_again,
    instead="Archive the version instead, or publish a newer one.",
)
