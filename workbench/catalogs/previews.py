"""What a browser may show of a file, judged by its bytes: images as they are, PDF pages as PNG.

Files come from outside, so that none of them is opened in this process: see `drawing`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from governance.errors import InvalidInput
from workbench.catalogs import drawing

ROTATIONS = (0, 90, 180, 270)


@dataclass(frozen=True)
class Picture:
    """A picture's size in pixels; of a page also how many pages its file has."""

    width: int
    height: int
    pages: int = 1


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
    """:raises FileNotShown: it is no readable PDF, or too large to be shown."""
    return page_facts(pdf, 1).pages


def page_facts(pdf: bytes, number: int, rotation: int = 0) -> Picture:
    """The size of the picture of page `number`, which is drawn by this and kept for `page_as_png`.

    :raises FileNotShown: it is no readable PDF, too large, or has no such page.
    """
    return Picture(**drawing.ask(pdf, "page", number=number, rotation=_turned(rotation)).facts)


def page_as_png(pdf: bytes, number: int, rotation: int = 0) -> bytes:
    """Page `number` (from 1) as PNG, its longer side at most 1,600 pixels, turned clockwise by `rotation` degrees.

    :raises FileNotShown: it is no readable PDF, too large, or has no such page.
    """
    return drawing.ask(pdf, "page", number=number, rotation=_turned(rotation)).picture


def text_on_page(
    pdf: bytes, number: int, *, rotation: int = 0, box: tuple[float, float, float, float] | None = None
) -> str:
    """The text in `box` (left, top, width and height, in pixels of the page's picture), or of the whole page.

    :raises FileNotShown: also where the box does not lie in the picture.
    """
    corners = [float(value) for value in box] if box is not None else None
    told = drawing.ask(pdf, "text", number=number, rotation=_turned(rotation), box=corners).facts["text"]
    return "\n".join(line.strip() for line in str(told).splitlines() if line.strip())


def find_in_pages(pdf: bytes, words: str, rotation: int = 0) -> dict[str, Any]:
    """Where `words` stand in the first 200 pages: `hits` with page and boxes, in pixels of the page's picture.

    :raises FileNotShown: it is no readable PDF, or too large.
    """
    return drawing.ask(pdf, "find", words=words, rotation=_turned(rotation)).facts


def image_facts(content: bytes) -> Picture:
    """The size of an image that can be read as a whole.

    :raises FileNotShown: it cannot, or has more than 64 million pixels.
    """
    return Picture(**drawing.ask(content, "image").facts)


def _turned(rotation: int) -> int:
    if rotation not in ROTATIONS:
        raise InvalidInput(f"A page is turned by 0, 90, 180 or 270 degrees, not by {rotation}.", field="rotation")
    return rotation
