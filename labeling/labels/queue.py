"""The order in which items of a Sheet are labelled, and where one stands in it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from labeling.labels.selectors import in_force, misfit_refs
from workbench.models import SheetVersion
from workbench.sheets import selectors as sheets

if TYPE_CHECKING:
    from labeling.labelsets.models import LabelsetVersion, LabelType
    from workbench.models import Sheet

MOST = 200_000


@dataclass(frozen=True)
class Queue:
    """All items in order (at most MOST), and which of them have a label; `gone` labels have no item any more."""

    refs: tuple[str, ...]
    labeled: frozenset[str]
    gone: int = 0

    @property
    def done(self) -> int:
        return len(self.labeled)

    @property
    def open(self) -> int:
        return len(self.refs) - len(self.labeled)

    def shown(self, which: str) -> Sequence[str]:
        """`open`: without a label, `labeled`: with one, anything else: all."""
        if which == "open":
            return [ref for ref in self.refs if ref not in self.labeled]
        if which == "labeled":
            return [ref for ref in self.refs if ref in self.labeled]
        return self.refs

    def place(self, ref: str) -> int:
        """Position from 0; of an item that is gone, where it would be."""
        return bisect_left(self.refs, ref)

    def before(self, ref: str) -> str | None:
        place = self.place(ref)
        return self.refs[place - 1] if 0 < place <= len(self.refs) else None

    def after(self, ref: str) -> str | None:
        place = self.place(ref) + (ref in self)
        return self.refs[place] if place < len(self.refs) else None

    def next_open(self, ref: str) -> str | None:
        """The next item without a label behind `ref`, else the first one of all."""
        place = self.place(ref)
        around = (*self.refs[place + (ref in self) :], *self.refs[:place])
        return next((other for other in around if other not in self.labeled), None)

    def __contains__(self, ref: str) -> bool:
        place = self.place(ref)
        return place < len(self.refs) and self.refs[place] == ref


def queue_of(version: SheetVersion, label_type: LabelType) -> Queue:
    """The items of a published Sheet version as they are now, with what is labelled."""
    source = sheets.catalog_of(version.sheet.connection).source_version(
        version.primary_ref, "volume" if version.primary_kind == "volume" else "table"
    )
    refs = _refs(version, source)
    labels = in_force().filter(sheet=version.sheet_id, label_type=label_type)
    known = frozenset(refs)
    labeled = set(labels.values_list("item_ref", flat=True))
    # Beyond MOST nobody knows which labels have an item.
    return Queue(refs, known & labeled, gone=len(labeled - known) if len(refs) < MOST else 0)


def refs_in(queue: Queue, sheet: Sheet, labelset: LabelsetVersion, state: str, words: str = "") -> Sequence[str]:
    """Items in this state (open, labeled, misfit; all where it is none of them) whose key holds these words."""
    if state == "misfit":
        found: Sequence[str] = [ref for ref in misfit_refs(sheet, labelset) if ref in queue]
    else:
        found = queue.shown(state)
    folded = words.casefold()
    return [ref for ref in found if folded in ref.casefold()] if words else found


@lru_cache(maxsize=8)
def _refs(version: SheetVersion, source: str) -> tuple[str, ...]:
    """`source` is the state of the data: a changed table is read again. Versions are equal by key."""
    catalog = sheets.catalog_of(version.sheet.connection)
    selection = sheets.selection_of(version)
    refs: list[str] = []
    for batch in catalog.iter_rows(selection, batch_size=5_000, columns=[version.sheet.item_key]):
        refs += [str(row["item_ref"]) for row in batch]
        if len(refs) >= MOST:
            break
    return tuple(refs[:MOST])
