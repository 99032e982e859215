"""Which tables are on record, which of their columns, and which tables only ever grow.

A model is on record when it is `Tracked`, holds a constraint, grants a right, links two such models, or says
`recorded = True`. It only grows when it says `append_only = True` or keeps readable history; with
`emptied_columns` an erasure may empty those.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.apps import apps
from django.db import models
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from governance.models import ConstrainedModel, Tracked
from governance.models.record import (
    Checkpoint,
    Erasure,
    RecordEntry,
    RecordValues,
    RowErasure,
    SealedEntry,
    SigningKey,
)

RECORD_MODELS: tuple[type[models.Model], ...] = (
    RecordEntry, RecordValues, Erasure, RowErasure, SigningKey, Checkpoint, SealedEntry,
)  # fmt: skip


@dataclass(frozen=True)
class Foreign:
    """What a model of another project would say of itself, were it ours."""

    derived_columns: tuple[str, ...] = ()
    hidden_columns: tuple[str, ...] = ()


OUR_APPS = frozenset({"governance", "workbench", "labeling", "training"})
# Tables of Django and allauth that decide who may do what, and who is who. When something was used last is no change.
FOREIGN = {
    "auth.group": Foreign(),
    "auth.permission": Foreign(),
    "contenttypes.contenttype": Foreign(),
    "account.emailaddress": Foreign(),
    "mfa.authenticator": Foreign(derived_columns=("last_used_at",), hidden_columns=("data",)),
    "socialaccount.socialaccount": Foreign(derived_columns=("last_login",), hidden_columns=("extra_data",)),
}


@dataclass(frozen=True)
class Table:
    """One captured table. `left_out` columns are derived and never captured; `hidden` ones without their value."""

    model: type[models.Model]
    left_out: frozenset[str]
    hidden: frozenset[str]

    @property
    def name(self) -> str:
        return self.model._meta.db_table

    @property
    def kind(self) -> str:
        return self.model._meta.label_lower

    @property
    def key(self) -> str:
        """The column of the primary key."""
        return str(self.model._meta.pk.column)

    @property
    def columns(self) -> list[models.Field[Any, Any]]:
        """The captured fields, in the table's order."""
        return [field for field in self.model._meta.concrete_fields if field.column not in self.left_out]


@cache
def captured() -> tuple[Table, ...]:
    """Every table on record, by name."""
    found = {model._meta.db_table: model for model in _captured_models()}
    return tuple(_table(found[name]) for name in sorted(found))


@cache
def append_only() -> tuple[type[models.Model], ...]:
    """Every model whose rows are never changed or deleted. `RecordValues` has a rule of its own."""
    growing = {model for model in apps.get_models() if _only_grows(model)} | set(RECORD_MODELS)
    return tuple(sorted(growing - {RecordValues}, key=lambda model: model._meta.db_table))


@cache
def emptied() -> dict[str, Any]:
    """Models that only grow and whose rows an erasure may empty: their `emptied_columns`, at their `erased_at`."""
    return {model._meta.label_lower: model for model in apps.get_models() if hasattr(model, "emptied_columns")}


@cache
def holdable() -> tuple[str, ...]:
    """Kinds of row of which something is kept that a legal hold can keep: on record, or in rows that can be emptied."""
    return tuple(sorted({*(table.kind for table in captured()), *emptied()}))


@cache
def readable_histories() -> dict[str, type[models.Model]]:
    """The history that simple-history keeps of each kind of row."""
    kept = (model for model in apps.get_models() if hasattr(model, "history_id") and hasattr(model, "instance_type"))
    return {model.instance_type._meta.label_lower: model for model in kept}


@cache
def table_names() -> frozenset[str]:
    """The tables that may be written only while every trigger stands."""
    return frozenset(table.name for table in captured()) | {model._meta.db_table for model in append_only()}


@cache
def ours() -> tuple[str, ...]:
    """Tables that are not on record and yet decide what is done, as work that waits does.

    Where the database can tell, only this application writes them.
    """
    own = (model for model in apps.get_models() if model._meta.managed and model._meta.app_label in OUR_APPS)
    return tuple(sorted({model._meta.db_table for model in own} - table_names()))


def _captured_models() -> Iterator[type[models.Model]]:
    for model in apps.get_models():
        if _is_captured(model):
            yield model
            yield from _links(model)


def _is_captured(model: type[models.Model]) -> bool:
    bases = (Tracked, ConstrainedModel, UserObjectPermissionBase, GroupObjectPermissionBase)
    named = getattr(model, "recorded", False) or model._meta.label_lower in FOREIGN
    return bool(model._meta.managed and not model._meta.proxy and (named or issubclass(model, bases)))


def _links(model: type[models.Model]) -> Iterator[type[models.Model]]:
    """The tables that Django makes for a model's many-to-many fields."""
    for field in model._meta.many_to_many:
        through: Any = field.remote_field.through  # type: ignore[attr-defined]
        if through._meta.auto_created:
            yield through


def _only_grows(model: type[models.Model]) -> bool:
    return hasattr(model, "history_id") or bool(getattr(model, "append_only", False))


def _table(model: type[models.Model]) -> Table:
    said: Any = FOREIGN.get(model._meta.label_lower, model)
    return Table(
        model=model,
        left_out=frozenset(getattr(said, "derived_columns", ())),
        hidden=frozenset(getattr(said, "hidden_columns", ())),
    )
