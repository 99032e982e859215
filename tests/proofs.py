"""What `make proof` changes: it keeps what measurements found, and has properties drawn at random, many times.

WORKBENCH_PROOF_FOLDER names the folder of the findings, and so says that this is such a run.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path

from django.conf import settings
from hypothesis import settings as hypothesis_settings

PROOF_TIMES = 10


def proof_folder() -> str:
    """Where the findings go; empty in an ordinary run."""
    return os.environ.get("WORKBENCH_PROOF_FOLDER", "")


def examples(count: int) -> int:
    """How many examples a property is tried with, where an ordinary run tries `count`."""
    return count * PROOF_TIMES if proof_folder() else count


def choose_examples() -> None:
    """Ordinary runs try the same examples every time, so that a failure is about the change at hand.

    No deadline: how fast the machine is, is not what a property says.
    """
    hypothesis_settings.register_profile("ordinary", derandomize=True, deadline=None)
    hypothesis_settings.register_profile("proof", derandomize=False, deadline=None, max_examples=examples(100))
    hypothesis_settings.load_profile("proof" if proof_folder() else "ordinary")


def keep_proof(name: str, claim: str, found: dict[str, object]) -> None:
    """Write `<folder>/<name>.md`: what is claimed, what was found, and on what.

    A finding that names its databases itself was not made on that of the tests.
    """
    folder = proof_folder()
    if not folder:
        return
    database = settings.DATABASES["default"]["ENGINE"].rsplit(".", 1)[-1]
    named = any(key.startswith(("database", "sqlite", "postgresql")) for key in found)
    machine = {"Python": platform.python_version(), "processors": os.cpu_count()}
    facts = found | ({} if named else {"database": database}) | machine
    lines = [f"# {claim}", "", *(f"- {key}: {value}" for key, value in facts.items()), ""]
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    (path / f"{name}.md").write_text("\n".join(lines), encoding="utf-8")
