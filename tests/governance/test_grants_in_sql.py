"""The condition of every list (`Granted`) says what the rules of grants and memberships say."""

from __future__ import annotations

from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from guardian.utils import get_group_obj_perms_model, get_user_obj_perms_model

from governance.models import MembershipEnd
from governance.models.collections import Granted, groups_of, in_force
from workbench.models import Connection, Sheet

pytestmark = pytest.mark.django_db
ENDS = (None, -1, 1)  # hours from now; None has no end


def by_the_rules(user: Any, codename: str) -> Q:
    this_row = {"content_object": OuterRef("pk"), "permission__codename": codename}
    by_name = get_user_obj_perms_model(Sheet).objects.filter(in_force(), user=user, **this_row)
    by_group = get_group_obj_perms_model(Sheet).objects.filter(in_force(), group__in=groups_of(user), **this_row)
    return Q(Exists(by_name)) | Q(Exists(by_group))


def moment(hours: int | None) -> Any:
    return None if hours is None else timezone.now() + timedelta(hours=hours)


def test_every_kind_of_grant_counts_as_the_rules_say(steward, engineer, stranger):
    """Each way to hold a grant, with each end of the grant and of the membership, and what holds it besides."""
    permissions = {name: Permission.objects.get(codename=f"{name}_sheet") for name in ("view", "change")}
    connection = Connection.objects.create(name="All", owner=stranger)
    groups = {}
    for hours in ENDS:
        groups[hours] = Group.objects.create(name=f"until {hours}")
        engineer.groups.add(groups[hours])
        if hours is not None:
            MembershipEnd.objects.create(user=engineer, group=groups[hours], until=moment(hours), set_by=steward)
    elsewhere = Group.objects.create(name="elsewhere")
    holders: list[Any] = [engineer, steward, elsewhere, *groups.values()]
    for number, (holder, end, level) in enumerate(product(holders, ENDS, permissions)):
        sheet = Sheet.objects.create(name=f"Sheet {number}", owner=stranger, connection=connection, item_key="id")
        of_group = isinstance(holder, Group)
        grants = (get_group_obj_perms_model if of_group else get_user_obj_perms_model)(Sheet).objects
        grants.create(
            content_object=sheet, permission=permissions[level], until=moment(end),
            **{"group" if of_group else "user": holder},
        )  # fmt: skip

    for user, level in product((engineer, steward, stranger), permissions):
        codename = f"{level}_sheet"
        said = set(Sheet.objects.filter(Granted("pk", of=Sheet, user=user, codename=codename)).values_list("name"))
        assert said == set(Sheet.objects.filter(by_the_rules(user, codename)).values_list("name"))
    seen = Sheet.objects.visible_to(engineer).count()
    assert seen == 2 + 2 * 2, "by name with two ends, and through two memberships with two ends each"
