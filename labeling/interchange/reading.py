"""A file of labels against its Sheet: what fits, whether it is new, and every place that does not fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from governance.errors import InvalidInput, WorkbenchError
from labeling.interchange.boxes import number_of
from labeling.interchange.formats import in_words
from labeling.interchange.pictures import Pictures
from labeling.interchange.port import Format, Incoming, Misfit, Size, in_batches
from labeling.interchange.shapes import EXACT, Box, Field, Shape, refuse_outside
from labeling.labels.contents import digest
from labeling.labels.models import CanonicalLabel
from labeling.labels.selectors import labels_for
from labeling.labelsets.models import LabelsetVersion
from labeling.schemas.canonical import refuse_non_json
from labeling.schemas.validation import validate_answer
from workbench.models import SheetVersion
from workbench.sheets import selectors as sheets

BATCH = 500
ENTRIES_AT_MOST = 20_000
MISFITS_KEPT = 200
REF_AT_MOST = 300
NOTES_AT_MOST = 8_000


@dataclass(frozen=True)
class Ready:
    """One answer that can be saved. What the file did not say is what the label says already."""

    item_ref: str
    data: Any
    confidence: str
    notes: str


@dataclass
class Plan:
    """What an import would do. Labels that are the same already are counted, and left alone."""

    new: int = 0
    changed: int = 0
    same: int = 0
    refused: int = 0
    entries: list[Ready] = field(default_factory=list)
    misfits: list[Misfit] = field(default_factory=list)
    losses: Counter[str] = field(default_factory=Counter)

    def refuse(self, misfit: Misfit) -> None:
        self.refused += 1
        if len(self.misfits) < MISFITS_KEPT:
            self.misfits.append(misfit)

    @property
    def lost(self) -> list[str]:
        return in_words(self.losses)

    def as_json(self) -> dict[str, Any]:
        return {
            "new": self.new,
            "changed": self.changed,
            "same": self.same,
            "refused": self.refused,
            "misfits": [misfit.as_json() for misfit in self.misfits],
            "losses": {key: count for key, count in sorted(self.losses.items()) if count},
        }


@dataclass
class Reader:
    """Reads one file for one Sheet and labelset; `pause` is called between batches and may stop it."""

    version: SheetVersion
    labelset: LabelsetVersion
    pause: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.shape = Shape.of(self.labelset.response_schema)
        self.pictures = Pictures(self.version, self.labelset)
        self.plan = Plan()

    def read(self, form: Format, content: bytes) -> Plan:
        """:raises InvalidInput: the file as a whole cannot be read, or holds too many entries."""
        found = _limited(form.read(content, self.shape, self.plan.losses))
        for batch in in_batches(self._named(found), BATCH):
            self.pause()
            self._check(batch)
        if not self.plan.refused and not self.plan.entries and not self.plan.same:
            raise InvalidInput("The file holds no label.", field="file")
        return self.plan

    def _named(self, found: Iterable[Incoming | Misfit]) -> Iterator[Incoming | Misfit]:
        """Entries with the item that they are about, each item once: the first entry stands."""
        seen: dict[str, str] = {}
        for entry in found:
            if isinstance(entry, Misfit):
                yield entry
                continue
            ref = entry.item_ref or (self.pictures.item_of(entry.file_name) if entry.file_name else "")
            if why := self._no_item(entry, ref, seen):
                yield Misfit(entry.where, entry.item_ref or entry.file_name, why)
                continue
            seen[str(ref)] = entry.where
            yield replace(entry, item_ref=str(ref))

    def _no_item(self, entry: Incoming, ref: str | None, seen: Mapping[str, str]) -> str:
        if ref is None:
            return f"no item, or more than one, has the picture {entry.file_name[:200]!r}"
        if not 0 < len(ref) <= REF_AT_MOST:
            return f"names an item of {len(ref):,} characters; expected 1 to {REF_AT_MOST}"
        return f"item {ref!r} stands in {seen[ref]} too; the first one counts" if ref in seen else ""

    def _check(self, entries: Sequence[Incoming | Misfit]) -> None:
        refs = [entry.item_ref for entry in entries if isinstance(entry, Incoming)]
        rows = sheets.items_by_ref(self.version, refs)
        labels = labels_for(self.version.sheet, self.labelset.labelset.label_type_id, refs)
        for entry in entries:
            if isinstance(entry, Misfit):
                self.plan.refuse(entry)
                continue
            try:
                self._add(entry, rows.get(entry.item_ref), labels.get(entry.item_ref))
            except WorkbenchError as error:
                self.plan.refuse(Misfit(entry.where, entry.item_ref, error.message))

    def _add(self, entry: Incoming, row: Mapping[str, Any] | None, label: CanonicalLabel | None) -> None:
        if row is None:
            raise InvalidInput(f"the Sheet has no item {entry.item_ref!r}")
        ready = self._ready(entry, self._answer(entry, row), label)
        if label is None:
            self.plan.new += 1
        elif _same(label, ready):
            self.plan.same += 1
            return
        else:
            self.plan.changed += 1
        self.plan.entries.append(ready)

    def _ready(self, entry: Incoming, data: Any, label: CanonicalLabel | None) -> Ready:
        confidence = entry.confidence or (label.confidence if label else CanonicalLabel.Confidence.HIGH.value)
        notes = (label.notes if label else "") if entry.notes is None else entry.notes
        if confidence not in CanonicalLabel.Confidence.values:
            raise InvalidInput(f"confidence {str(confidence)[:80]!r} is none of high, medium, low")
        if not isinstance(notes, str) or len(notes) > NOTES_AT_MOST:
            raise InvalidInput(f"notes must be text of at most {NOTES_AT_MOST:,} characters")
        refuse_non_json({"item_ref": entry.item_ref, "notes": notes, "data": data})
        return Ready(entry.item_ref, data, confidence, notes)

    def _answer(self, entry: Incoming, row: Mapping[str, Any]) -> Any:
        """The answer in the Sheet's terms: boxes in whole pixels of its own picture where the schema says so."""
        data, field_of = entry.data, self.shape.boxes
        size = self.pictures.size_of(row) if field_of else None
        if entry.boxes is not None and field_of is not None:
            boxes = [self._placed(box, entry, field_of, size) for box in entry.boxes]
            records = [field_of.keys.record(box) for box in boxes] if field_of.keys else []
            data = self.shape.answer({**(data or {}), field_of.name: records})
        validate_answer(data, self.labelset.response_schema)
        for box in self.shape.boxes_of(data):
            if size is not None:
                refuse_outside(box, size)
        return data

    def _placed(self, box: Box, entry: Incoming, field_of: Field, size: Size | None) -> Box:
        if field_of.keys is None or box.name not in field_of.keys.classes:
            known = ", ".join(field_of.keys.classes[:50]) if field_of.keys else "none"
            raise InvalidInput(f"unknown class {box.name[:100]!r}; expected one of: {known}")
        if entry.unit is None and entry.size and size and entry.size != size:
            raise InvalidInput(f"the file says that the picture is {_words(entry.size)}, and it is {_words(size)}")
        for value in (box.x, box.y, box.width, box.height):
            number_of(value, "the box")
        placed = _in_pixels(box, entry.unit, size or entry.size) if entry.unit else box
        if not field_of.keys.whole_pixels:
            return placed
        left, top = round(placed.x), round(placed.y)
        whole = (left, top, round(placed.x + placed.width) - left, round(placed.y + placed.height) - top)
        given = (placed.x, placed.y, placed.width, placed.height)
        self.plan.losses["rounded"] += any(abs(a - b) > EXACT for a, b in zip(whole, given, strict=True))
        return replace(placed, x=whole[0], y=whole[1], width=whole[2], height=whole[3])


def _limited(found: Iterable[Incoming | Misfit]) -> Iterator[Incoming | Misfit]:
    for number, entry in enumerate(found):
        if number >= ENTRIES_AT_MOST:
            raise InvalidInput(
                f"The file holds more than {ENTRIES_AT_MOST:,} entries; send it in parts. Nothing was saved.",
                field="file",
            )
        yield entry


def _same(label: CanonicalLabel, ready: Ready) -> bool:
    return (label.content_id, label.confidence, label.notes) == (digest(ready.data), ready.confidence, ready.notes)


def _in_pixels(box: Box, whole: int, size: Size | None) -> Box:
    if size is None:
        raise InvalidInput("the item's picture cannot be read, so its boxes have no place in pixels")
    width, height = size[0] / whole, size[1] / whole
    place = (box.x * width, box.y * height, box.width * width, box.height * height)
    x, y, w, h = (_plain(value) for value in place)
    return replace(box, x=x, y=y, width=w, height=h)


def _plain(value: float) -> float:
    """Without the noise of the division: a whole number where it is one."""
    rounded = round(value, 6)
    return int(rounded) if rounded == int(rounded) else rounded


def _words(size: Size) -> str:
    return f"{size[0]} x {size[1]} pixels"
