"""`manage.py write_reference`: brings docs/reference.md up to date with the code."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from workbench.reference import reference


class Command(BaseCommand):
    help = "Write docs/reference.md from what the code registers."
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="only say whether the file is up to date")

    def handle(self, *, check: bool = False, **options: Any) -> None:
        path = Path(settings.BASE_DIR) / "docs" / "reference.md"
        text = reference()
        if check:
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                raise CommandError("docs/reference.md is not what this code says: run manage.py write_reference.")
            return
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        self.stdout.write(f"Wrote {path}.")
