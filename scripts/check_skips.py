"""Refuse tests that no run executed: check_skips.py ALLOWED JUNIT_XML..."""

import sys
import xml.etree.ElementTree as ElementTree
from fnmatch import fnmatchcase
from pathlib import Path


def main(allowed_file: str, *reports: str) -> int:
    executed: set[str] = set()
    skipped: dict[str, str] = {}
    for report in reports:
        read_report(report, executed, skipped)
    if not executed:
        sys.stderr.write(f"No test ran at all, according to {', '.join(reports)}.\n")
        return 1
    allowed = allowed_patterns(allowed_file)
    never_ran = sorted(
        test
        for test in skipped.keys() - executed
        if not any(fnmatchcase(test, pattern) for pattern in allowed)
    )
    for test in never_ran:
        sys.stderr.write(f"{test} ran nowhere: {skipped[test]}\n")
    if never_ran:
        sys.stderr.write(f"Make them run, or name them in {allowed_file} with a reason.\n")
    return 1 if never_ran else 0


def read_report(path: str, executed: set[str], skipped: dict[str, str]) -> None:
    """Sort the test cases of one run; pytest wrote the file, so its XML is trusted."""
    for case in ElementTree.parse(path).iter("testcase"):  # noqa: S314 - written by pytest
        test = f"{case.get('classname')}::{case.get('name')}"
        skip = case.find("skipped")
        if skip is None:
            executed.add(test)
        else:
            skipped[test] = skip.get("message") or "no reason given"


def allowed_patterns(path: str) -> list[str]:
    """Shell patterns; `[` is literal, since it stands in the ids of parametrized tests."""
    lines = (line.split("#")[0].strip() for line in Path(path).read_text(encoding="utf-8").splitlines())
    return [line.replace("[", "[[]") for line in lines if line]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
