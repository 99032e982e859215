"""A program of its own that opens files from outside: it draws pages, reads text in them, and looks at pictures.

Started by `drawing` for one question, without the portal and without its secrets, with limits on time and memory: a
file that makes a decoder fail, hang or grow takes this process down and nothing else. One line of JSON comes in,
then the file; one line of JSON goes out, then the picture.
"""

from __future__ import annotations

import ctypes
import io
import json
import math
import resource
import sys
from collections.abc import Iterator
from typing import Any

MEMORY = 1_500_000_000  # bytes of address space
SECONDS = 15  # of processor time
LONGEST_SIDE = 1600
MOST_PIXELS = 64_000_000
SEARCHED_PAGES = 200
MOST_HITS = 200


class Refused(Exception):
    """The file or the question cannot be used; the text is fit for people."""


def limit() -> None:
    """From here on this process gets no more than it may have."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def page(content: bytes, *, number: int, rotation: int) -> tuple[dict[str, Any], bytes]:
    """One page as PNG, with how many there are and the picture's size in pixels."""
    document = opened(content)
    shown = page_of(document, number)
    scale = scale_of(shown)
    image = shown.render(scale=scale, rotation=rotation).to_pil()
    written = io.BytesIO()
    image.save(written, format="PNG")
    facts = {"pages": len(document), "width": image.width, "height": image.height}
    return facts, written.getvalue()


def text(content: bytes, *, number: int, rotation: int, box: list[float] | None) -> tuple[dict[str, Any], bytes]:
    """The text in a box of the page's picture (left, top, width, height in its pixels), or of the whole page."""
    shown = page_of(opened(content), number)
    words = shown.get_textpage()
    if box is None:
        return {"text": words.get_text_range()}, b""
    width, height = picture_size(shown, rotation)
    left, top, wide, high = box
    if left < 0 or top < 0 or wide <= 0 or high <= 0 or left + wide > width + 1 or top + high > height + 1:
        raise Refused(
            f"The box from ({left:g}, {top:g}) with {wide:g} × {high:g} pixels does not lie in the page's picture "
            f"of {width} × {height}"
        )
    corners = [on_page(shown, rotation, x, y) for x, y in ((left, top), (left + wide, top + high))]
    (x1, y1), (x2, y2) = corners
    found = words.get_text_bounded(min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))
    return {"text": found}, b""


def find(content: bytes, *, words: str, rotation: int) -> tuple[dict[str, Any], bytes]:
    """Where the words stand: page by page, each with its boxes in pixels of the page's picture."""
    document = opened(content)
    hits: list[dict[str, Any]] = []
    searched = min(len(document), SEARCHED_PAGES)
    for number in range(1, searched + 1):
        for boxes in hits_on(document[number - 1], words, rotation):
            hits.append({"page": number, "boxes": boxes})
            if len(hits) == MOST_HITS:
                return {"hits": hits, "searched": number, "pages": len(document)}, b""
    return {"hits": hits, "searched": searched, "pages": len(document)}, b""


def hits_on(shown: Any, words: str, rotation: int) -> Iterator[list[list[float]]]:
    page_text = shown.get_textpage()
    searching = page_text.search(words)
    while (hit := searching.get_next()) is not None:
        start, length = hit
        rects = (page_text.get_rect(place) for place in range(page_text.count_rects(start, length)))
        yield by_line([on_picture(shown, rotation, rect) for rect in rects])


def by_line(boxes: list[list[float]]) -> list[list[float]]:
    """Boxes of letters that touch or nearly touch, joined."""
    joined: list[list[float]] = []
    for x, y, wide, high in boxes:
        if joined and near(joined[-1], [x, y, wide, high]):
            left, top, width, height = joined[-1]
            right, bottom = max(left + width, x + wide), max(top + height, y + high)
            left, top = min(left, x), min(top, y)
            joined[-1] = [left, top, right - left, bottom - top]
        else:
            joined.append([x, y, wide, high])
    return joined


