"""What a format of labels is: it reads entries and misfits, writes labels, and says what it cannot carry."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, ClassVar, TypeVar

from labeling.interchange.shapes import Box, Shape

Size = tuple[int, int]  # width and height in pixels
LEAVES_OUT = frozenset({"classes", "older", "pictures"})  # losses that take the whole label along
T = TypeVar("T")

# Everything that a file may fail to carry, in words that stand behind a count.
LOSSES = {
    "annotations": "further annotations of a task; its newest one is taken",
    "box_fields": "boxes with fields beyond class and place",
    "classes": "labels with a class that the labelset no longer has, left out",
    "confidence": "confidences other than high",
    "empty": "optional fields that are empty or null",
    "fields": "answers with fields that have no place in the format",
    "ignored": "entries with keys that mean nothing here",
    "notes": "notes",
    "older": "labels of an older version whose boxes have another form, left out",
    "other_files": "files of the archive that hold no labels",
    "outlines": "outlines, of which the box around is taken",
    "pictures": "labels whose picture cannot be read, left out",
    "provenance": "labels with who gave them, when, and under which version",
    "rounded": "coordinates, rounded to whole pixels",
    "same_names": "labels whose picture has the name of another, left out",
    "scores": "scores of boxes",
}
# What files say about a label and an import does not take over: who imports is on record instead.
PROVENANCE = ("label_type", "version", "labelset", "labeled_by", "labeled_at", "data_classification")


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """One answer of a file. What it does not say about the label (None) stays as it is.

    `boxes` are in pixels, or in parts of the picture where `unit` is the whole (1 or 100); `size` is what the
    file takes for the picture's.
    """

    where: str
    item_ref: str = ""
    file_name: str = ""
    data: Any = None
    boxes: tuple[Box, ...] | None = None
    unit: int | None = None
    size: Size | None = None
    confidence: str | None = None
    notes: str | None = None


@dataclass(frozen=True)
class Misfit:
    """A place of a file that cannot be used, and why."""

    where: str
    item: str
    words: str

    def __str__(self) -> str:
        return f"{self.where}: {self.words}" if self.where else self.words

    def as_json(self) -> dict[str, str]:
        return {"where": self.where, "item_ref": self.item, "words": self.words}


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """One label on its way into a file; `file_name` and `size` where the format asks for pictures."""

    item_ref: str
    data: Any
    confidence: str
    notes: str
    provenance: Mapping[str, Any]
    file_name: str = ""
    size: Size | None = None


@dataclass
class Tally:
    """How many labels were written, and what could not be carried over, by key of LOSSES."""

    written: int = 0
    losses: Counter[str] = field(default_factory=Counter)


class Format(ABC):
    """One format. `cannot` names the keys of LOSSES that its files can lack; any other loss is a fault."""

    slug: ClassVar[str]
    label: ClassVar[str]
    suffix: ClassVar[str]
    content_type: ClassVar[str]
    cannot: ClassVar[frozenset[str]]
    is_archive: ClassVar[bool] = False

    def unfit(self, shape: Shape) -> str:
        """Why answers of this shape have no place in the format; empty where they have."""
        return ""

    def needs_pictures(self, shape: Shape) -> bool:
        return False

    @abstractmethod
    def left_out(self, label: Outgoing, shape: Shape) -> Iterable[str]:
        """The losses of one label in a file of this format."""

    @abstractmethod
    def read(self, content: bytes, shape: Shape, losses: Counter[str]) -> Iterator[Incoming | Misfit]:
        """The answers of a file, and the places that cannot be used.

        :raises InvalidInput: the file as a whole cannot be read; says why.
        """

    @abstractmethod
    def write(self, labels: Iterable[Outgoing], shape: Shape, tally: Tally) -> Iterator[bytes]:
        """A file of these labels, in pieces."""


def in_batches(found: Iterable[T], size: int) -> Iterator[list[T]]:
    """What comes one by one, at most `size` at a time; never an empty list."""
    one_by_one = iter(found)
    while batch := list(islice(one_by_one, size)):
        yield batch
