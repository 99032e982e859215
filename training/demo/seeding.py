"""Fills an empty database with the demonstration, once."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.db import transaction

from governance import context
from training.demo.assets import make_assets
from training.demo.people import fresh_passwords, make_people
from workbench.demo.folder import write_demo_catalog
from workbench.models import Connection


def is_empty() -> bool:
    """Whether nobody has put anything into this database yet."""
    return not Connection.objects.exists()


def seed() -> dict[str, str]:
    """Write the demo catalog, accounts and assets; returns the passwords by user name.

    All or nothing: a run that is killed leaves an empty database, and the next one starts again.
    """
    write_demo_catalog(Path(settings.CATALOG_ROOT))
    with context.acting(user=None, door="command", reason="demonstration data"), transaction.atomic():
        make_assets(make_people())
        return fresh_passwords()