def near(one: list[float], other: list[float]) -> bool:
    reach = max(min(one[2], one[3]), min(other[2], other[3]), 4.0)
    apart = (abs((one[at] + one[at + 2] / 2) - (other[at] + other[at + 2] / 2)) for at in (0, 1))
    return all(gap <= (one[at] + other[at]) / 2 + reach for gap, at in zip(apart, (2, 3), strict=True))


def image(content: bytes) -> tuple[dict[str, Any], bytes]:
    """Width and height of a picture that can be read as a whole."""
    from PIL import Image, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = None  # the limit is ours, and it has words
    try:
        with Image.open(io.BytesIO(content), formats=("PNG", "JPEG", "WEBP")) as picture:
            width, height = picture.size
            if width * height > MOST_PIXELS:
                raise Refused(
                    f"The picture has {width:,} × {height:,} pixels; up to {MOST_PIXELS:,} are shown. "
                    "Put a smaller copy into the volume"
                )
            picture.load()
    except UnidentifiedImageError as error:
        raise Refused("The file is no PNG, JPEG or WebP picture") from error
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise Refused(f"The picture cannot be read to its end: {error}".rstrip(".")) from error
    return {"width": width, "height": height}, b""


def opened(content: bytes) -> Any:
    import pypdfium2

    try:
        return pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            raise Refused("The PDF is protected by a password. Put a copy without one into the volume") from error
        raise Refused(f"The file is no readable PDF: {error}".rstrip(".")) from error


def page_of(document: Any, number: int) -> Any:
    import pypdfium2

    if not 1 <= number <= len(document):
        raise Refused(f"There is no page {number}; the file has {len(document)}")
    try:
        return document[number - 1]
    except pypdfium2.PdfiumError as error:
        raise Refused(f"Page {number} of the PDF cannot be read: {error}".rstrip(".")) from error


def scale_of(shown: Any) -> float:
    """Pixels for a point: twice its size on screen, and less for large sheets."""
    longest: float = max(*shown.get_size(), 1)
    return min(2.0, LONGEST_SIDE / longest)


def picture_size(shown: Any, rotation: int) -> tuple[int, int]:
    scale = scale_of(shown)
    width, height = (math.ceil(side * scale) for side in shown.get_size())
    return (height, width) if rotation in (90, 270) else (width, height)


def on_page(shown: Any, rotation: int, x: float, y: float) -> tuple[float, float]:
    """A place in the picture, as a place on the page: PDF points from its own origin."""
    from pypdfium2 import raw

    across, up = ctypes.c_double(), ctypes.c_double()
    width, height = picture_size(shown, rotation)
    # Whole pixels only: a tenfold picture keeps the fraction.
    raw.FPDF_DeviceToPage(
        shown, 0, 0, width * 10, height * 10, rotation // 90, round(x * 10), round(y * 10), across, up
    )
    return across.value, up.value


def on_picture(shown: Any, rotation: int, rect: tuple[float, float, float, float]) -> list[float]:
    """A rectangle of the page (left, bottom, right, top), as left, top, width and height in the picture."""
    from pypdfium2 import raw

    width, height = picture_size(shown, rotation)
    corners = []
    for across, up in ((rect[0], rect[1]), (rect[2], rect[3])):
        x, y = ctypes.c_int(), ctypes.c_int()
        raw.FPDF_PageToDevice(shown, 0, 0, width * 10, height * 10, rotation // 90, across, up, x, y)
        corners.append((x.value / 10, y.value / 10))
    (x1, y1), (x2, y2) = corners
    return [min(x1, x2), min(y1, y2), abs(x2 - x1), abs(y2 - y1)]


QUESTIONS = {"page": page, "text": text, "find": find, "image": image}


def main() -> None:
    limit()
    asked = json.loads(sys.stdin.buffer.readline())
    content = sys.stdin.buffer.read()
    answer: Any = QUESTIONS[asked.pop("question")]
    try:
        facts, picture = answer(content, **asked)
    except Refused as error:
        facts, picture = {"refused": f"{error}."}, b""
    sys.stdout.buffer.write(json.dumps(facts).encode() + b"\n" + picture)


if __name__ == "__main__":
    main()
