"""`manage.py take_second_factors`: remove lost second factors where no other administrator can."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from governance.errors import WorkbenchError
from governance.models import User
from governance.sign_in import services


class Command(BaseCommand):
    help = "Remove somebody's second factors after they lost them, end their sessions, and tell them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--reason", required=True, help="How you know that it is them; it goes on record.")

    def handle(self, *, username: str, reason: str, **options: Any) -> None:
        user = User.objects.filter(username=username).first()
        if user is None:
            raise CommandError(f"There is no account {username!r}; see Tools → Users.")
        try:
            count = services.take_factors(user=user, by=None, reason=reason)
        except WorkbenchError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"{count} second factors of {username} removed; their sessions have ended.")
