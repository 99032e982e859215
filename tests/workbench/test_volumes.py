"""Paths given by users never lead out of their folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.catalogs import volumes
from workbench.catalogs.errors import UnknownFile, UnsafePath

ATTACKS = [
    "", ".", "..", "/", "//", "../secret.txt", "../../etc/passwd", "a/../../secret.txt", "a/..",
    "a/../b.txt", "./a.txt", "a/./b.txt", "a//b.txt", "a/", "/etc/passwd", "//etc/passwd", "///etc/passwd",
    "/../etc/passwd", "..\\secret.txt", "a\\..\\..\\secret.txt", "\\etc\\passwd", "\\\\host\\share\\x",
    "C:\\Windows\\x", "C:/x", "c:x", "~/secret.txt", "~root/x", "a.txt\x00", "\x00", "a\x00/../../x",
    "a\n.txt", "a\r.txt", "a\t.txt", "\x1b[2Ja", "a\x7f.txt", "a\x85.txt", "\u202etxt.exe", "a\u200b.txt",
    "\ufeffa.txt", "a\u2028b", "a\udcff.txt", ".hidden", ".git/config", "a/.env", "...", "..../x", ".. /x",
    "a" * 1025, "a/" * 600 + "x", "b" * 300 + ".txt", "link.txt", "linked/secret.txt", "a/up/secret.txt",
    "dangling", "loop/x", "inner.txt",
]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "volume"
    (root / "a").mkdir(parents=True)
    (root / "a" / "b.txt").write_text("inside")
    (root / "a.txt").write_text("inside")
    (tmp_path / "secret.txt").write_text("outside")
    (root / "link.txt").symlink_to(tmp_path / "secret.txt")
    (root / "linked").symlink_to(tmp_path)
    (root / "a" / "up").symlink_to("../..")
    (root / "dangling").symlink_to(tmp_path / "not-yet")
    (root / "loop").symlink_to("loop")
    (root / "inner.txt").symlink_to("a.txt")
    return root


@pytest.mark.parametrize("attack", ATTACKS, ids=ascii)
def test_path_that_could_leave_the_folder_is_refused(folder, attack):
    with pytest.raises(UnsafePath):
        volumes.resolve(folder, attack)
    with pytest.raises(UnsafePath):
        volumes.open_inside(folder, attack, volume_ref="main.files")


@pytest.mark.parametrize(
    "path", ["a.txt", "a/b.txt", "new/x.pdf", "Ünïcode name (1).pdf", "%2e%2e/x", "a..b", "\uff0e\uff0e/x"]
)
def test_plain_path_stays_inside_the_folder(folder, path):
    assert volumes.resolve(folder, path) == folder / path


@given(
    st.text(max_size=60)
    | st.lists(st.sampled_from(["..", ".", "a", "/", "\\", "link.txt", "~", "linked"])).map("/".join)
)
def test_whatever_is_accepted_is_inside(path):
    root = Path("/nonexistent/root")
    try:
        resolved = volumes.resolve(root, path)
    except UnsafePath:
        return

    assert Path(os.path.normpath(resolved)).is_relative_to(root)
    assert resolved != root


def test_listing_shows_exactly_what_can_be_opened(folder):
    (folder / ".hidden").write_text("x")
    (folder / "bad\nname.txt").write_text("x")
    os.mkfifo(folder / "pipe")

    listed = sorted(volumes.walk(folder))

    assert listed == ["a.txt", "a/b.txt"]
    for path in listed:
        with volumes.open_inside(folder, path, volume_ref="main.files") as file:
            assert file.read() == b"inside"


@pytest.mark.parametrize("path", ["missing.txt", "a", "a.txt/x", "pipe"])
def test_what_is_not_a_file_is_reported_as_unknown(folder, path):
    os.mkfifo(folder / "pipe")

    with pytest.raises(UnknownFile, match=r"main\.files"):
        volumes.open_inside(folder, path, volume_ref="main.files")
