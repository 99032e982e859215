"""`manage.py migrate`: Django's, which would refuse to start while triggers of the record are missing.

It is what puts them back, and before an upgrade those of the new version cannot stand yet.
"""

from __future__ import annotations

from typing import Any

from django.core.management.commands import migrate

from governance.record import triggers


class Command(migrate.Command):
    """Django's, with the record's check left to the end."""

    def check(self, *args: Any, **options: Any) -> None:
        with triggers.about_to_be_put_back():
            super().check(*args, **options)
