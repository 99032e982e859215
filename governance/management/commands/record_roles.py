"""`manage.py record_roles`: SQL after which the application's account on PostgreSQL cannot get at the record."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, transaction

from governance.errors import WorkbenchError
from governance.record import roles


class Command(BaseCommand):
    help = (
        "Print SQL that gives all tables to one account of PostgreSQL and leaves to another what the application "
        "needs; run it after each migration."
    )
    requires_system_checks: Any = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--owner", required=True, help="account that owns the tables and runs migrations")
        parser.add_argument("--application", required=True, help="account of web and worker processes")
        parser.add_argument("--execute", action="store_true", help="also run it, in one transaction")

    def handle(self, *, owner: str, application: str, execute: bool, **options: Any) -> None:
        try:
            statements = roles.statements(owner=owner, application=application)
        except WorkbenchError as error:
            raise CommandError(error.message) from error
        self.stdout.write("BEGIN;\n" + "".join(f"{one};\n" for one in statements) + "COMMIT;")
        if execute:
            with transaction.atomic(), connection.cursor() as cursor:
                for one in statements:
                    cursor.execute(one)
            self.stderr.write(f"Done: {len(statements)} statements.")
