"""Ask pip-audit whether a locked dependency has a known vulnerability; say plainly where that could not be asked.

Exit status: 0 none is known; 1 one is, or the audit broke off; 3 the advisory service cannot be reached, or does not
know every dependency, so nothing is known about them.
"""

import subprocess
import sys
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKED = "requirements-dev.txt"  # what is installed on servers, and what the tests and checks add
SERVICE = "https://pypi.org/pypi/pip/json"  # where pip-audit asks; pip is sure to be known there
NOT_AUDITED = 3
# An advisory that does not concern this project, with the reason: "GHSA-…": "why".
EXCEPTED: dict[str, str] = {}


def main() -> int:
    if trouble := why_unreachable():
        print(f"NOT AUDITED: the advisory service {SERVICE} cannot be asked from here ({trouble}).")  # noqa: T201
        return NOT_AUDITED
    ignored = [word for name in EXCEPTED for word in ("--ignore-vuln", name)]
    command = [sys.executable, "-m", "pip_audit", "--strict", "--disable-pip", "--requirement", LOCKED, *ignored]
    done = subprocess.run(command, cwd=ROOT, check=False, stderr=subprocess.PIPE, text=True)
    sys.stderr.write(done.stderr)
    if "could not be audited" in done.stderr:
        print("NOT AUDITED: the advisory service does not know every dependency.")  # noqa: T201
        return NOT_AUDITED
    return 1 if done.returncode else 0


def why_unreachable() -> str:
    """In words; empty where the service answers as it should."""
    try:
        with urllib.request.urlopen(SERVICE, timeout=20) as answer:
            return "" if "vulnerabilities" in answer.read(10_000_000).decode() else "it answers something else"
    except (OSError, ValueError) as error:
        return str(error)


if __name__ == "__main__":
    sys.exit(main())
