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


class Granted(models.Func):
    """Whether a row was granted to an account now, by name or through a group: `Granted("pk", …)` in a filter.

    The rules of `in_force` and `memberships` as SQL: every page asks this of many tables, and to build and compile the
    same of querysets takes several times as long as the answer. A test holds the two together.
    """

    output_field = models.BooleanField()
    SQL = (
        "(EXISTS (SELECT 1 FROM {grants} given JOIN auth_permission named ON named.id = given.permission_id "
        "WHERE given.content_object_id = {row} AND given.user_id = %s AND named.codename = %s "
        "AND (given.until IS NULL OR given.until > %s)) "
        "OR EXISTS (SELECT 1 FROM {group_grants} given JOIN auth_permission named ON named.id = given.permission_id "
        "WHERE given.content_object_id = {row} AND named.codename = %s "
        "AND (given.until IS NULL OR given.until > %s) AND given.group_id IN ("
        "SELECT member.group_id FROM {memberships} member WHERE member.user_id = %s AND NOT EXISTS ("
        "SELECT 1 FROM {ends} ended WHERE ended.user_id = member.user_id AND ended.group_id = member.group_id "
        "AND ended.until <= %s))))"
    )

    def __init__(self, row: str, *, of: type[models.Model], user: User, codename: str) -> None:
        super().__init__(row)
        self.of: Any = of
        self.user_id, self.codename, self.now = user.pk, codename, timezone.now()

    def as_sql(self, compiler: Any, connection: Any, **_: Any) -> Any:  # type: ignore[override]
        from governance.models.people import MembershipEnd, User

        row, _params = compiler.compile(self.source_expressions[0])
        tables: dict[str, Any] = {
            "grants": get_user_obj_perms_model(self.of), "group_grants": get_group_obj_perms_model(self.of),
            "memberships": User.groups.through, "ends": MembershipEnd,
        }  # fmt: skip
        named = {name: connection.ops.quote_name(model._meta.db_table) for name, model in tables.items()}
        now = connection.ops.adapt_datetimefield_value(self.now)
        by_name, by_group = [self.user_id, self.codename, now], [self.codename, now, self.user_id, now]
        return self.SQL.format(row=row, **named), by_name + by_group


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
        return self.filter(Q(owner=user) | Granted("pk", of=self.model, user=user, codename=codename))


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
