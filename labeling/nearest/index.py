"""The labelled items that questions are compared with, read through the few-shot exit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np

from governance.exits import exit_for
from governance.models import PermittedQuerySet
from governance.uses import Use
from labeling.labels.models import CanonicalLabel
from labeling.nearest.errors import NotEnoughLabels
from labeling.nearest.features import Features, Row
from labeling.nearest.voting import Vote, vote
from labeling.schemas.canonical import canonical_json
from labeling.schemas.validation import fits
from workbench.catalogs.port import Kind
from workbench.models import Sheet, SheetVersion
from workbench.sheets import selectors as sheets

FEWEST = 3
MOST = 20_000
CHUNK = 512


@dataclass(frozen=True)
class Labelled:
    """One labelled item that may be shown as an example."""

    label_id: UUID
    item_ref: str
    digest: str
    answer: Any


@dataclass(frozen=True)
class Index:
    """Labelled items of one Sheet and labelset, ready to be compared with."""

    items: tuple[Labelled, ...]
    features: Features

    def vote(self, refs: Sequence[str], rows: Sequence[Row]) -> list[Vote | None]:
        """One vote for each row; an item never votes on itself."""
        answers = [item.digest for item in self.items]
        positions = {item.item_ref: place for place, item in enumerate(self.items)}
        votes: list[Vote | None] = []
        for start in range(0, len(rows), CHUNK):
            similar = self.features.similarities(rows[start : start + CHUNK])
            for place, ref in enumerate(refs[start : start + CHUNK]):
                if ref in positions:
                    similar[place, positions[ref]] = -1.0
            votes += vote(np.asarray(similar), answers)
        return votes


def index_for(
    *,
    sheet_id: str,
    label_type: str,
    labelset_id: str | None,
    output_schema: Mapping[str, Any],
    columns: Sequence[str],
) -> Index:
    """The index over `columns`, built anew when a label, a permission or the data has changed.

    :raises NotEnoughLabels: fewer than three labels permit few-shot use and fit the schema.
    """
    version = sheets.published_version(Sheet.objects.select_related("connection").get(pk=sheet_id))
    labels = CanonicalLabel.objects.filter(sheet_id=sheet_id, label_type=label_type, retired_at__isnull=True)
    of_labelset = labels.filter(labelset=UUID(labelset_id)) if labelset_id else labels.filter(labelset__isnull=True)
    permitted = of_labelset.permitting(Use.FEW_SHOT).order_by("-labeled_at", "pk")[:MOST]
    return _built(version, permitted, canonical_json(output_schema), tuple(columns))


def _built(version: SheetVersion, permitted: PermittedQuerySet, schema_text: str, columns: tuple[str, ...]) -> Index:
    pairs = list(permitted.values_list("pk", "content_id"))
    if len(pairs) < FEWEST:
        raise _not_enough(len(pairs))
    state = hashlib.sha256(repr(pairs).encode()).hexdigest()
    source = sheets.catalog_of(version.sheet.connection).source_version(version.primary_ref, _kind(version))
    return _CACHE.get((str(version.pk), state, source, schema_text, columns), version, permitted)


def _kind(version: SheetVersion) -> Kind:
    return "volume" if version.primary_kind == "volume" else "table"


class _Cache:
    """The last few indexes of this process, by everything that they were built from."""

    SIZE = 8

    def __init__(self) -> None:
        self.kept: dict[tuple[Any, ...], Index] = {}

    def get(self, key: tuple[Any, ...], version: SheetVersion, permitted: PermittedQuerySet) -> Index:
        if key not in self.kept:
            while len(self.kept) >= self.SIZE:
                self.kept.pop(next(iter(self.kept)))
            self.kept[key] = _build(version, labelled_examples(permitted), key[-2], key[-1])
        return self.kept[key]


_CACHE = _Cache()


@exit_for(
    Use.FEW_SHOT,
    name="nearest-neighbour",
    description="Labelled items that the embedded labeler compares with and answers from",
)
def labelled_examples(rows: PermittedQuerySet) -> list[Labelled]:
    """The answers that may be shown as examples."""
    return [
        Labelled(label.pk, label.item_ref, label.content_id, label.data) for label in rows.select_related("content")
    ]


def _build(version: SheetVersion, labelled: Sequence[Labelled], schema_text: str, columns: Sequence[str]) -> Index:
    schema = json.loads(schema_text)
    answers = {item.digest: item.answer for item in labelled}
    suitable = {digest for digest, answer in answers.items() if fits(answer, schema)}
    fitting = [item for item in labelled if item.digest in suitable]
    rows = sheets.items_by_ref(version, [item.item_ref for item in fitting])
    present = [item for item in fitting if item.item_ref in rows]
    if len(present) < FEWEST:
        raise _not_enough(len(present))
    features = Features.of([rows[item.item_ref] for item in present], columns)
    return Index(tuple(present), features)


def _not_enough(count: int) -> NotEnoughLabels:
    return NotEnoughLabels(
        f"not enough labels: of this labelset on this Sheet, {count} canonical label(s) may be shown as "
        f"examples and fit the schema; it takes {FEWEST}. Label more items, or choose another endpoint."
    )
