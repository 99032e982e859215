"""What a check finds by looking at all pairs of a Training Sheet: duplicates, differing answers, the queue's order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any
from uuid import UUID

from labeling.generation.models import QAPair, TrainingSheet
from labeling.quality import informative, kinds, minhash, texts
from labeling.quality.checking import BATCH, OF_ITS_SHEET, Detector, Found, keep, pairs_to_check
from labeling.quality.models import PairCheck
from labeling.quality.scoring import rescore

OPEN = (QAPair.Status.UNLABELED, QAPair.Status.FLAGGED)
NOT_ASKED = 0.5  # the doubt about an answer that no model gave


@dataclass(frozen=True)
class Facts:
    """What is known of one pair without its texts."""

    pk: UUID
    question: str
    whole: str
    signature: bytes
    status: str
    confidence: float | None
    is_failed: bool


@dataclass
class Comparison:
    """What all pairs together say of each, by its key."""

    duplicates: dict[UUID, list[tuple[str, float | None, UUID]]] = field(default_factory=dict)
    disagreement: dict[UUID, float] = field(default_factory=dict)
    places: dict[UUID, tuple[int, str]] = field(default_factory=dict)


def compare(sheet: TrainingSheet, pause: Callable[[], None]) -> Comparison:
    """Compare all checked pairs. Reads only; `pause` is called between steps and may end it."""
    facts = list(_facts(sheet))
    found = Comparison()
    _same_questions(facts, found)
    pause()
    signatures, whole = minhash.stacked([fact.signature for fact in facts])
    _near(sheet, facts, list(minhash.candidates(signatures, whole)), found)
    pause()
    _order(facts, signatures, whole, found)
    return found


def _facts(sheet: TrainingSheet) -> Iterator[Facts]:
    columns = ("pair", "question", "whole", "signature", "pair__status", "pair__ai_confidence", "pair__work_state")
    rows = PairCheck.objects.filter(training_sheet=sheet).order_by("pair__position", "pair").values_list(*columns)
    for pk, question, whole, signature, status, confidence, work in rows.iterator(chunk_size=2_000):
        failed = work == QAPair.Work.FAILED
        yield Facts(pk, question, whole, bytes(signature), status, confidence, failed)


def _same_questions(facts: Sequence[Facts], found: Comparison) -> None:
    """Of equal pairs the first stays, and the others are its duplicates; of equal questions the answers may differ."""
    by_question = sorted(range(len(facts)), key=lambda index: (facts[index].question, index))
    for _, group in groupby(by_question, key=lambda index: facts[index].question):
        members = [facts[index] for index in group]
        if len(members) < 2:
            continue
        answers = Counter(member.whole for member in members)
        differ = round(1 - max(answers.values()) / len(members), 4)
        firsts: dict[str, Facts] = {}
        for member in members:
            if (first := firsts.setdefault(member.whole, member)) is not member:
                found.duplicates.setdefault(member.pk, []).append((kinds.EXACT, 1.0, first.pk))
        for member in members if len(firsts) > 1 else ():
            other = next(one for whole, one in firsts.items() if whole != member.whole)
            found.duplicates.setdefault(member.pk, []).append((kinds.CONFLICT, None, other.pk))
            found.disagreement[member.pk] = differ


def _near(sheet: TrainingSheet, facts: Sequence[Facts], likely: list[tuple[int, int]], found: Comparison) -> None:
    """The texts themselves decide: likely pairs are compared shingle by shingle, a batch at a time."""
    literals = texts.literals_of(sheet)
    likely = [(later, earlier) for later, earlier in likely if facts[later].question != facts[earlier].question]
    for start in range(0, len(likely), BATCH):
        part = likely[start : start + BATCH]
        wanted = {facts[index].pk for pair in part for index in pair}
        rows = sheet.pairs.filter(pk__in=wanted).select_related("prompt")
        sets = {row.pk: minhash.shingles(texts.question_of(row, literals)) for row in rows}
        for later, earlier in part:
            one, other = facts[later].pk, facts[earlier].pk
            alike = minhash.similarity(sets[one], sets[other])
            if alike >= minhash.ALIKE and not _knows(found, one, kinds.NEAR):
                found.duplicates.setdefault(one, []).append((kinds.NEAR, round(alike, 4), other))


def _knows(found: Comparison, pk: UUID, kind: str) -> bool:
    return any(known == kind for known, _, _ in found.duplicates.get(pk, ()))


def _order(facts: Sequence[Facts], signatures: Any, whole: Any, found: Comparison) -> None:
    """Places of the pairs that are still to decide."""
    open_ones = [index for index, fact in enumerate(facts) if fact.status in OPEN]
    decided = [index for index, fact in enumerate(facts) if fact.status not in OPEN and whole[index]]
    doubts = [_doubt(facts[index], found) for index in open_ones]
    places = informative.order(
        [doubt for doubt, _ in doubts], signatures[open_ones], whole[open_ones], signatures[decided]
    )
    for rank, place in enumerate(places):
        index, said = open_ones[place.index], doubts[place.index][1]
        if place.alike is not None and whole[index]:
            said += f"; {place.alike:.0%} like the nearest of those before it"
        found.places[facts[index].pk] = rank, said


def _doubt(fact: Facts, found: Comparison) -> tuple[float, str]:
    """0 (sure) to 1, and in words why."""
    differ = found.disagreement.get(fact.pk, 0.0)
    if fact.is_failed:
        return 1.0, "No usable answer"
    doubt = NOT_ASKED if fact.confidence is None else 1 - fact.confidence
    if differ > doubt:
        return differ, f"Same question, other answers: {differ:.0%} differ"
    if fact.confidence is None:
        return doubt, "No model was asked"
    return doubt, f"Model {fact.confidence:.0%} sure"


def write(sheet: TrainingSheet, found: Comparison, start: int) -> int:
    """Keep what was found of one batch of pairs, from place `start`. In the caller's transaction; returns how many."""
    wanted = [pair.pk for pair in pairs_to_check(sheet)[start : start + BATCH]]
    # Locked in the order in which decisions lock them.
    pairs = list(pairs_to_check(sheet).filter(pk__in=wanted).order_by("pk").select_for_update(of=("self",)))
    listed = [
        Found(pair, Detector.DUPLICATE, kind, [], score, other)
        for pair in pairs
        for kind, score, other in found.duplicates.get(pair.pk, ())
    ]
    keep(listed, pairs, OF_ITS_SHEET)
    _place(pairs, found)
    rescore(pairs)
    return len(pairs)


def _place(pairs: Sequence[QAPair], found: Comparison) -> None:
    changed = []
    for check in PairCheck.objects.filter(pair__in=pairs).defer("signature"):
        rank, because = found.places.get(check.pair_id, (None, ""))
        now = (rank, because, found.disagreement.get(check.pair_id, 0.0))
        if (check.rank, check.because, check.disagreement) != now:
            check.rank, check.because, check.disagreement = now
            changed.append(check)
    PairCheck.objects.bulk_update(changed, ["rank", "because", "disagreement"], batch_size=BATCH)
