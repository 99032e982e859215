"""ZIP archives that come from outside: small enough when unpacked, and nothing in them that points elsewhere."""

from __future__ import annotations

import re
import stat
import zlib
from io import BytesIO
from pathlib import PurePosixPath
from zipfile import BadZipFile, LargeZipFile, ZipFile, ZipInfo

from governance.errors import InvalidInput

MEMBERS_AT_MOST = 50_000
UNPACKED_AT_MOST = 200 * 2**20
TEXT_AT_MOST = 2**20
RATIO_AT_MOST = 200  # of unpacked to packed bytes; text of numbers packs to a tenth
DRIVE = re.compile(r"[A-Za-z]:")
RATIO_FROM = 2**16  # bytes below which a member may pack as well as it likes


class Archive:
    """A ZIP archive that was looked through before anything of it is unpacked.

    :raises InvalidInput: no archive, too large when unpacked, or a member's path leaves it.
    """

    def __init__(self, content: bytes) -> None:
        try:
            self.zip = ZipFile(BytesIO(content))
        except (BadZipFile, LargeZipFile, ValueError, NotImplementedError) as error:
            raise _refused(f"is no ZIP archive ({error})") from error
        members = [member for member in self.zip.infolist() if not member.is_dir()]
        if len(members) > MEMBERS_AT_MOST:
            raise _refused(f"holds {len(members):,} files; the limit is {MEMBERS_AT_MOST:,}")
        for member in members:
            _check(member)
        if (total := sum(member.file_size for member in members)) > UNPACKED_AT_MOST:
            raise _refused(f"is {total:,} bytes when unpacked; the limit is {UNPACKED_AT_MOST:,}")
        self.members = {member.filename: member for member in members}
        if len(self.members) < len(members):
            raise _refused("holds two files of one name")

    def text(self, name: str) -> str:
        """:raises InvalidInput: the member is broken, too long, or no UTF-8 text."""
        if self.members[name].file_size > TEXT_AT_MOST:
            raise InvalidInput(f"{name} is longer than {TEXT_AT_MOST:,} bytes")
        try:
            with self.zip.open(name) as file:
                content = file.read(TEXT_AT_MOST + 1)
            return content[:TEXT_AT_MOST].decode("utf-8-sig")
        except (BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
            raise InvalidInput(f"{name} cannot be unpacked: {error}") from error
        except UnicodeDecodeError as error:
            raise InvalidInput(f"{name} is not UTF-8 text (byte {error.start + 1:,})") from error


def _check(member: ZipInfo) -> None:
    name, path = member.filename, PurePosixPath(member.filename)
    if path.is_absolute() or ".." in path.parts or "\\" in name or DRIVE.match(name):
        raise _refused(f"holds the path {name[:200]!r}, which leads out of it")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise _refused(f"holds {name[:200]!r}, which is a link")
    if member.flag_bits & 1:
        raise _refused(f"holds {name[:200]!r}, which is encrypted")
    if member.file_size > max(RATIO_FROM, member.compress_size * RATIO_AT_MOST):
        packed = f"{member.compress_size:,}"
        raise _refused(f"holds {name[:200]!r}, which unpacks to {member.file_size:,} bytes from {packed}")


def _refused(what: str) -> InvalidInput:
    return InvalidInput(f"The file {what}. Nothing of it was read.", field="file")
