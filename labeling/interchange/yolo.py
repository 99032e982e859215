"""YOLO: a ZIP archive with classes.txt and a text for each picture; boxes by centre, in parts of the picture."""

from __future__ import annotations

import json
import math
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import IO, cast
from zipfile import ZIP_DEFLATED, ZipFile

from governance.errors import InvalidInput, WorkbenchError
from labeling.interchange.archives import Archive
from labeling.interchange.boxes import box_losses, no_boxes
from labeling.interchange.port import LOSSES, Format, Incoming, Misfit, Outgoing, Tally
from labeling.interchange.shapes import Box, Shape

CLASSES, FOLDER, MANIFEST = "classes.txt", "labels/", "manifest.json"
IN_MEMORY = 16 * 2**20  # bytes of the archive before it goes to the disk
LISTS = {"train.txt", "val.txt", "test.txt"}  # of pictures, as some tools add them
PLAIN = 5  # numbers of a line that is a box


class Yolo(Format):
    """Boxes of pictures, and nothing else."""

    slug, label, suffix, content_type = "yolo", "YOLO", ".zip", "application/zip"
    is_archive = True
    cannot = frozenset(
        {"box_fields", "classes", "confidence", "empty", "fields", "notes", "older", "other_files", "outlines",
         "pictures", "provenance", "rounded", "same_names", "scores"}
    )  # fmt: skip

    def unfit(self, shape: Shape) -> str:
        return no_boxes(shape)

    def needs_pictures(self, shape: Shape) -> bool:
        return True

    def left_out(self, label: Outgoing, shape: Shape) -> Iterable[str]:
        return box_losses(label, shape)

    def read(self, content: bytes, shape: Shape, losses: Counter[str]) -> Iterator[Incoming | Misfit]:
        archive = Archive(content)
        named, classes = _classes(archive)
        for name in archive.members:
            path = PurePosixPath(name)
            if name in {named, MANIFEST}:
                continue
            is_list = path.name.lower() in LISTS and path.parent.name != "labels"
            if path.suffix.lower() != ".txt" or is_list:
                losses["other_files"] += 1
                continue
            yield _entry(archive, name, classes, losses)

    def write(self, labels: Iterable[Outgoing], shape: Shape, tally: Tally) -> Iterator[bytes]:
        classes = shape.boxes.keys.classes if shape.boxes and shape.boxes.keys else ()
        if broken := [name for name in classes if len(name.splitlines()) != 1 or name != name.strip()]:
            raise InvalidInput(f"YOLO does not fit: classes.txt cannot name {broken[0]!r}.", field="format")
        with cast("IO[bytes]", tempfile.SpooledTemporaryFile(IN_MEMORY)) as out:
            with ZipFile(out, "w", ZIP_DEFLATED) as archive:
                archive.writestr(CLASSES, "".join(f"{name}\n" for name in classes))
                taken: set[str] = set()
                for label in labels:
                    stem = PurePosixPath(label.file_name).stem
                    if stem in taken:
                        tally.losses["same_names"] += 1
                        continue
                    taken.add(stem)
                    tally.written += 1
                    archive.writestr(f"{FOLDER}{stem}.txt", _text(label, shape, classes))
                archive.writestr(MANIFEST, _manifest(tally))
            out.seek(0)
            while piece := out.read(2**16):
                yield piece


def _manifest(tally: Tally) -> str:
    lost = {LOSSES[key]: count for key, count in sorted(tally.losses.items()) if count}
    return json.dumps({"labels": tally.written, "not_carried_over": lost}, indent=2, ensure_ascii=False) + "\n"


def _text(label: Outgoing, shape: Shape, classes: Sequence[str]) -> str:
    width, height = label.size or (1, 1)
    return "".join(
        f"{classes.index(box.name)} {(box.x + box.width / 2) / width:.12g} {(box.y + box.height / 2) / height:.12g} "
        f"{box.width / width:.12g} {box.height / height:.12g}\n"
        for box in shape.boxes_of(label.data)
    )


def _classes(archive: Archive) -> tuple[str, list[str]]:
    """The file that names the classes, which is the one nearest the top, and the classes by number."""
    found = sorted((name.count("/"), name) for name in archive.members if PurePosixPath(name).name == CLASSES)
    if not found or (len(found) > 1 and found[0][0] == found[1][0]):
        raise InvalidInput(
            f"The archive holds {len(found)} files {CLASSES}; expected one, with a class on each line.", field="file"
        )
    name = found[0][1]
    return name, [line.strip() for line in archive.text(name).rstrip().split("\n")]


def _entry(archive: Archive, name: str, classes: Sequence[str], losses: Counter[str]) -> Incoming | Misfit:
    picture = PurePosixPath(name).stem
    try:
        lines = enumerate(archive.text(name).split("\n"), 1)
        boxes = [_box(number, line.split(), classes, losses) for number, line in lines if line.strip()]
    except WorkbenchError as error:
        return Misfit(name, picture, error.message)
    return Incoming(where=name, file_name=picture, boxes=tuple(boxes), unit=1)


def _box(number: int, words: Sequence[str], classes: Sequence[str], losses: Counter[str]) -> Box:
    """A box; also one with a score behind it, or an outline of which the box around is taken."""
    where = f"line {number:,}"
    if not words[0].isascii() or not words[0].isdigit() or len(words[0]) > 9 or int(words[0]) >= len(classes):
        raise InvalidInput(f"{where} names the class {words[0][:40]!r}; {CLASSES} has 0 to {len(classes) - 1}")
    numbers = [_number(word, where) for word in words[1:]]
    name = classes[int(words[0])]
    if len(words) > PLAIN + 1 and len(numbers) % 2 == 0:
        losses["outlines"] += 1
        xs, ys = numbers[0::2], numbers[1::2]
        return Box(name, min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))
    if len(words) not in {PLAIN, PLAIN + 1}:
        raise InvalidInput(f"{where} has {len(words)} numbers; expected class, x, y, width and height")
    losses["scores"] += len(words) - PLAIN
    x, y, width, height = numbers[:4]
    return Box(name, x - width / 2, y - height / 2, width, height)


def _number(word: str, where: str) -> float:
    try:
        found = float(word)
    except ValueError:
        found = math.nan
    if not math.isfinite(found) or "_" in word:
        raise InvalidInput(f"{where} has {word[:40]!r} for a number")
    return found
