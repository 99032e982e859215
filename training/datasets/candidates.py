"""Every pair that a version could hold, in order, each with its side or the reason why it is left out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from governance.uses import Use
from labeling.models import QAPair, TrainingSheet
from training.datasets.causes import Causes
from training.datasets.models import CuratedDataset, DatasetVersion
from training.datasets.rules import SIDE_USES, TEST, Rules, Split
from workbench.sheets.selectors import items_by_ref

BATCH = 1000
FIELDS = (
    "item_ref", "position", "status", "labeling_mode", "ai_confidence", "quality_score", "prompt", "answer",
    "training_sheet", "canonical_label", "derivation", "allowed_uses", "prohibited_uses", "usage_reason",
    "effective_until", "effective_uses",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One pair or label; `excluded` says why it is no member, and is empty for members.

    `prompt` is the body of a prompt that may not be stored yet.
    """

    item_ref: str
    prompt: dict[str, Any] | None = None
    prompt_id: str = ""
    answer_id: str = ""
    pair_id: UUID | None = None
    label_id: UUID | None = None
    side: str = ""
    split_key: str = ""
    excluded: str = ""


def split_of(dataset: CuratedDataset) -> Split:
    return Split.parse(dataset.split)


def use_of_side(dataset: CuratedDataset, side: str) -> Use:
    """What a row needs to stand there; sets that only evaluate have one side."""
    return SIDE_USES[TEST] if dataset.purpose == CuratedDataset.Purpose.EVALUATION else SIDE_USES[side]


def pair_candidates(version: DatasetVersion) -> Iterator[list[Candidate]]:
    """All pairs of the version's Training Sheets in batches, sheets and pairs in the order they were made."""
    choice = _Choice(version)
    sheets = version.training_sheets.select_related("sheet_version__sheet__connection").order_by("created_at", "id")
    for sheet in sheets:
        for rows in _batches(sheet, choice.uses):
            yield choice.candidates(sheet, rows)


def _batches(sheet: TrainingSheet, uses: Sequence[Use]) -> Iterator[list[QAPair]]:
    after: QAPair | None = None
    while rows := list(_pairs(sheet, uses, after)[:BATCH]):
        yield rows
        after = rows[-1]


def _pairs(sheet: TrainingSheet, uses: Sequence[Use], after: QAPair | None) -> QuerySet[QAPair]:
    rows = sheet.pairs.order_by("position", "id").only(*FIELDS)
    if after is not None:
        rows = rows.filter(Q(position__gt=after.position) | Q(position=after.position, id__gt=after.pk))
    same = QAPair.objects.filter(pk=OuterRef("pk"))
    permits = {f"permits_{use}": Exists(same.permitting(use)) for use in uses}  # type: ignore[attr-defined]
    return rows.annotate(label_reason=F("canonical_label__usage_reason"), **permits)


class _Choice:
    """The rules and the split of one version, applied batch by batch."""

    def __init__(self, version: DatasetVersion) -> None:
        self.dataset = version.dataset
        self.rules, self.split = Rules.parse(version.rules), split_of(version.dataset)
        self.side_uses = {side: use_of_side(version.dataset, side) for side in self.split.sides()}
        self.more_uses = [Use(use) for use in self.rules.uses]
        self.uses = list(dict.fromkeys([*self.side_uses.values(), *self.more_uses]))
        self.causes = Causes()

    def candidates(self, sheet: TrainingSheet, rows: list[QAPair]) -> list[Candidate]:
        refused = {row.pk: self._refused_by_rules(row) for row in rows}
        keys = self._keys(sheet, [row.item_ref for row in rows if not refused[row.pk]])
        return [self._candidate(row, refused[row.pk], keys.get(row.item_ref, "")) for row in rows]

    def _refused_by_rules(self, row: QAPair) -> str:
        rules = self.rules
        if row.status != QAPair.Status.LABELED:
            return f"not approved: {row.get_status_display().lower()}"
        if rules.origins and row.labeling_mode not in rules.origins:
            return f"origin left out: {row.get_labeling_mode_display().lower()}"
        if rules.min_confidence is not None and row.labeling_mode == QAPair.Origin.AI_GENERATED:
            if row.ai_confidence is None:
                return "the model gave no confidence"
            if row.ai_confidence < rules.min_confidence:
                return f"confidence below {rules.min_confidence:g}"
        if rules.min_quality is not None:
            if row.quality_score is None:
                return "quality was not scored"
            if row.quality_score < rules.min_quality:
                return f"quality below {rules.min_quality:g}"
        return ""

    def _keys(self, sheet: TrainingSheet, refs: list[str]) -> dict[str, str]:
        """Split key by item; an item without a group has none."""
        if not self.split.by:
            return {ref: ref for ref in refs}
        rows = items_by_ref(sheet.sheet_version, refs)
        return {ref: group_key(row.get(self.split.by)) for ref, row in rows.items()}

    def _candidate(self, row: QAPair, refused: str, key: str) -> Candidate:
        side = self.split.side_of(self.dataset.pk, key) if key else ""
        if not refused and not key:
            refused = f"no value in the split column {self.split.by}"
        return Candidate(
            item_ref=row.item_ref,
            prompt_id=row.prompt_id,
            answer_id=row.answer_id or "",
            pair_id=row.pk,
            side=side,
            split_key=key,
            excluded=refused or self._refused_by_use(row, side),
        )

    def _refused_by_use(self, row: Any, side: str) -> str:
        for use in (self.side_uses[side], *self.more_uses):
            if not getattr(row, f"permits_{use}"):
                return self.causes.of_pair(row, use)
        return ""


def group_key(value: object) -> str:
    """A key for all items with this value; hashed, since the value may name a person. Empty without a value."""
    if value is None or value == "":
        return ""
    return hashlib.sha256(str(value).encode()).hexdigest()
