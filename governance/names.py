"""Names of collections: one owner has no two of the same kind with one name. Of other owners' rows nothing is said."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, models, transaction

from governance.errors import InvalidInput


def save_named(row: models.Model, *, within: str = "owner", **save: Any) -> None:
    """Save a row whose name is unique among those with the same `within`.

    :raises InvalidInput: the name is empty, too long, or taken by another such row.
    """
    known: Any = row
    known.name = known.name.strip()
    longest = row._meta.get_field("name").max_length or 0  # type: ignore[union-attr]
    if not 1 <= len(known.name) <= longest:
        raise InvalidInput(f"Give a name of 1 to {longest} characters.", field="name")
    try:
        with transaction.atomic():
            row.save(**save)
    except IntegrityError as error:
        same = {within: getattr(row, f"{within}_id"), "name": known.name}
        if not type(row)._default_manager.filter(**same).exclude(pk=row.pk).exists():
            raise
        raise InvalidInput(f"“{known.name}” is taken; choose another name.", field="name") from error
