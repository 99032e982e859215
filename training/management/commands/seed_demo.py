"""`manage.py seed_demo`: the demonstration, once; afterwards only how to get in."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from governance.models import User
from governance.roles import ROLES
from training.demo import people, seeding


class Command(BaseCommand):
    help = "Fill an empty database with the demonstration and print one fresh password for each account."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--new-passwords", action="store_true", help="give every demo account a new password")

    def handle(self, *, new_passwords: bool = False, **options: Any) -> None:
        if seeding.is_empty():
            self.stdout.write("Making the demonstration: three use cases, eight accounts.")
            self._print(seeding.seed())
        elif new_passwords:
            self._print(people.fresh_passwords())
        elif User.objects.filter(username__in=people.PEOPLE).exists():
            self.stdout.write(
                f"Data kept. Accounts: {', '.join(people.PEOPLE)}. Lost a password? make passwords"
            )

    def _print(self, passwords: dict[str, str]) -> None:
        self.stdout.write("\n  Role                User name           Password")
        for username, password in passwords.items():
            role = ROLES[username][0] if username in ROLES else "Administrator"
            self.stdout.write(f"  {role:<19} {username:<19} {password}")
        self.stdout.write("\nThese passwords are shown once and kept nowhere; `make passwords` makes new ones.\n")
