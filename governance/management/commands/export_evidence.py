"""`manage.py export_evidence`: write an evidence bundle to a file."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from governance.compliance import evidence
from governance.errors import WorkbenchError
from governance.models import User


class Command(BaseCommand):
    help = "Write an archive of entries, proofs and a report that can be checked without this installation."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("out", type=Path, help="the archive to write; it must not exist yet")
        parser.add_argument("--question", required=True, help="what the evidence answers")
        parser.add_argument("--reason", required=True, help="for whom, and why; goes on record")
        parser.add_argument("--by", required=True, help="user name of the compliance officer who hands it out")
        parser.add_argument(
            "--filter", action="append", default=[], type=_pair, metavar="NAME=VALUE", dest="asked",
            help="a filter of constraint changes, such as use=training-lost; may be given several times",
        )  # fmt: skip
        parser.add_argument("--kind", default="", help="instead of filters: a kind of row, such as workbench.sheet")
        parser.add_argument("--object", default="", dest="object_id", help="and the id of the row")

    def handle(self, *, out: Path, by: str, asked: list[tuple[str, str]], **options: Any) -> None:
        officer = User.objects.filter(username=by, is_active=True).first()
        if officer is None:
            raise CommandError(f"{by!r} is no active account.")
        wanted = {name: options[name] for name in ("question", "reason", "kind", "object_id")}
        part = out.with_name(f".{out.name}.part")
        if out.exists():
            raise CommandError(f"{out} exists already; name a new file.")
        try:
            with part.open("x+b") as file:
                export = evidence.hand_out(asked=evidence.Asked(filters=dict(asked), **wanted), by=officer, out=file)
                os.fsync(file.fileno())
            part.rename(out)
        except WorkbenchError as error:
            raise CommandError(error.message) from error
        finally:
            part.unlink(missing_ok=True)
        counts = f"{export.entries_count} entries of {export.objects_count} rows"
        self.stdout.write(f"{out}: {counts}, SHA-256 {export.digest}")


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value
