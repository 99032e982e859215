"""Who made what others approve: nobody approves what they wrote themselves, whoever began it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from governance.models import User


def authors_of_version(version: Any, identity: Any, *columns: str) -> list[User]:
    """Whoever began a version, saved it as a draft, or changed these columns of its identity since it was begun."""
    drafted = version.history.filter(status="draft").values_list("history_user_id", flat=True)
    return _accounts({version.created_by_id, *drafted, *_changers(identity, columns, since=version.created_at)})


def authors_of_columns(row: Any, *columns: str) -> list[User]:
    """Whoever gave these columns of a row a value that they did not have."""
    return _accounts(_changers(row, columns))


def _changers(row: Any, columns: tuple[str, ...], since: datetime | None = None) -> set[int]:
    found: set[int] = set()
    before = None
    kept = row.history.order_by("history_date", "history_id").values("history_user_id", "history_date", *columns)
    for entry in kept:
        now = json.dumps([entry[name] for name in columns], default=str, sort_keys=True)
        if now != before and (since is None or entry["history_date"] >= since):
            found.add(entry["history_user_id"])
        before = now
    return found


def _accounts(keys: Iterable[int | None]) -> list[User]:
    from governance.models import User

    return list(User.objects.filter(pk__in=[key for key in keys if key is not None]))
