"""What an account may see and do, and why; asked by the same querysets as every door, and itself on record."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db.models import Q, QuerySet
from django.utils import timezone
from guardian.utils import get_group_obj_perms_model, get_user_obj_perms_model

from governance import context
from governance.errors import InvalidInput, NotPermitted
from governance.models import Collection, SeenAs, User
from governance.models.collections import groups_of, in_force, sees_every_row

COUNTED_AT_MOST = 10_000
ROWS = 50


@dataclass(frozen=True, kw_only=True)
class Action:
    """One thing that an account's role lets it do with a kind of row, and which groups give that."""

    name: str
    because: str


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of collection: how many rows of it the account sees (counted no further than 10,000)."""

    label: str
    title: str
    count: int
    is_capped: bool


@dataclass(frozen=True, kw_only=True)
class Sight:
    """One row that the account sees, whether it may be changed, and each reason."""

    row: Collection
    may_change: bool
    because: tuple[str, ...]


def kinds() -> dict[str, type[Collection]]:
    """Every kind of collection by its label; members follow theirs."""
    found = (model for model in apps.get_models() if issubclass(model, Collection))
    return {model._meta.label_lower: model for model in found}


def kind_named(label: str) -> type[Collection]:
    """:raises InvalidInput: no collection is called so."""
    if label not in kinds():
        raise InvalidInput(f"{label!r} is no kind of collection; expected one of {', '.join(kinds())}.", field="kind")
    return kinds()[label]


def look_as(*, account: User, by: User, kind: str = "") -> SeenAs:
    """Keep that an administrator looks at what `account` sees.

    :raises NotPermitted: `by` is no administrator.
    """
    if not (by.is_active and by.is_superuser):
        raise NotPermitted("Only an administrator may see what another account sees.")
    with context.because(f"looked as {account.username}", by=by):
        return SeenAs.objects.create(looked_by=by, account=account, kind=kind)


def counts_of(account: User) -> list[Kind]:
    """How many rows of each kind the account sees."""
    found = []
    for label, model in kinds().items():
        count = model.objects.visible_to(account).order_by()[: COUNTED_AT_MOST + 1].count()
        capped = count > COUNTED_AT_MOST
        title = str(model._meta.verbose_name_plural)
        found.append(Kind(label=label, title=title, count=min(count, COUNTED_AT_MOST), is_capped=capped))
    return found


def actions_of(account: User, model: type[Collection]) -> list[Action]:
    """What the account's roles let it do with this kind of row at all."""
    permissions = Permission.objects.filter(content_type=ContentType.objects.get_for_model(model)).order_by("pk")
    if account.is_superuser and account.is_active:
        return [Action(name=one.name, because="administrator") for one in permissions]
    given: dict[str, list[str]] = defaultdict(list)
    held = permissions.filter(group__in=groups_of(account)) if account.is_active else permissions.none()
    for name, group in held.values_list("name", "group__name"):
        given[name].append(str(group))
    return [Action(name=name, because=", ".join(sorted(set(groups)))) for name, groups in given.items()]


def rows_of(account: User, model: type[Collection], *, query: str = "") -> QuerySet[Any]:
    """The rows of one kind that the account sees, by name."""
    rows = model.objects.visible_to(account).select_related("owner").order_by("name", "pk")
    return rows.filter(name__icontains=query) if query else rows


def explain(account: User, rows: list[Collection]) -> list[Sight]:
    """Why the account sees each of these rows of one kind; three queries for all of them."""
    if not rows:
        return []
    model = type(rows[0])
    keys = [row.pk for row in rows]
    changeable = set(model.objects.visible_to(account, "change").filter(pk__in=keys).values_list("pk", flat=True))
    shared = _shares(account, model, keys)
    every = _sees_all(account)
    return [
        Sight(
            row=row,
            may_change=row.pk in changeable,
            because=(*every, *(["owner"] if row.owner_id == account.pk else []), *shared[row.pk]),
        )
        for row in rows
    ]


def _sees_all(account: User) -> list[str]:
    if account.is_superuser:
        return ["administrator: every row"]
    return ["audits: reads every row"] if sees_every_row(account, "view") else []


def _shares(account: User, model: type[Collection], keys: list[Any]) -> dict[Any, list[str]]:
    """In words, by row: with whom it is shared and until when; the right to change holds that to see."""
    furthest: dict[tuple[Any, str], Any] = {}
    for grant, whom in _grants(account, model, keys):
        place = grant.content_object_id, whom
        if place not in furthest or _changes(grant):
            furthest[place] = grant
    found: dict[Any, list[str]] = defaultdict(list)
    for (key, whom), grant in furthest.items():
        found[key].append(f"shared with {whom} {_words(grant)}")
    return found


def _grants(account: User, model: type[Collection], keys: list[Any]) -> Iterator[tuple[Any, str]]:
    here = Q(content_object__in=keys)
    by_name: Any = get_user_obj_perms_model(model)  # type: ignore[arg-type]
    by_group: Any = get_group_obj_perms_model(model)  # type: ignore[arg-type]
    for grant in by_name.objects.filter(here, in_force(), user=account).select_related("permission"):
        yield grant, "them"
    for grant in by_group.objects.filter(here, in_force(), group__in=groups_of(account)).select_related(
        "permission", "group"
    ):
        yield grant, grant.group.name


def _changes(grant: Any) -> bool:
    return bool(grant.permission.codename.startswith("change_"))


def _words(grant: Any) -> str:
    level = "to see and change" if _changes(grant) else "to see"
    return f"{level} until {timezone.localtime(grant.until):%d %b %Y %H:%M}" if grant.until else level
