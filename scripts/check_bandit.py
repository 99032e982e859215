"""Refuse what bandit finds, unless the line says why not or the list below does; and exceptions nobody needs.

Ruff holds the same rules (its S608 is bandit's B608), so one `# noqa: S608 - reason` at the line serves both.
"""

import json
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOOKED_AT = ("governance", "workbench", "labeling", "training", "scripts", "manage.py")
EXCEPTED = {
    ("*", "B404"): "importing subprocess does nothing; each call is looked at by itself",
    ("*", "B603"): "every command is a list of arguments and runs without a shell",
    ("governance/record/*.py", "B608"): "SQL of triggers and seals, built from the names of our own tables",
    ("workbench/catalogs/*.py", "B608"): "names are quoted, and filters are written anew from a checked tree",
    ("governance/portal/content.py", "B308"): "a constant of our own",
    ("governance/sign_in/words.py", "B105"): "a sentence about passwords",
    ("labeling/labelsets/seeding.py", "B105"): "a sentence about inspected parts",
    ("workbench/reference.py", "B105"): "sentences about settings",
    ("scripts/check_skips.py", "B405"): "reads what pytest wrote",
    ("scripts/audit.py", "B310"): "a constant https address",
}

Finding = dict[str, Any]


def main() -> int:
    found = findings()
    unexplained = [one for one in found if not is_explained(one)]
    unneeded = [rule for rule in EXCEPTED if not any(is_excepted(one, rule) for one in found)]
    for one in unexplained:
        where = f"{one['filename']}:{one['line_number']}"
        sys.stderr.write(f"{where}: {one['test_id']} {one['issue_text']}\n")
    for file, test in unneeded:
        sys.stderr.write(f"scripts/check_bandit.py: nothing in {file} is {test} any more; remove the exception.\n")
    if unexplained:
        sys.stderr.write("Mend it, or say at the line why it is fine: `# noqa: Sxxx - reason`.\n")
    print(f"bandit: {len(found)} findings, {len(found) - len(unexplained)} of them with a reason.")  # noqa: T201
    return 1 if unexplained or unneeded else 0


def findings() -> list[Finding]:
    command = [sys.executable, "-m", "bandit", "--quiet", "--format", "json", "--recursive", *LOOKED_AT]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    report = json.loads(done.stdout)
    if report["errors"]:
        raise SystemExit(f"bandit could not read {report['errors']}")
    return [{**one, "filename": one["filename"].removeprefix("./")} for one in report["results"]]


def is_explained(one: Finding) -> bool:
    return says_why(one) or any(is_excepted(one, rule) for rule in EXCEPTED)


def is_excepted(one: Finding, rule: tuple[str, str]) -> bool:
    file, test = rule
    return one["test_id"] == test and fnmatchcase(one["filename"], file)


def says_why(one: Finding) -> bool:
    """Whether one of the statement's lines holds `# noqa: Sxxx - reason`."""
    lines = (ROOT / one["filename"]).read_text(encoding="utf-8").splitlines()
    marks = [lines[number - 1].partition("# noqa:")[2] for number in one["line_range"]]
    return any(f"S{one['test_id'][1:]}" in mark and " - " in mark for mark in marks)


if __name__ == "__main__":
    sys.exit(main())
