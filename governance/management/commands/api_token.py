"""`manage.py api_token`: make a token for an account; the one way to a token that may sign approvals."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from governance.errors import WorkbenchError
from governance.models import User
from governance.sign_in import services
from governance.sign_in.scopes import READ, SCOPES


class Command(BaseCommand):
    help = "Make an API token for an account and print it, once. Scopes: " + " ".join(
        f"{slug} ({text})" for slug, text in SCOPES.items()
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--user", required=True, help="User name of the account that it acts for.")
        parser.add_argument("--scopes", default=READ, help="Separated by commas, such as read,write,approve.")
        parser.add_argument("--days", type=int, default=services.DAYS, help="Days until it ends.")
        parser.add_argument("--name", default="made on the server", help="Of the program that will carry it.")

    def handle(self, **options: Any) -> None:
        user = User.objects.filter(username=options["user"]).first()
        if user is None:
            raise CommandError(f"There is no account {options['user']!r}; see Tools → Users.")
        scopes = [scope.strip() for scope in options["scopes"].split(",") if scope.strip()]
        try:
            token, text = services.make_token(
                user=user, by=None, name=options["name"], scopes=scopes, days=options["days"]
            )
        except WorkbenchError as error:
            raise CommandError(error.message) from error
        self.stderr.write(f"{user.username}: {', '.join(token.scopes)}, until {token.expires_at:%d %b %Y %H:%M} UTC.")
        self.stdout.write(text)
