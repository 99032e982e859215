"""Files that people upload: not longer than they may be, and what they say they are by content, not by name."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler

from governance.errors import InvalidInput

# What people take for text, by how it begins.
SIGNATURES = {
    b"%PDF-": "a PDF", b"PK\x03\x04": "a ZIP archive or an office document", b"\x1f\x8b": "a gzip archive",
    b"\x89PNG": "a PNG picture", b"\xff\xd8\xff": "a JPEG picture", b"GIF8": "a GIF picture",
    b"PAR1": "a Parquet table", b"SQLite format 3": "a SQLite database", b"ARROW1": "an Arrow table",
    b"MZ": "a program", b"\x7fELF": "a program",
    b"\xd0\xcf\x11\xe0": "an office document", b"BZh": "a bzip2 archive", b"7z\xbc\xaf": "a 7-Zip archive",
    b"\xff\xfe": "text in UTF-16", b"\xfe\xff": "text in UTF-16", b"\x80\x04\x95": "a Python pickle",
}  # fmt: skip
KEPT_SECONDS = 24 * 3600
PLAIN = frozenset(b"\t\n\r\x0c")


class StopsWhenTooLarge(FileUploadHandler):
    """Lets a file through until it is longer than UPLOAD_AT_MOST; its form then says so, and no disk is filled."""

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        return raw_data if start <= settings.UPLOAD_AT_MOST else None

    def file_complete(self, file_size: int) -> Any:
        """The handlers after this one keep the file."""
        return None


def content_in(upload: Any, *, field: str) -> bytes:
    """The bytes of an uploaded file.

    :raises InvalidInput: it is too long.
    """
    if upload.size > settings.UPLOAD_AT_MOST:
        raise InvalidInput(f"The file is longer than {settings.UPLOAD_AT_MOST:,} bytes; send it in parts.", field=field)
    content: bytes = upload.read()
    return content


def text_in(upload: Any, *, expected: str, field: str) -> str:
    """The text of an uploaded file.

    :raises InvalidInput: it is too long, or no UTF-8 text; says what it is instead.
    """
    return text_of(content_in(upload, field=field), expected=expected, field=field)


def text_of(content: bytes, *, expected: str, field: str) -> str:
    """Bytes that came from outside as text.

    :raises InvalidInput: they are no UTF-8 text; says what they are instead.
    """
    if kind := _what_else(content):
        raise InvalidInput(f"The file is {kind}; expected {expected}.", field=field)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"The file is not UTF-8 text (byte {error.start + 1:,}: {error.reason}); expected {expected}.", field=field
        ) from error


def keep(content: bytes) -> str:
    """Lay content that is used a moment later into IMPORT_ROOT; the name under which `kept` finds it."""
    settings.IMPORT_ROOT.mkdir(parents=True, exist_ok=True, mode=0o700)
    _forget_old()
    name = uuid4().hex
    (settings.IMPORT_ROOT / name).write_bytes(content)
    return name


def kept(name: str) -> bytes:
    """:raises InvalidInput: it is gone; send it again."""
    try:
        content: bytes = _place_of(name).read_bytes()
    except FileNotFoundError as error:
        raise InvalidInput("The file that you sent is no longer here; choose it again.", field="file") from error
    return content


def forget(name: str) -> None:
    """Remove what was kept under `name`, if it is still there."""
    _place_of(name).unlink(missing_ok=True)


def _place_of(name: str) -> Path:
    return Path(settings.IMPORT_ROOT) / UUID(hex=name).hex


def _forget_old() -> None:
    """What nobody came back for is removed after a day."""
    for path in settings.IMPORT_ROOT.iterdir():
        try:
            if path.stat().st_mtime < time.time() - KEPT_SECONDS:
                path.unlink()
        except FileNotFoundError:
            continue  # another process was faster


def _what_else(content: bytes) -> str:
    """What a file is that is no plain text, in words; empty for text."""
    for signature, kind in SIGNATURES.items():
        if content.startswith(signature):
            return kind
    control = next((byte for byte in content[:100_000] if byte < 32 and byte not in PLAIN), None)
    return "" if control is None else f"no text: it holds the character {control:#04x}"
