"""Reading the record of constraints, limited to the rows that someone may see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.apps import apps
from django.db.models import Q, QuerySet, Value
from django.urls import reverse

from governance.models import ConstraintChange, TagRule

if TYPE_CHECKING:
    from governance.models import User


def changes_visible_to(user: User) -> QuerySet[ConstraintChange]:
    """Changes of constraints on rows that `user` may see; what each reached, only for those who may see every row."""
    if counts_everything(user):
        return ConstraintChange.objects.annotate(counts_shown=Value(True))
    visible = Q(pk__in=[])
    for kind in ConstraintChange.objects.order_by().values_list("kind", flat=True).distinct():
        rows = apps.get_model(kind)._default_manager.visible_to(user).values("pk")
        visible |= Q(kind=kind, object_id__in=rows)
    return ConstraintChange.objects.filter(visible)


def subject_url(change: ConstraintChange) -> str:
    """The page of what was changed: a tag's rule, or why a row permits what it permits."""
    if change.kind == TagRule._meta.label_lower:
        return reverse("admin:governance_tagrule_change", args=[change.object_id])
    return reverse("governance:why", args=[change.kind, change.object_id])


def counts_everything(user: User) -> bool:
    """Whether `user` may know how many rows a change reached: a count tells of rows that one may not see."""
    return user.is_superuser or user.has_perm("governance.read_every_row")
