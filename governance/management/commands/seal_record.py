"""`manage.py seal_record`: seal what is on record up to now, and take checkpoints outside that are not there yet."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from governance.errors import WorkbenchError
from governance.record import delivering, sealing


class Command(BaseCommand):
    help = "Seal the record: every committed entry gets its place under a signed checkpoint."

    def handle(self, **options: Any) -> None:
        try:
            checkpoint = sealing.seal()
        except WorkbenchError as error:
            raise CommandError(error.message) from error
        if checkpoint is None:
            self.stdout.write("Nothing new to seal.")
        else:
            self.stdout.write(f"Checkpoint {checkpoint.number}: {checkpoint.size} entries, root {checkpoint.root}")
        for name, count in delivering.deliver().items():
            self.stdout.write(f"{name}: {count} checkpoints delivered")
        for place in delivering.failing():
            raise CommandError(f"{place.name}: {place.error}")
