"""Which tables are on record, which of their columns, and which tables only ever grow.

A model is on record when it is `Tracked`, holds a constraint, grants a right, links two such models, or says
`recorded = True`. It only grows when it says `append_only = True` or keeps readable history.
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
from governance.models.record import Checkpoint, Erasure, RecordEntry, RecordValues, SealedEntry, SigningKey

RECORD_MODELS: tuple[type[models.Model], ...] = (
    RecordEntry, RecordValues, Erasure, SigningKey, Checkpoint, SealedEntry,
)  # fmt: skip
# Django's own tables that decide who may do what.
FOREIGN = frozenset({"auth.group"})


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
def readable_histories() -> dict[str, type[models.Model]]:
    """The history that simple-history keeps of each kind of row."""
    kept = (model for model in apps.get_models() if hasattr(model, "history_id") and hasattr(model, "instance_type"))
    return {model.instance_type._meta.label_lower: model for model in kept}


@cache
def table_names() -> frozenset[str]:
    """The tables that may be written only while every trigger stands."""
    return frozenset(table.name for table in captured()) | {model._meta.db_table for model in append_only()}


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
    return Table(
        model=model,
        left_out=frozenset(getattr(model, "derived_columns", ())),
        hidden=frozenset(getattr(model, "hidden_columns", ())),
    )
