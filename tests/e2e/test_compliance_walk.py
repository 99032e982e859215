"""An officer finds a change at the desk and hands out evidence that a stranger can check, by clicks alone."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from tests.e2e.portal import Portal
from tests.e2e.steps import OFFICER

PATIENCE = 30.0


def check(program: Path, bundle: Path, key: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", str(program), str(bundle), "--key", key],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def downloaded(portal: Portal, pattern: str) -> Path:
    """The file that the browser has just saved."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        found = sorted(portal.downloads.glob(pattern))
        if found:
            return found[-1]
        time.sleep(0.1)
    raise AssertionError(f"no {pattern} in {portal.downloads} after {PATIENCE} s")


def test_an_officer_finds_a_change_and_hands_out_evidence_that_a_stranger_checks(portal: Portal, tmp_path: Path):
    portal.log_in(OFFICER)
    portal.go("Compliance desk")
    portal.sees("Open relaxations", "Constraint changes by day", "The record")
    portal.picture("compliance-desk")
    portal.click("Who prohibited training, and on what?")
    portal.sees("column billing.invoices#patient_name", "Identifiable patient data", "Sara Steward")

    portal.click("Hand out evidence")
    portal.sees("use: training prohibited")
    key = portal.words_of("public-key")
    portal.click("verify.py")
    program = downloaded(portal, "verify*.py")
    portal.fill("Question", "Who prohibited training on patient data?")
    portal.fill("What it is for", "Asked for by the auditor of the clinic.")
    portal.click("Hand out evidence")
    bundle = downloaded(portal, "evidence-*.zip")

    accepted = check(program, bundle, key)
    assert accepted.returncode == 0, accepted.stdout + accepted.stderr
    changed = bytearray(bundle.read_bytes())
    changed[len(changed) // 2] ^= 1
    damaged = tmp_path / "damaged.zip"
    damaged.write_bytes(changed)
    assert check(program, damaged, key).returncode != 0

    portal.go("Evidence handed out")
    portal.sees("Who prohibited training on patient data?", "Asked for by the auditor of the clinic.")
