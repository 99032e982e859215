"""Rights: the role says what kind of thing someone may do, grants on collections say to which rows.

The login backend below and the querysets ask the same question, so that lists and details agree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Group
from django.db import models, transaction
from guardian.shortcuts import assign_perm, remove_perm
from guardian.utils import get_group_obj_perms_model, get_user_obj_perms_model

from governance import context
from governance.errors import InvalidInput, NotPermitted

if TYPE_CHECKING:
    from governance.models import Collection, User

LEVELS = {"view": ("view",), "change": ("view", "change")}


def can_see(user: User, row: models.Model, action: str = "view") -> bool:
    """Whether `row` exists for `user` at all (or, with `change`, may be changed by them)."""
    visible = type(row)._default_manager.visible_to(user, action)  # type: ignore[attr-defined]
    return bool(visible.filter(pk=row.pk).exists())


def require(user: User, permission: str, row: models.Model | None = None, action: str = "view") -> None:
    """The role holds `permission`, and `row` is visible to (or may be changed by) `user`.

    :raises NotPermitted: one of the two is missing; the message does not say more about the row.
    """
    if not user.is_active or not user.has_perm(permission):
        raise NotPermitted(f"Your roles do not include “{_plain(permission)}”. Ask an administrator for it.")
    if row is not None and not can_see(user, row, action):
        raise NotPermitted(
            f"You may not {'change' if action == 'change' else 'use'} this {row._meta.verbose_name}. "
            "Ask its owner to share it with you."
        )


def _plain(permission: str) -> str:
    return permission.split(".")[-1].replace("_", " ")


@transaction.atomic
def share(*, collection: Collection, to: User | Group, level: str, by: User) -> None:
    """Grant `level` (view or change) on one collection row to an account or a group.

    :raises NotPermitted: `by` is neither the owner nor an administrator.
    :raises InvalidInput: `level` is neither view nor change.
    """
    _require_owner(collection, by)
    if level not in LEVELS:
        raise InvalidInput(f"{level!r} is no level; expected view or change.", field="level")
    with context.because(f"shared with {to} ({level})", by=by):
        for action in LEVELS[level]:
            assign_perm(_codename(collection, action), to, collection)


@transaction.atomic
def unshare(*, collection: Collection, to: User | Group, by: User) -> None:
    """Take back every grant of an account or a group on one collection row."""
    _require_owner(collection, by)
    for action in ("view", "change"):
        remove_perm(_codename(collection, action), to, collection)


def _codename(collection: Collection, action: str) -> str:
    meta = collection._meta
    return f"{meta.app_label}.{action}_{meta.model_name}"


def _require_owner(collection: Collection, by: User) -> None:
    if not (by.is_superuser or collection.owner_id == by.pk):
        raise NotPermitted(f"Only the owner ({collection.owner}) or an administrator may share “{collection}”.")


class RowBackend(ModelBackend):
    """Model permissions through groups; with an object, the same test as the lists make."""

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        if obj is None:
            return super().has_perm(user_obj, perm)
        if not super().has_perm(user_obj, perm):
            return False
        action = "view" if perm.split(".")[-1].startswith("view_") else "change"
        manager = type(obj)._default_manager
        return can_see(user_obj, obj, action) if hasattr(manager, "visible_to") else True


def accounts_to_share_with() -> models.QuerySet[User]:
    """Active accounts. Who may share sees their names, and no more of them."""
    from governance.models import User as Account

    return Account.objects.filter(is_active=True).order_by("username")


def groups_to_share_with() -> models.QuerySet[Group]:
    """Roles and teams that have an active member; sharing with any other would reach nobody."""
    return Group.objects.filter(user__is_active=True).distinct().order_by("name")


def grantee(*, collection: Collection, by: User, user: str = "", group: str = "") -> User | Group:
    """The account or group of this name that `by` may share `collection` with.

    :raises NotPermitted: `by` may not share it, whatever name was given.
    :raises InvalidInput: none or both were named; or no such one can be shared with, for whatever reason.
    """
    _require_owner(collection, by)
    return _named(accounts_to_share_with(), groups_to_share_with(), user, group)


def holder(*, collection: Collection, by: User, user: str = "", group: str = "") -> User | Group:
    """The account or group of this name that `collection` is shared with, active or not."""
    from governance.models import User as Account

    _require_owner(collection, by)
    by_name: Any = get_user_obj_perms_model(collection)
    by_group: Any = get_group_obj_perms_model(collection)
    accounts = by_name.objects.filter(content_object=collection).values("user")
    groups = by_group.objects.filter(content_object=collection).values("group")
    return _named(Account.objects.filter(pk__in=accounts), Group.objects.filter(pk__in=groups), user, group)


def _named(accounts: models.QuerySet[User], groups: models.QuerySet[Group], user: str, group: str) -> User | Group:
    if bool(user) == bool(group):
        raise InvalidInput("Name either a user or a group.", field="user")
    found = accounts.filter(username=user).first() if user else groups.filter(name=group).first()
    if found is None:
        raise InvalidInput(
            f"“{user or group}” is no {'account' if user else 'group'} that this can be shared with, or is shared "
            "with now. Choose one of those that the form offers.", field="user" if user else "group",
        )  # fmt: skip
    return found
