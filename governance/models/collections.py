"""Bases for collections (rows that carry rights) and their members (rows that follow a collection)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase
from guardian.utils import get_group_obj_perms_model, get_user_obj_perms_model
from simple_history.models import HistoricalRecords

from governance.ids import uuid7

if TYPE_CHECKING:
    from governance.models.people import User


class HistoryEntry(models.Model):
    """Columns that every history table adds: who, by id and name, so that both outlive the account."""

    actor_name = models.CharField(max_length=150, blank=True)
    door = models.CharField(max_length=16, blank=True)
    request_id = models.CharField(max_length=64, blank=True)

    class Meta:
        abstract = True


def _history_user(historical: Any) -> Any:
    return historical.actor_name or None


def _keep_history_user(historical: Any, user: Any) -> None:
    """The recorder in `governance.history` fills the id and the name from the current context."""


class Tracked(models.Model):
    """A model whose every save through the ORM is kept as a readable version."""

    history = HistoricalRecords(
        inherit=True,
        bases=[HistoryEntry],
        history_user_id_field=models.BigIntegerField(null=True, blank=True),
        history_user_getter=_history_user,
        history_user_setter=_keep_history_user,
        history_change_reason_field=models.TextField(blank=True, default=""),
    )

    class Meta:
        abstract = True


class UserGrant(UserObjectPermissionBase):
    """One grant of one account on one row, for good or until a moment."""

    until = models.DateTimeField(null=True, blank=True)

    class Meta(UserObjectPermissionBase.Meta):
        abstract = True


class GroupGrant(GroupObjectPermissionBase):
    """One grant of one group on one row, for good or until a moment."""

    until = models.DateTimeField(null=True, blank=True)

    class Meta(GroupObjectPermissionBase.Meta):
        abstract = True


def in_force() -> Q:
    """Grants that have no end, or one that has not come."""
    return Q(until=None) | Q(until__gt=timezone.now())


def memberships() -> models.QuerySet[Any]:
    """Who is in which group now: a membership that has ended counts nowhere, removed yet or not."""
    from governance.models.people import MembershipEnd, User

    through: Any = User.groups.through
    ended = MembershipEnd.objects.filter(
        user_id=OuterRef("user_id"), group_id=OuterRef("group_id"), until__lte=timezone.now()
    )
    return through.objects.filter(~Exists(ended))  # type: ignore[no-any-return]


def groups_of(user: Any) -> models.QuerySet[Any]:
    """Ids of the groups that an account is in now."""
    return memberships().filter(user_id=user.pk).values("group_id")


def sees_every_row(user: User, action: str) -> bool:
    """Superusers, and for reading those who audit."""
    return user.is_superuser or (action == "view" and user.has_perm("governance.read_every_row"))


class CollectionQuerySet(models.QuerySet):
    """Rows of a collection, limited to what someone may see."""

    def visible_to(self, user: User, action: str = "view") -> Self:
        """Rows on which `user` may `action`: the role permits it, and the row is theirs or granted to them."""
        if not user.is_active or not user.is_authenticated:
            return self.none()
        if sees_every_row(user, action):
            return self
        codename = f"{action}_{self.model._meta.model_name}"
        if not user.has_perm(f"{self.model._meta.app_label}.{codename}"):
            return self.none()
        return self.filter(Q(owner=user) | self._granted(user, codename))

    def _granted(self, user: User, codename: str) -> Q:
        this_row = {"content_object": OuterRef("pk"), "permission__codename": codename}
        grants: Any = get_user_obj_perms_model(self.model)  # type: ignore[arg-type]
        group_grants: Any = get_group_obj_perms_model(self.model)  # type: ignore[arg-type]
        by_name = grants.objects.filter(in_force(), user=user, **this_row)
        by_group = group_grants.objects.filter(in_force(), group__in=groups_of(user), **this_row)
        return Q(Exists(by_name)) | Q(Exists(by_group))


class MemberQuerySet(models.QuerySet):
    """Rows that follow a collection: `visible_through` on the model names the foreign key to it."""

    def visible_to(self, user: User, action: str = "view") -> Self:
        """Rows whose collection is visible to `user`, if the role may `action` this kind of row at all."""
        if not user.is_active or not user.is_authenticated:
            return self.none()
        if sees_every_row(user, action):
            return self
        if not user.has_perm(f"{self.model._meta.app_label}.{action}_{self.model._meta.model_name}"):
            return self.none()
        path: str = self.model.visible_through  # type: ignore[attr-defined]
        parent: Any = self.model._meta.get_field(path).related_model
        return self.filter(**{f"{path}__in": parent._default_manager.visible_to(user).values("pk")})


class RoleQuerySet(models.QuerySet):
    """Rows without rights of their own: whoever's role may view this kind sees all of it."""

    def visible_to(self, user: User, action: str = "view") -> Self:
        permission = f"{self.model._meta.app_label}.{action}_{self.model._meta.model_name}"
        allowed = user.is_active and (sees_every_row(user, action) or user.has_perm(permission))
        return self if allowed else self.none()


class Collection(Tracked):
    """An asset with a name and an owner; rights are granted on it, and its members follow."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = CollectionQuerySet.as_manager()

    class Meta:
        abstract = True
        ordering = ("-created_at", "id")
        # Among one owner's rows only: a name that is taken elsewhere would tell of a row that one may not see.
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["owner", "name"], name="%(app_label)s_%(class)s_name_of_owner"),
        ]

    def __str__(self) -> str:
        return self.name
