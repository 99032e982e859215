"""`manage.py verify_record`: check every entry, chain, place, signature and live row; name what is broken."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from governance.record import checking, verification


class Command(BaseCommand):
    help = "Check the whole record and name the first broken entry."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--most", type=int, default=100, help="stop after so many faults (default 100)")
        parser.add_argument("--json", action="store_true", help="write the findings as JSON")

    def handle(self, *, most: int, json: bool, **options: Any) -> None:
        found = checking.check_here(most=most)
        self.stdout.write(_as_json(found) if json else _as_text(found))
        if not found.holds:
            raise CommandError(f"The record does not hold: {found.faults[0]}")


def _as_json(found: verification.Findings) -> str:
    names = ("entries", "sealed", "unsealed", "checkpoints", "unattributed", "rows")
    counts = {name: getattr(found, name) for name in names}
    return json.dumps(
        {"holds": found.holds, **counts, "faults": [str(fault) for fault in found.faults], "notes": found.notes},
        indent=2,
    )


def _as_text(found: verification.Findings) -> str:
    lines = [
        f"{found.entries} entries, {found.sealed} sealed by {found.checkpoints} checkpoints, {found.unsealed} not yet.",
        f"{found.unattributed} entries name nobody: they were written past every door.",
        f"{found.rows} live rows were compared with their newest entries.",
        *found.notes,
        *(f"BROKEN  {fault}" for fault in found.faults),
    ]
    return "\n".join([*lines, "The record holds."] if found.holds else lines)
