"""What a browser may show of a file, judged by its bytes: images as they are, PDF pages as PNG."""

from __future__ import annotations

import io
import threading
from typing import Any

from governance.errors import InvalidInput

LONGEST_SIDE = 1600
MAX_PREVIEW_BYTES = 50 * 1024 * 1024

# PDFium must not be entered by two threads at once.
_pdfium = threading.Lock()


def content_type_of(content: bytes) -> str:
    """The media type of a PNG, JPEG, WebP or PDF file; empty for anything else."""
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return "application/pdf" if content.startswith(b"%PDF-") else ""


def page_count(pdf: bytes) -> int:
    """:raises InvalidInput: it is no readable PDF, or too large to be shown."""
    with _pdfium:
        return len(_opened(pdf))


def page_as_png(pdf: bytes, number: int) -> bytes:
    """Page `number` (from 1) as PNG, its longer side at most LONGEST_SIDE pixels.

    :raises InvalidInput: it is no readable PDF, too large, or has no such page.
    """
    with _pdfium:
        document = _opened(pdf)
        if not 1 <= number <= len(document):
            raise InvalidInput(f"There is no page {number}; the file has {len(document)}.", field="page")
        page = document[number - 1]
        scale = min(2.0, LONGEST_SIDE / max(page.get_size()))
        image = page.render(scale=scale).to_pil()
    written = io.BytesIO()
    image.save(written, format="PNG")
    return written.getvalue()


def _opened(pdf: bytes) -> Any:
    import pypdfium2

    if len(pdf) > MAX_PREVIEW_BYTES:
        raise InvalidInput(
            f"The file has {len(pdf):,} bytes; previews are drawn up to {MAX_PREVIEW_BYTES:,}. Download it instead.",
            field="path",
        )
    try:
        return pypdfium2.PdfDocument(pdf)
    except pypdfium2.PdfiumError as error:
        raise InvalidInput(f"The file is no readable PDF: {error}.", field="path") from error
