"""Emptying rows that otherwise never change, such as the content of labels: the row stays under its key, without what
it held. Triggers do it, when a `RowErasure` is written down.

Which tables refer to a row is read from the models. What upper apps know besides, such as models that learned from it
or files that were handed out, they say here; and here they learn that rows were emptied.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import connection, models
from django.db.models import Q

from governance.models import LegalHold, RowErasure
from governance.record import live
from governance.record.tables import emptied

if TYPE_CHECKING:
    from governance.models import User

ROWS_A_QUERY = 500


@dataclass(frozen=True, kw_only=True)
class Holder:
    """Rows of one kind that refer to what is emptied; or one asset that holds a copy of it, with its page."""

    kind: str
    label: str
    rows: int
    url: str = ""


Recall = Callable[[str, Sequence[str], "User"], list[Holder]]
Reaction = Callable[[str, Sequence[str], str, "User"], None]
_RECALLS: list[Recall] = []
_REACTIONS: list[Reaction] = []


def register_recall(recall: Recall) -> None:
    """Have `recall(kind, keys, user)` name what holds copies of these rows and is not emptied with them."""
    _RECALLS.append(recall)


def on_emptied(reaction: Reaction) -> None:
    """Have `reaction(kind, keys, reason, by)` called after rows were emptied, in the same transaction."""
    _REACTIONS.append(reaction)


def holding(kind: str, column: str, text: str, most: int) -> dict[str, Any]:
    """Rows that hold the text anywhere in the JSON of a column: key → that column. At most so many and one."""
    model = emptied()[kind]
    maker = live.MAKERS[connection.vendor]
    key = model._meta.pk.column
    with connection.cursor() as cursor:
        cursor.execute(
            f'SELECT r."{key}" FROM "{model._meta.db_table}" r WHERE r.erased_at IS NULL '  # noqa: S608 - our own names
            f'AND {maker.holds_text(f"""r."{column}" """)} ORDER BY r."{key}" LIMIT {most + 1}',
            {"text": text},
        )
        found = [row[0] for row in cursor.fetchall()]
    rows = model._base_manager.filter(pk__in=found)
    return {str(pk): body for pk, body in rows.values_list("pk", column)}


def whole(kind: str, keys: Sequence[str]) -> Iterator[str]:
    """Keys of those rows that are there and not emptied, in order."""
    rows = emptied()[kind]._base_manager.filter(erased_at__isnull=True)
    for some in parts(keys):
        yield from (str(pk) for pk in rows.filter(pk__in=some).order_by("pk").values_list("pk", flat=True))


def parts(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(keys), ROWS_A_QUERY):
        yield keys[start : start + ROWS_A_QUERY]


def digest_of(keys: Sequence[str]) -> str:
    """Of what would be emptied now."""
    return hashlib.sha256("\n".join(keys).encode()).hexdigest()


def references(kind: str) -> Iterator[tuple[Any, str]]:
    """Each model with a foreign key to this kind, and the key's name; readable histories repeat them."""
    for relation in emptied()[kind]._meta.get_fields(include_hidden=True):
        if isinstance(relation, models.ManyToOneRel) and not hasattr(relation.related_model, "history_id"):
            yield relation.related_model, relation.field.name


def holders(kind: str, keys: Sequence[str]) -> list[Holder]:
    """How many rows of which kinds refer to these rows."""
    found = []
    for model, conditions in _by_model(kind, keys).items():
        if count := sum(model._base_manager.filter(condition).count() for condition in conditions):
            found.append(Holder(kind=model._meta.label_lower, label=str(model._meta.verbose_name_plural), rows=count))
    return sorted(found, key=lambda holder: holder.kind)


def _by_model(kind: str, keys: Sequence[str]) -> dict[Any, list[Q]]:
    """For each model that refers to these rows, the conditions that find its rows, one for each part of the keys."""
    columns: dict[Any, list[str]] = {}
    for model, column in references(kind):
        columns.setdefault(model, []).append(column)
    return {
        model: [_any(names, some) for some in parts(keys)] for model, names in columns.items()
    }


def _any(columns: Sequence[str], keys: Sequence[str]) -> Q:
    found = Q()
    for column in columns:
        found |= Q(**{f"{column}__in": keys})
    return found


def recalled(kind: str, keys: Sequence[str], user: User) -> list[Holder]:
    """What holds copies that stay, as `user` may see it."""
    return [holder for recall in _RECALLS for holder in recall(kind, keys, user)]


def held(kind: str, keys: Sequence[str]) -> list[LegalHold]:
    """Standing holds on these rows, or on a row that refers to one of them."""
    wanted, by_model = {"", *keys}, _by_model(kind, keys)
    models_of = {model._meta.label_lower: model for model in by_model}
    found = []
    for hold in LegalHold.objects.filter(lifted_at__isnull=True):
        if hold.kind in ("", kind):
            is_held = hold.object_id in wanted
        else:
            model = models_of.get(hold.kind)
            is_held = model is not None and _refers(model, hold.object_id, by_model[model])
        if is_held:
            found.append(hold)
    return found


def _refers(model: Any, object_id: str, conditions: Sequence[Q]) -> bool:
    rows = model._base_manager.all()
    if object_id:
        key = live.key_of(model, object_id)
        if key is None:
            return False
        rows = rows.filter(pk=key)
    return any(rows.filter(condition).exists() for condition in conditions)


def empty(kind: str, keys: Sequence[str], *, reason: str, by: User) -> None:
    """Write the erasures down, which empties the rows, and tell the upper apps. In the caller's transaction."""
    due = list(whole(kind, keys))
    RowErasure.objects.bulk_create(
        [
            RowErasure(kind=kind, object_id=key, actor_id=by.pk, actor_name=by.display_name, reason=reason)
            for key in due
        ],
        batch_size=ROWS_A_QUERY,
    )
    for reaction in _REACTIONS:
        reaction(kind, due, reason, by)

