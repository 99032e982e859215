"""Roles as data: groups, what they mean in plain English, and the permissions that each app grants them.

An app declares its grants in `<app>/roles.py` as `GRANTS: dict[role slug, tuple of permissions]`.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Any

from django.apps import AppConfig, apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission
from django.db.models import QuerySet

ROLES: dict[str, tuple[str, str]] = {
    "data-steward": (
        "Data steward",
        "Connects data, builds and publishes Sheets, keeps tags and tag rules, and tightens constraints.",
    ),
    "domain-expert": (
        "Domain expert",
        "Labels items, reviews question/answer pairs, and says what is right; may tighten constraints.",
    ),
    "approver": (
        "Approver",
        "Gives the second signature when Sheets, Templates, Labelsets or datasets are to be published or used.",
    ),
    "compliance-officer": (
        "Compliance officer",
        "Reads everything, decides on relaxed constraints and restricted datasets, and audits who allowed what.",
    ),
    "ml-engineer": (
        "ML engineer",
        "Generates pairs, curates datasets, trains and evaluates models, and keeps model endpoints.",
    ),
    "agent-developer": (
        "Agent developer",
        "Writes Prompt Templates and Labelsets, tries endpoints, and uses approved examples and models.",
    ),
    "viewer": ("Viewer", "Reads what others share, and changes nothing."),
}


def sync_roles(app_config: AppConfig, **kwargs: Any) -> None:
    """After an app's migration: its permissions exist and every role holds what the app grants it."""
    grants = _grants_of(app_config)
    if grants is None:
        return
    create_permissions(app_config, verbosity=0)
    for slug, permissions in grants.items():
        group = group_for(slug)
        group.permissions.add(*_permissions(permissions))


def group_for(slug: str) -> Group:
    """The group of a role, created with its description when missing."""
    from governance.models import RoleDescription

    name, description = ROLES[slug]
    group, _ = Group.objects.get_or_create(name=name)
    RoleDescription.objects.update_or_create(group=group, defaults={"slug": slug, "description": description})
    return group


def roles_of(user: Any) -> set[str]:
    """Slugs of the roles that an account holds through its groups; superusers hold none by that alone."""
    from governance.models import RoleDescription
    from governance.models.collections import groups_of

    return set(RoleDescription.objects.filter(group__in=groups_of(user)).values_list("slug", flat=True))


def holders_of(slugs: Iterable[str]) -> QuerySet[Any]:
    """Active accounts of people that hold one of these roles now."""
    from governance.models import User
    from governance.models.collections import memberships

    holding = memberships().filter(group__role__slug__in=list(slugs)).values("user_id")
    return User.objects.filter(is_active=True, person__isnull=False, pk__in=holding)


def _grants_of(app_config: AppConfig) -> dict[str, tuple[str, ...]] | None:
    if not apps.is_installed("governance") or app_config.name.startswith("django."):
        return None
    try:
        module = import_module(f"{app_config.name}.roles")
    except ModuleNotFoundError:
        return None
    return getattr(module, "GRANTS", None)


def _permissions(names: tuple[str, ...]) -> list[Permission]:
    found = []
    for name in names:
        app_label, codename = name.split(".")
        found.append(Permission.objects.get(content_type__app_label=app_label, codename=codename))
    return found


_EVERYONE_MAY = (
    "governance.view_job",
    "governance.view_constraintchange",
    "governance.view_approvalrequest",
    "governance.view_roledescription",
    "governance.view_delegation",
    "governance.view_comment",
    "governance.view_notification",
)
_MAY_COMMENT = "governance.add_comment"

_MAY_CHANGE_CONSTRAINTS = (
    *_EVERYONE_MAY,
    _MAY_COMMENT,
    "governance.tighten_constraint",
    "governance.request_relaxation",
    "governance.view_declassification",
)

GRANTS: dict[str, tuple[str, ...]] = {
    "data-steward": (
        *_EVERYONE_MAY,
        _MAY_COMMENT,
        "governance.tighten_constraint",
        "governance.request_relaxation",
        "governance.view_declassification",
        "governance.view_tagrule",
        "governance.change_tagrule",
        "governance.add_tagrule",
    ),
    "domain-expert": _MAY_CHANGE_CONSTRAINTS,
    "approver": (
        *_EVERYONE_MAY, _MAY_COMMENT, "governance.decide_approvalrequest", "governance.view_gatepolicy",
        "governance.view_policyproposal", "governance.add_policyproposal", "governance.add_delegation",
    ),
    "compliance-officer": (
        *_EVERYONE_MAY,
        _MAY_COMMENT,
        "governance.read_every_row",
        "governance.decide_approvalrequest",
        "governance.tighten_constraint",
        "governance.view_declassification",
        "governance.view_tagrule",
        "governance.view_gatepolicy",
        "governance.view_policyproposal",
        "governance.add_policyproposal",
        "governance.add_delegation",
        "governance.view_accountlink",
        "governance.view_membershipend",
        "governance.view_seenas",
        "governance.view_user",
        "governance.view_recordentry",
        "governance.view_checkpoint",
        "governance.view_signinevent",
        "governance.view_apitoken",
        "governance.view_allowedaddress",
        "governance.view_evidenceexport",
        "governance.view_handout",
        "governance.add_evidenceexport",
        "governance.view_savedquestion",
        "governance.add_savedquestion",
        "governance.delete_savedquestion",
        "governance.view_erasurerequest",
        "governance.add_erasurerequest",
        "governance.view_legalhold",
        "governance.add_legalhold",
        "governance.view_recordarchive",
        "governance.add_recordarchive",
        "auth.view_group",
    ),
    "ml-engineer": _MAY_CHANGE_CONSTRAINTS,
    "agent-developer": _MAY_CHANGE_CONSTRAINTS,
    "viewer": _EVERYONE_MAY,
}
