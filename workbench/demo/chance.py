"""The one source of chance for the demo: named seeds, so that every machine makes the same data."""

from __future__ import annotations

import random


def seeded(name: str) -> random.Random:
    """A generator that gives the same numbers for the same name, in every process."""
    return random.Random(name)  # noqa: S311 - invented data, no secrets
