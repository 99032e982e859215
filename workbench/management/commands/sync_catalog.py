"""Read the tags of catalogs, for a schedule: tags that appeared since then bind at once."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from governance import context
from workbench.catalogs.models import Connection
from workbench.catalogs.services import sync_catalog


class Command(BaseCommand):
    """`manage.py sync_catalog [name …]`"""

    help = "Reads tables, columns, volumes and tags of the named connections, or of all of them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("names", nargs="*", help="names of connections; all when none is given")

    def handle(self, *args: Any, **options: Any) -> None:
        with context.acting(user=None, door="command", reason="catalog read on schedule"):
            for connection in self._chosen(options["names"]):
                result = sync_catalog(connection=connection, by=None)
                self.stdout.write(f"{connection}: {result}")

    def _chosen(self, names: list[str]) -> list[Connection]:
        connections = list(Connection.objects.order_by("name", "created_at"))
        known = sorted({connection.name for connection in connections})
        if unknown := [name for name in names if name not in known]:
            raise CommandError(
                f"There is no connection {unknown[0]!r}; there are: {', '.join(known) or 'none'}."
            )
        return [connection for connection in connections if not names or connection.name in names]
