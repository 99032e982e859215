"""Rights: the role says what kind of thing someone may do, grants on collections say to which rows.

The login backend below and the querysets ask the same question, so that lists and details agree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db import models, transaction
from django.utils import timezone
from guardian.utils import get_group_obj_perms_model, get_user_obj_perms_model

from governance import context
from governance.errors import InvalidInput, NotPermitted
from governance.models.collections import groups_of, in_force, memberships

if TYPE_CHECKING:
    from governance.models import Collection, User

LEVELS = {"view": ("view",), "change": ("view", "change")}
_ON_SHARE: dict[str, Callable[[Any], object]] = {}


def on_share(kind: str, react: Callable[[Any], object]) -> None:
    """Have `react(collection)` called, in the same transaction, when a collection of this kind was shared."""
    _ON_SHARE[kind] = react


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
    if row is not None:
        require_row(user, row, action)


def require_row(user: User, row: models.Model, action: str = "view") -> None:
    """:raises NotPermitted: `row` is not visible to (or may not be changed by) `user`."""
    if not can_see(user, row, action):
        raise NotPermitted(
            f"You may not {'change' if action == 'change' else 'use'} this {row._meta.verbose_name}. "
            "Ask its owner to share it with you."
        )


def _plain(permission: str) -> str:
    return permission.split(".")[-1].replace("_", " ")


@transaction.atomic
def share(
    *, collection: Collection, to: User | Group, level: str, by: User, until: datetime | None = None
) -> None:
    """Grant `level` (view or change) on one collection row to an account or a group, for good or until a moment.

    Shared again with the same one, the newer end holds for everything they were granted on the row.
    :raises NotPermitted: `by` is neither the owner nor an administrator.
    :raises InvalidInput: `level` is neither view nor change, or the end has passed.
    """
    _require_owner(collection, by)
    if level not in LEVELS:
        raise InvalidInput(f"{level!r} is no level; expected view or change.", field="level")
    if until is not None and until <= timezone.now():
        raise InvalidInput(f"{until:%Y-%m-%d %H:%M} has passed; expected a moment to come.", field="until")
    grants, whom = _grants_of(collection, to)
    with context.because(f"shared with {to} ({level}{f' until {until:%Y-%m-%d %H:%M}' if until else ''})", by=by):
        held = grants.objects.filter(content_object=collection, **whom)
        for grant in held.exclude(until=until):
            grant.until = until
            grant.save(update_fields=["until"])
        for action in LEVELS[level]:
            grants.objects.get_or_create(
                content_object=collection, permission=_permission(collection, action), **whom,
                defaults={"until": until},
            )  # fmt: skip
    if react := _ON_SHARE.get(collection._meta.label_lower):
        react(collection)


@transaction.atomic
def unshare(*, collection: Collection, to: User | Group, by: User) -> None:
    """Take back every grant of an account or a group on one collection row."""
    _require_owner(collection, by)
    grants, whom = _grants_of(collection, to)
    with context.because(f"no longer shared with {to}", by=by):
        grants.objects.filter(content_object=collection, **whom).delete()


@dataclass(frozen=True, kw_only=True)
class Share:
    """What one account or group was granted on one row."""

    name: str
    label: str
    is_group: bool
    level: str
    until: datetime | None

    @property
    def is_over(self) -> bool:
        return self.until is not None and self.until <= timezone.now()


def shares_of(collection: Collection) -> list[Share]:
    """With whom a row is shared, accounts first; what has ended is listed until it is taken back or given anew."""
    found: dict[tuple[bool, str], Share] = {}
    grants: Any = get_user_obj_perms_model(collection)
    group_grants: Any = get_group_obj_perms_model(collection)
    here = {"content_object": collection}
    for grant in grants.objects.filter(**here).select_related("user", "permission"):
        _add_share(found, grant, grant.user.username, grant.user.display_name, is_group=False)
    for grant in group_grants.objects.filter(**here).select_related("group", "permission"):
        _add_share(found, grant, grant.group.name, grant.group.name, is_group=True)
    return [found[key] for key in sorted(found)]


def shares_held(*, collection: Collection, by: User) -> list[Share]:
    """:raises NotPermitted: `by` is neither the owner nor an administrator."""
    _require_owner(collection, by)
    return shares_of(collection)


def _add_share(found: dict[tuple[bool, str], Share], grant: Any, name: str, label: str, *, is_group: bool) -> None:
    known = found.get((is_group, name))
    changes = grant.permission.codename.startswith("change_") or (known is not None and known.level == "change")
    level = "change" if changes else "view"
    found[is_group, name] = Share(name=name, label=label, is_group=is_group, level=level, until=grant.until)


def _grants_of(collection: Collection, to: User | Group) -> tuple[Any, dict[str, Any]]:
    """The table of grants on rows of this kind, and whose they are."""
    if isinstance(to, Group):
        return get_group_obj_perms_model(collection), {"group": to}
    return get_user_obj_perms_model(collection), {"user": to}


def _permission(collection: Collection, action: str) -> Permission:
    codename = f"{action}_{collection._meta.model_name}"
    return Permission.objects.get(content_type=ContentType.objects.get_for_model(collection), codename=codename)


def _require_owner(collection: Collection, by: User) -> None:
    if not (by.is_superuser or collection.owner_id == by.pk):
        raise NotPermitted(f"Only the owner ({collection.owner}) or an administrator may share “{collection}”.")


class RowBackend(ModelBackend):
    """Model permissions through groups; with an object, the same test as the lists make."""

    def _get_group_permissions(self, user_obj: Any) -> models.QuerySet[Permission]:
        """As Django does, without memberships that have ended."""
        return Permission.objects.filter(group__in=groups_of(user_obj))

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        if obj is None:
            return super().has_perm(user_obj, perm)
        if not super().has_perm(user_obj, perm):
            return False
        action = "view" if perm.split(".")[-1].startswith("view_") else "change"
        manager = type(obj)._default_manager
        return can_see(user_obj, obj, action) if hasattr(manager, "visible_to") else True


def accounts_that_may_see(row: models.Model) -> models.QuerySet[User]:
    """Active accounts that were given the row's collection, or read everything; ask `can_see` about each of them."""
    from governance.models import Collection as Collections
    from governance.models import User as Account

    collection: Any = row
    while not isinstance(collection, Collections):
        collection = getattr(collection, collection.visible_through)
    view = {"content_object": collection, "permission__codename": f"view_{collection._meta.model_name}"}
    grants: Any = get_user_obj_perms_model(collection)
    group_grants: Any = get_group_obj_perms_model(collection)
    groups = Group.objects.filter(permissions__codename="read_every_row").values("pk")
    by_group = models.Q(group__in=group_grants.objects.filter(in_force(), **view).values("group"))
    members = memberships().filter(by_group | models.Q(group__in=groups)).values("user_id")
    return Account.objects.filter(
        models.Q(pk=collection.owner_id)
        | models.Q(pk__in=grants.objects.filter(in_force(), **view).values("user"))
        | models.Q(pk__in=members)
        | models.Q(is_superuser=True)
        | models.Q(user_permissions__codename="read_every_row"),
        is_active=True,
    ).distinct().order_by("username")  # fmt: skip


def accounts_to_share_with() -> models.QuerySet[User]:
    """Active accounts. Who may share sees their names, and no more of them."""
    from governance.models import User as Account

    return Account.objects.filter(is_active=True).order_by("username")


def account_named(username: str, *, field: str) -> User:
    """:raises InvalidInput: no active account has this user name."""
    found = accounts_to_share_with().filter(username=username.strip()).first()
    if found is None:
        raise InvalidInput(f"There is no active account {username.strip()!r}.", field=field)
    return found


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
