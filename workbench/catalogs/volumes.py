"""Files inside a volume's folder: safe paths, listing, opening. Nothing here follows a symbolic link."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from workbench.catalogs.errors import UnknownFile, UnsafePath
from workbench.catalogs.port import VolumeFile

# Control, invisible and line separator characters; surrogates stand for bytes that are no UTF-8.
UNSAFE_CHARACTERS = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)
LONGEST_PATH = 1024


def resolve(root: Path, relative: str) -> Path:
    """The path of `relative` inside `root`, which need not exist yet.

    :raises UnsafePath: it is not plainly inside: absolute, with `..`, hidden or empty parts, backslashes,
        control characters, or with a symbolic link on the way.
    """
    path = root
    for part in _parts(relative):
        path = path / part
        _refuse_link(path, relative)
    return path


def walk(root: Path) -> Iterator[str]:
    """Relative paths of all regular files, unordered; links, hidden and unsafely named files are left out."""
    pending = [""]
    while pending:
        folder = pending.pop()
        with os.scandir(root / folder) as entries:
            for entry in entries:
                relative = f"{folder}{entry.name}"
                if _problem(relative):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    pending.append(f"{relative}/")
                elif entry.is_file(follow_symlinks=False):
                    yield relative


def describe(root: Path, relative: str) -> VolumeFile:
    info = os.lstat(root / relative)
    return VolumeFile(relative, info.st_size, datetime.fromtimestamp(info.st_mtime, tz=UTC))


def open_inside(root: Path, relative: str, *, volume_ref: str) -> BinaryIO:
    """Open a regular file for reading; a link put there after the check is refused by the system."""
    path = resolve(root, relative)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UnknownFile(volume_ref, relative) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UnknownFile(volume_ref, relative)
    return os.fdopen(descriptor, "rb")


def _parts(relative: str) -> list[str]:
    problem = _problem(relative)
    if problem:
        raise UnsafePath(relative, problem)
    return relative.split("/")


def _problem(relative: str) -> str:
    """What is wrong with the text of a path, or nothing."""
    parts = relative.split("/")
    checks = {
        "it is empty": not relative,
        f"it is longer than {LONGEST_PATH} characters": len(relative) > LONGEST_PATH,
        "it has a control, invisible or undecodable character": UNSAFE_CHARACTERS.search(relative),
        "it has a backslash": "\\" in relative,
        "it is absolute": relative.startswith("/"),
        "it names a drive": re.match(r"[A-Za-z]:", relative),
        "it starts at a home folder": relative.startswith("~"),
        "it has an empty part": "" in parts,
        "it has a part that starts with a dot": any(part.startswith(".") for part in parts),
    }
    return next((problem for problem, found in checks.items() if found), "")


def _refuse_link(path: Path, relative: str) -> None:
    try:
        mode = os.lstat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise UnsafePath(relative, error.strerror or "the system refuses it") from error
    if stat.S_ISLNK(mode):
        raise UnsafePath(relative, "it passes a symbolic link")
