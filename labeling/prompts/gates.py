"""Publishing a Prompt Template passes this gate."""

from __future__ import annotations

from governance.approvals.authorship import authors_of_version
from governance.approvals.registry import Gate
from governance.models import ApprovalRequest, User
from labeling.prompts import services
from labeling.prompts.definition import FIELDS
from labeling.prompts.models import TemplateVersion


def _content(version: TemplateVersion) -> object:
    shown = {name: getattr(version, name) for name in FIELDS if name not in {"labelset", "endpoint"}}
    return shown | {
        "template": version.template.name,
        "version": version.version,
        "label_type": version.template.label_type_id,
        "labelset": str(version.labelset_id or ""),
        "endpoint": str(version.endpoint_id or ""),
    }


def _authors(version: TemplateVersion) -> list[User]:
    return authors_of_version(version, version.template, "name")


def _ask_again(version: TemplateVersion, request: ApprovalRequest, by: User, reason: str) -> ApprovalRequest:
    return services.request_publish(version=version, by=by, reason=reason)


PUBLISH_GATE = Gate(
    slug="template-publish",
    title="Publish prompt template",
    content=_content,
    perform=services.publish,
    check=services.check_publishable,
    authors=_authors,
    ask_again=_ask_again,
    instead="Archive the version instead, or publish a newer one.",
)
