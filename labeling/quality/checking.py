"""What one check of one pair finds by the pair alone, and how findings are kept: once for each pair and kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from labeling.generation.models import QAPair, TrainingSheet
from labeling.quality import kinds, minhash, texts
from labeling.quality.kinds import Detector, Proposal
from labeling.quality.models import Finding, PairCheck
from labeling.quality.personal.finding import find_personal_data
from labeling.quality.personal.port import Hit
from labeling.quality.secret import find_secrets
from labeling.quality.toxic import find_toxic_words
from labeling.schemas.canonical import digest
from labeling.schemas.validation import find_faults

BATCH = 200
LOW = 0.5  # a model that is less sure than this is named
PLACES = 20  # of one kind in one pair that are kept
OF_A_PAIR = (Detector.PERSONAL_DATA, Detector.SECRET, Detector.SCHEMA, Detector.CONFIDENCE, Detector.TOXIC_WORDS)
OF_ITS_SHEET = (Detector.DUPLICATE,)
BY_TEXT: Mapping[str, Callable[[str], list[Hit]]] = {
    Detector.PERSONAL_DATA: find_personal_data,
    Detector.SECRET: find_secrets,
    Detector.TOXIC_WORDS: find_toxic_words,
}
Key = tuple[UUID, str, str]  # pair, detector, kind


@dataclass
class Found:
    """One kind of thing in one pair, as a detector says it."""

    pair: QAPair
    detector: str
    kind: str
    places: list[dict[str, Any]] = field(default_factory=list)
    score: float | None = None
    other_id: UUID | None = None

    @property
    def key(self) -> Key:
        return (self.pair.pk, self.detector, self.kind)


class Checker:
    """Checks pairs of one Training Sheet, each by itself. In the caller's transaction."""

    def __init__(self, sheet: TrainingSheet) -> None:
        self.sheet = sheet
        self.schema = sheet.template_version.output_schema
        self.literals = texts.literals_of(sheet)

    def check(self, pairs: Sequence[QAPair]) -> int:
        """Returns how many had changed since they were last checked; the others are left as they are."""
        known = dict(PairCheck.objects.filter(pair__in=pairs).values_list("pair", "seen"))
        changed = [pair for pair in pairs if known.get(pair.pk) != texts.seen_of(pair)]
        if changed:
            keep([found for pair in changed for found in self._find(pair)], changed, OF_A_PAIR)
            self._measure(changed)
        return len(changed)

    def _find(self, pair: QAPair) -> Iterable[Found]:
        by_kind: dict[tuple[str, str], Found] = {}
        for text in texts.texts_of(pair):
            for detector, find in BY_TEXT.items():
                for hit in find(text.text):
                    found = by_kind.setdefault((detector, hit.kind), Found(pair, detector, hit.kind))
                    found.places.append({"part": text.part, "start": hit.start, "length": hit.end - hit.start})
        yield from by_kind.values()
        yield from self._faults(pair)
        if pair.ai_confidence is not None and pair.ai_confidence < LOW:
            yield Found(pair, Detector.CONFIDENCE, kinds.UNSURE, score=pair.ai_confidence)

    def _faults(self, pair: QAPair) -> Iterable[Found]:
        if pair.answer is None:
            if pair.work_state == QAPair.Work.FAILED:
                yield Found(pair, Detector.SCHEMA, kinds.NO_ANSWER)
        elif pair.answer.erased_at is None and (faults := find_faults(pair.answer.body, self.schema, limit=PLACES)):
            places = [{"part": f"{texts.ANSWER} {fault.path}".strip(), "start": 0, "length": 0} for fault in faults]
            yield Found(pair, Detector.SCHEMA, kinds.NO_FIT, places)

    def _measure(self, pairs: Sequence[QAPair]) -> None:
        rows = [self._row(pair) for pair in pairs]
        PairCheck.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=["pair"], batch_size=BATCH,
            update_fields=["seen", "question", "whole", "signature", "fits", "checked_at"],
        )  # fmt: skip

    def _row(self, pair: QAPair) -> PairCheck:
        question = texts.question_of(pair, self.literals)
        answer = texts.answer_text(pair)
        fits = pair.answer is not None and (
            pair.answer.erased_at is not None or not find_faults(pair.answer.body, self.schema, limit=1)
        )
        return PairCheck(
            training_sheet=self.sheet, pair=pair, seen=texts.seen_of(pair), fits=fits, question=digest(question),
            whole=digest([question, answer]), signature=minhash.signature(question),
        )  # fmt: skip


def keep(found: Sequence[Found], pairs: Sequence[QAPair], detectors: Sequence[str]) -> None:
    """Have exactly `found` among the findings of these detectors on these pairs, and no row twice.

    What was decided stays decided as long as the pair says the same. What is not there any more is gone.
    """
    known: dict[Key, Finding] = {
        (row.pair_id, row.detector, row.kind): row
        for row in Finding.objects.filter(pair__in=pairs, detector__in=detectors).select_for_update(of=("self",))
    }
    proposed, wanted = kinds.proposals(), {one.key: one for one in found}
    fresh = [_new(one, proposed) for key, one in wanted.items() if key not in known]
    Finding.objects.bulk_create(fresh, batch_size=BATCH)
    contents = {pair.pk: texts.content_of(pair) for pair in pairs}
    for key, row in known.items():
        if key in wanted:
            _found_again(row, wanted[key], contents[row.pair_id])
        elif row.state == Finding.State.OPEN:
            row.state = Finding.State.GONE
            row.save(update_fields=["state"])


def _new(found: Found, proposed: Mapping[str, Proposal]) -> Finding:
    proposal = proposed.get(found.detector, Proposal())
    return Finding(
        training_sheet_id=found.pair.training_sheet_id, pair=found.pair, detector=found.detector, kind=found.kind,
        places=found.places[:PLACES], score=found.score, other_id=found.other_id,
        content=texts.content_of(found.pair), proposed_prohibited=proposal.prohibited,
        proposed_classification=proposal.classification,
    )  # fmt: skip


def _found_again(row: Finding, found: Found, content: str) -> None:
    """A person's word on another text says nothing of this one; an accepted constraint holds for whatever is there."""
    if row.state == Finding.State.ACCEPTED:
        return
    now = (found.places[:PLACES], found.score, found.other_id, content)
    is_same = (row.places, row.score, row.other_id, row.content) == now
    if row.state == Finding.State.DISMISSED and row.content == content:
        return
    if is_same and row.state == Finding.State.OPEN:
        return
    row.places, row.score, row.other_id, row.content = now
    row.state, row.decided_by, row.decided_at, row.reason = Finding.State.OPEN, None, None, ""
    row.save(update_fields=[
        "places", "score", "other", "content", "state", "decided_by", "decided_at", "reason",
    ])  # fmt: skip


def pairs_to_check(sheet: TrainingSheet) -> QuerySet[QAPair]:
    """All of them, in the order of their items."""
    return sheet.pairs.select_related("prompt", "answer").order_by("position", "id")
