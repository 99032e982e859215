"""Entries as people read them: names beside the numbers of uses and classifications, and where dropped values lie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.apps import apps
from django.db import models

from governance.models import RecordArchive, RecordEntry
from governance.models.constraints import UsesField
from governance.uses import ALL_USES, uses_in


def in_words(kind: str, column: str, value: Any) -> str:
    """What a number in this column stands for: the uses of a mask, the name of a level. Empty for any other value."""
    if type(value) is not int:
        return ""
    field = _field(kind, column)
    if isinstance(field, UsesField):
        return (", ".join(uses_in(value)) or "no use") if 0 <= value <= ALL_USES else ""
    if isinstance(field, models.IntegerField) and field.choices:
        return str(dict(field.flatchoices).get(value, ""))
    return ""


def names_in(kind: str, image: Mapping[str, Any] | None) -> dict[str, str]:
    """Column → what its number stands for, of those columns of an image whose numbers stand for something."""
    said = {column: in_words(kind, column, value) for column, value in (image or {}).items()}
    return {column: words for column, words in said.items() if words}


def _field(kind: str, column: str) -> models.Field[Any, Any] | None:
    """The field behind a column now; None where the kind or the column is gone."""
    try:
        fields = apps.get_model(kind)._meta.concrete_fields
    except (LookupError, ValueError):
        return None
    return next((field for field in fields if field.column == column), None)


def archive_of(entry: RecordEntry) -> RecordArchive | None:
    """The archive that alone holds the values of an entry read `with_values`; None where they are here, or nowhere."""
    place = getattr(entry, "sealed", None)
    if entry.said or entry.why_erased or place is None:
        return None
    dropped = RecordArchive.objects.filter(dropped_at__isnull=False, first__lte=place.position)
    archive = dropped.order_by("-first").first()
    return archive if archive is not None and archive.last >= place.position else None
