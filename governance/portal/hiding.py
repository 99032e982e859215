"""Rows as one person may read them: what they point at and may not see has no name.

A row may be shared without what it was made from. Its page and its list show that there is something, and search finds
nothing by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import Q

from governance.models import Collection
from governance.models.collections import sees_every_row

if TYPE_CHECKING:
    from governance.models import User

NAMELESS = "not shared with you"


def shown(rows: Sequence[Any], user: User, *, whole: bool = False) -> list[Any]:
    """The rows of one model for showing, in their order; copies where something has no name for `user`.

    One query for each foreign key to rows with rights of their own: those that came with the rows, or with `whole` all
    of them and those of the collection that the rows follow.
    """
    rows = list(rows)
    if not rows or sees_every_row(user, "view"):
        return rows
    model = type(rows[0])
    for field in _sideways(model):
        if not (whole or field.is_cached(rows[0])):
            continue
        keys = {getattr(row, field.attname) for row in rows} - {None}
        visible = field.related_model._default_manager.visible_to(user)
        hidden = keys - set(visible.filter(pk__in=keys).values_list("pk", flat=True)) if keys else keys
        rows = [
            _with(row, field.name, _nameless(getattr(row, field.name)))
            if getattr(row, field.attname) in hidden else row for row in rows
        ]  # fmt: skip
    parent = getattr(model, "visible_through", "")
    if not (whole and parent):
        return rows
    followed = {(found := getattr(row, parent)).pk: found for row in rows}
    named = dict(zip(followed, shown(list(followed.values()), user, whole=True), strict=True))
    return [_with(row, parent, named[getattr(row, parent).pk]) for row in rows]


def holding(model: type[models.Model], path: str, word: str, user: User) -> Q:
    """The rows whose column at the end of `path` contains `word`, as far as `user` may see what the path leads to."""
    condition = Q(**{f"{path}__icontains": word})
    *steps, _ = path.split("__")
    for place, step in enumerate(steps):
        field: Any = model._meta.get_field(step)
        if field in _sideways(model) and not sees_every_row(user, "view"):
            seen = field.related_model._default_manager.visible_to(user).values("pk")
            condition &= Q(**{f"{'__'.join(steps[: place + 1])}__in": seen})
        model = field.related_model
    return condition


def _sideways(model: type[models.Model]) -> list[Any]:
    """Foreign keys to rows with rights of their own, but for the one that the row's own visibility comes from."""
    through = getattr(model, "visible_through", "")
    return [
        field
        for field in model._meta.concrete_fields
        if field.is_relation and field.name != through and _has_rights(field.related_model)
    ]


def _has_rights(model: Any) -> bool:
    return issubclass(model, Collection) or hasattr(model, "visible_through")


def _with(row: Any, name: str, related: Any) -> Any:
    """A copy that points at `related`."""
    if row._state.fields_cache.get(name) is related:
        return row
    made = copy(row)
    made._state = copy(row._state)
    made._state.fields_cache = row._state.fields_cache | {name: related}
    return made


def _nameless(related: Any) -> Any:
    """A copy without its name, or without that of the collection that it follows."""
    made = copy(related)
    if isinstance(made, Collection):
        made.name, made.description = NAMELESS, ""
        return made
    through = related.visible_through
    return _with(made, through, _nameless(getattr(related, through)))
