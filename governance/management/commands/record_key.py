"""`manage.py record_key`: change the key that signs checkpoints. Old proofs stay valid."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from governance.errors import WorkbenchError
from governance.models import SigningKey
from governance.record import keys


class Command(BaseCommand):
    help = "List the keys that sign the record; --rotate or --replace-lost introduces a new one."

    def add_arguments(self, parser: CommandParser) -> None:
        change = parser.add_mutually_exclusive_group()
        change.add_argument("--rotate", action="store_true", help="a new key, endorsed by the present one")
        change.add_argument("--replace-lost", action="store_true", help="a new key, since the present one is gone")
        parser.add_argument("--reason", default="", help="why; shown beside every proof")

    def handle(self, *, rotate: bool, replace_lost: bool, reason: str, **options: Any) -> None:
        try:
            if rotate:
                keys.rotate(reason=reason)
            if replace_lost:
                keys.replace_lost(reason=reason)
        except WorkbenchError as error:
            raise CommandError(error.message) from error
        for key in SigningKey.objects.all():
            by = f"endorsed by {key.previous_key_id}" if key.endorsement else "not endorsed"
            self.stdout.write(f"{key.key_id}  {key.public_key}  {key.introduced_at}  {by}  {key.reason}")
