"""Refuse requirements files that differ from uv.lock, and a uv.lock that differs from pyproject.toml."""

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PROJECT = "workbench"
PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)")
HASH = re.compile(r"--hash=(sha256:[0-9a-f]{64})")
REQUIREMENT = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)\s*(?:\[(?P<extras>[^]]*)\])?\s*(?P<specifier>[^;]*)")

Pins = dict[tuple[str, str], frozenset[str]]
"""(name, version) to the hashes a download may have."""


def main() -> int:
    packages = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]
    problems = [
        *stale_requirements(packages),
        *differences("requirements.txt", reachable_from_project(packages, with_dev=False)),
        *differences("requirements-dev.txt", reachable_from_project(packages, with_dev=True)),
    ]
    for problem in problems:
        sys.stderr.write(problem + "\n")
    if problems:
        sys.stderr.write("Run `make lock`, then commit uv.lock and both requirements files.\n")
    return 1 if problems else 0


def stale_requirements(packages: list[dict[str, Any]]) -> Iterator[str]:
    """Requirements that stand in pyproject.toml or in the lock, but not in both."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    metadata = next(package for package in packages if package["name"] == PROJECT)["metadata"]
    declared = [
        *project["project"]["dependencies"],
        *(line for lines in project["project"]["optional-dependencies"].values() for line in lines),
        *(line for lines in project["dependency-groups"].values() for line in lines),
    ]
    locked = [
        *metadata["requires-dist"],
        *(one for many in metadata["requires-dev"].values() for one in many),
    ]
    for requirement in sorted({parsed(line) for line in declared} ^ {as_locked(entry) for entry in locked}):
        yield f"pyproject.toml and uv.lock disagree about {' '.join(filter(None, requirement))}."


def parsed(line: str) -> tuple[str, str, str]:
    match = REQUIREMENT.match(line)
    if match is None:
        raise ValueError(f"pyproject.toml: cannot read the requirement {line!r}")
    return (
        normal(match["name"]),
        listed((match["extras"] or "").split(",")),
        listed(match["specifier"].split(",")),
    )


def as_locked(entry: dict[str, Any]) -> tuple[str, str, str]:
    return (
        normal(entry["name"]),
        listed(entry.get("extras", [])),
        listed(entry.get("specifier", "").split(",")),
    )


def listed(parts: Iterable[str]) -> str:
    return ",".join(sorted(part.strip() for part in parts))


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def reachable_from_project(packages: list[dict[str, Any]], *, with_dev: bool) -> Pins:
    """What an installation may need on any system; markers are left to the installer."""
    by_name: dict[str, list[dict[str, Any]]] = {}
    for package in packages:
        by_name.setdefault(package["name"], []).append(package)
    project = by_name[PROJECT][0]
    waiting = list(project["dependencies"])
    if with_dev:
        for table in ("optional-dependencies", "dev-dependencies"):
            waiting += [entry for entries in project[table].values() for entry in entries]
    seen: set[tuple[str, str | None, str | None]] = set()
    pins: Pins = {}
    while waiting:
        entry = waiting.pop()
        for extra in (None, *entry.get("extra", [])):
            step = (entry["name"], entry.get("version"), extra)
            if step in seen:
                continue
            seen.add(step)
            for package in by_name[entry["name"]]:
                if entry.get("version") in (None, package["version"]):
                    pins[package["name"], package["version"]] = hashes(package)
                    waiting += needs(package, extra)
    return pins


def needs(package: dict[str, Any], extra: str | None) -> list[dict[str, Any]]:
    if extra is None:
        return list(package.get("dependencies", []))
    return list(package.get("optional-dependencies", {}).get(extra, []))


def hashes(package: dict[str, Any]) -> frozenset[str]:
    files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
    return frozenset(file["hash"] for file in files)


def differences(file_name: str, locked: Pins) -> Iterator[str]:
    written = read_pins(ROOT / file_name)
    for name, version in sorted(locked.keys() - written.keys()):
        yield f"{file_name} lacks {name}=={version}, which uv.lock holds."
    for name, version in sorted(written.keys() - locked.keys()):
        yield f"{file_name} has {name}=={version}, which uv.lock does not hold for it."
    for pin in sorted(locked.keys() & written.keys()):
        if locked[pin] != written[pin]:
            yield f"{file_name} has other hashes for {pin[0]}=={pin[1]} than uv.lock."


def read_pins(path: Path) -> Pins:
    pins: Pins = {}
    pin: tuple[str, str] | None = None
    for line in path.read_text(encoding="utf-8").splitlines():
        if match := PIN.match(line):
            pin = normal(match["name"]), match["version"]
            pins[pin] = frozenset()
        if pin is not None:
            pins[pin] |= frozenset(HASH.findall(line))
    return pins


if __name__ == "__main__":
    sys.exit(main())
