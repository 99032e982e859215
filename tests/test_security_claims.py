"""SECURITY.md claims nothing that no test holds."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

from django.conf import settings

ROOT = Path(settings.BASE_DIR)
CLAIMS = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", CLAIMS)


@cache
def names_in(path: str) -> frozenset[str]:
    file = ROOT / path
    tree = ast.parse(file.read_text(encoding="utf-8")) if file.exists() else ast.Module([], [])
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def threats() -> list[str]:
    """The lines of the tables of threats."""
    part = CLAIMS.partition("## Threats")[2].partition("\n## ")[0]
    return [line for line in part.splitlines() if line.startswith("| ") and not line.startswith("| Threat")]


def test_every_test_that_is_named_exists():
    missing = [f"{path}::{name}" for path, name in NAMED if name not in names_in(path)]

    assert NAMED and not missing


def test_every_threat_names_a_test_that_holds_against_it():
    without = [line for line in threats() if not re.search(r"`tests/[\w/]+\.py::test_\w+`", line)]

    assert len(threats()) > 20 and not without
