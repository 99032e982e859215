"""What an operator should know of connections; `manage.py migrate` and `check --database default` say it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations
from typing import Any

from django.core.checks import CheckMessage, Tags, Warning, register
from django.db import DatabaseError

from workbench.catalogs.engines import overlap
from workbench.catalogs.models import Connection


@register(Tags.database)
def connections_over_one_folder(databases: Iterable[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Two owners who each share what the other may have kept to few, from before that was refused."""
    if not databases:
        return []
    try:
        known = list(Connection.objects.select_related("owner").order_by("created_at"))
    except DatabaseError:
        return []  # the tables are not there yet
    return [
        Warning(
            f"The connections “{one}” of {one.owner} and “{other}” of {other.owner} read the same files.",
            hint="Whom either is shared with sees what the other keeps to its own. Move one to a folder of its own.",
            obj=other,
            id="workbench.W001",
        )
        for one, other in combinations(known, 2)
        if one.owner_id != other.owner_id and overlap(one.location, other.location)
    ]
