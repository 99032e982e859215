"""`manage.py archive_record`: put sealed entries into Parquet files with their proofs; check those that are there."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from governance.errors import WorkbenchError
from governance.record import archiving


class Command(BaseCommand):
    help = "Archive sealed entries of the record, and carry out erasures in the archives that are there."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--days", type=int, default=settings.RECORD_ARCHIVE_DAYS, help="what was sealed so many days ago or earlier"
        )
        parser.add_argument(
            "--drop", action="store_true", default=settings.RECORD_ARCHIVE_DROP,
            help="then empty the archived values in the database; hashes stay, and what is on legal hold",
        )  # fmt: skip

    def handle(self, *, days: int, drop: bool, **options: Any) -> None:
        try:
            made = archiving.archive_record(older_than=timedelta(days=days), drop=drop)
            rewritten = archiving.rewrite_erased()
        except WorkbenchError as error:
            raise CommandError(error.message) from error
        for archive in made:
            self.stdout.write(f"{archive.file}: positions {archive.first} to {archive.last}, SHA-256 {archive.digest}")
        for archive in rewritten:
            self.stdout.write(f"{archive.file}: written anew, {archive.erased_count} entries of it are erased")
        if not made and not rewritten:
            self.stdout.write("Nothing new to archive.")
