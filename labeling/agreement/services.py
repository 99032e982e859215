"""Every write to turns, opinions and settlements.

All of them lock the binding of the labelset to the Sheet first, so that places are counted by one at a time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from governance import access, context, derivations
from governance.errors import InvalidInput, NotPermitted, ReasonRequired
from governance.models import Derivation, User
from labeling.agreement import selectors
from labeling.agreement.errors import (
    AlreadyGiven,
    AlreadySettled,
    NoPlaceLeft,
    NotAnExpert,
    OpinionsMissing,
    SameExpert,
)
from labeling.agreement.models import Opinion, Settlement, Turn
from labeling.agreement.selectors import State
from labeling.annotating.placing import refuse_outside_source
from labeling.labels.contents import content_of
from labeling.labels.entries import Entry
from labeling.labels.errors import ItemGone
from labeling.labels.models import CanonicalLabel
from labeling.labels.queue import queue_of
from labeling.labels.services import derivation_for, labelset_on, record_label, record_labels, refs_without_item
from labeling.labelsets.models import LabelsetBinding, LabelsetVersion, LabelType
from labeling.labelsets.selectors import columns_seen
from labeling.schemas.canonical import refuse_non_json
from labeling.schemas.validation import fits, validate_answer
from workbench.models import Sheet
from workbench.sheets import selectors as sheets

ANSWER = "labeling.add_opinion"
ASSIGN = "labeling.add_turn"
LABEL = "labeling.add_canonicallabel"
LEASE = timedelta(minutes=30)
BATCH = 500
LEAST_SURE_FIRST = (CanonicalLabel.Confidence.LOW, CanonicalLabel.Confidence.MEDIUM, CanonicalLabel.Confidence.HIGH)


def _locked(sheet: Sheet, label_type: LabelType) -> LabelsetVersion:
    """What answers here now; others who would write here wait."""
    list(LabelsetBinding.objects.select_for_update().filter(sheet=sheet, label_type=label_type))
    return labelset_on(sheet, label_type)


# Turns


@transaction.atomic
def assign_items(
    *, sheet: Sheet, label_type: LabelType, refs: Sequence[str], experts: Sequence[User], by: User
) -> list[Turn]:
    """Give each expert a place at each item, for good: all are assigned, or none.

    Who has a place or has answered keeps what they have.

    :raises NotAnExpert: an account may not answer items of this Sheet.
    :raises ItemGone: an item is none of the Sheet's.
    :raises NoPlaceLeft: more experts than the labelset asks for.
    """
    access.require(by, ASSIGN, sheet)
    version = _locked(sheet, label_type)
    _check_experts(experts, sheet)
    if gone := refs_without_item(sheets.published_version(sheet), refs):
        raise ItemGone(f"Sheet “{sheet}” has no item {gone[0]!r}; it may have vanished.", field="items")
    _forget_ended(version, sheet, refs)
    held = _held_by(version, sheet, refs)
    wanted = [(ref, expert) for ref in dict.fromkeys(refs) for expert in experts if _key(expert) not in held[ref]]
    taken = selectors.places_taken(sheet, version.labelset, refs)
    for ref, _ in wanted:
        taken[ref] += 1
        _check_place(version, ref, taken[ref])
    turns = [
        Turn(sheet=sheet, labelset=version.labelset, item_ref=ref, expert=expert, assigned_by=by)
        for ref, expert in wanted
    ]
    with context.because("items assigned", by=by):
        return Turn.objects.bulk_create(turns, batch_size=BATCH)


def _check_experts(experts: Iterable[User], sheet: Sheet) -> None:
    people: set[object] = set()
    for expert in experts:
        if expert.person_id is None or not expert.has_perm(ANSWER) or not access.can_see(expert, sheet):
            raise NotAnExpert(
                f"{expert.display_name} may not answer items of Sheet “{sheet}”. Choose a person with the role "
                "Domain expert, and share the Sheet with them.",
                field="experts",
            )
        if _key(expert) in people:
            raise NotAnExpert(f"{expert.display_name} is named twice; name each person once.", field="experts")
        people.add(_key(expert))


def _key(user: User) -> object:
    """The person behind an account."""
    return user.person_id or user.pk


def _held_by(version: LabelsetVersion, sheet: Sheet, refs: Collection[str]) -> dict[str, set[object]]:
    held: dict[str, set[object]] = {ref: set() for ref in refs}
    turns = Turn.objects.filter(sheet=sheet, labelset=version.labelset_id, item_ref__in=list(refs))
    for turn in turns.select_related("expert"):
        held[turn.item_ref].add(_key(turn.expert))
    for opinion in selectors.opinions_on(sheet, version.labelset, refs).select_related("given_by"):
        held[opinion.item_ref].add(_key(opinion.given_by))
    return held


def _forget_ended(version: LabelsetVersion, sheet: Sheet, refs: Collection[str] | None = None) -> None:
    ended = Turn.objects.filter(sheet=sheet, labelset=version.labelset_id, until__lte=timezone.now())
    (ended if refs is None else ended.filter(item_ref__in=list(refs))).delete()


def _check_place(version: LabelsetVersion, ref: str, taken: int) -> None:
    asked = version.labelset.opinions_asked
    if taken > asked:
        raise NoPlaceLeft(
            f"Item {ref!r} has no place left: “{version.labelset}” asks for {asked} opinions, and as many experts "
            "have answered it or are at it. Take another item, or have more asked for.",
            field="item_ref",
        )


@transaction.atomic
def take_next(*, sheet: Sheet, label_type: LabelType, by: User) -> str | None:
    """The next item for this person: one that waits for them, else the first with a place left, held for LEASE.

    None where there is nothing left for them.
    """
    _require_expert(by, sheet)
    version = _locked(sheet, label_type)
    if waiting := _waiting_item(sheet, version, by):
        return waiting
    _forget_ended(version, sheet)
    ref = _free_item(sheet, version, label_type, by)
    if ref is None:
        return None
    with context.because("item taken", by=by):
        Turn.objects.create(
            sheet=sheet, labelset=version.labelset, item_ref=ref, expert=by, until=timezone.now() + LEASE
        )
    return ref


def _require_expert(by: User, sheet: Sheet) -> None:
    access.require(by, ANSWER, sheet)
    if by.person_id is None:
        raise NotPermitted(f"{by.display_name} is a service account; only people give opinions.")


def _waiting_item(sheet: Sheet, version: LabelsetVersion, by: User) -> str | None:
    """The oldest turn whose item is still there and without a canonical label."""
    refs = selectors.turns_of(by, sheet, version.labelset)
    found = selectors.standings(sheet, version.labelset, refs)
    gone = set(refs_without_item(sheets.published_version(sheet), refs)) if refs else set()
    closed = {ref for ref, one in found.items() if one.state in (State.SETTLED, State.LABELED)}
    return next((ref for ref in refs if ref not in gone | closed), None)


def _free_item(sheet: Sheet, version: LabelsetVersion, label_type: LabelType, by: User) -> str | None:
    queue = queue_of(sheets.published_version(sheet), label_type)
    taken = selectors.places_taken(sheet, version.labelset)
    own = selectors.opinions_on(sheet, version.labelset).filter(selectors.of_person(by, "given_by"))
    settled = Settlement.objects.filter(sheet=sheet, labelset=version.labelset_id)
    closed = {*queue.labeled, *own.values_list("item_ref", flat=True), *settled.values_list("item_ref", flat=True)}
    asked = version.labelset.opinions_asked
    return next((ref for ref in queue.refs if ref not in closed and taken[ref] < asked), None)


def is_own(turn: Turn, by: User) -> bool:
    """Whether the place is this person's, whichever the account."""
    return _key(turn.expert) == _key(by)


@transaction.atomic
def release_turn(*, turn: Turn, by: User, reason: str = "") -> None:
    """Free a place: one's own, or anyone's for those who assign.

    :raises ReasonRequired: it is another's, and no reason was given.
    """
    access.require(by, ANSWER if is_own(turn, by) else ASSIGN, turn.sheet)
    if not reason.strip() and not is_own(turn, by):
        raise ReasonRequired(
            f"Say why {turn.expert.display_name} loses the place at {turn.item_ref}; it goes on record.", field="reason"
        )
    with context.because(reason.strip() or "place freed", by=by):
        turn.delete()


# Opinions


@transaction.atomic
def give_opinion(
    *,
    sheet: Sheet,
    label_type: LabelType,
    item_ref: str,
    data: Any,
    by: User,
    confidence: str = CanonicalLabel.Confidence.HIGH,
    notes: str = "",
) -> Opinion:
    """Say what one thinks of an item, on one's own. It stays as it is given.

    :raises AlreadyGiven: this person has answered the item, with whichever account.
    :raises AlreadySettled: the item has its canonical label.
    :raises NoPlaceLeft: enough experts have answered or are at it.
    :raises ItemGone: the Sheet has no such item.
    :raises SchemaViolation: the answer does not fit the labelset's schema; says where.
    :raises MarkOutside: a box, polygon or span does not lie in the item's picture or text.
    """
    _require_expert(by, sheet)
    version = _locked(sheet, label_type)
    sheet_version = sheets.published_version(sheet)
    row = sheets.items_by_ref(sheet_version, [item_ref]).get(item_ref)
    if row is None:
        raise ItemGone(f"Sheet “{sheet}” has no item {item_ref!r}; it may have vanished.", field="item_ref")
    _check_may_answer(version, sheet, item_ref, by)
    _check_answer(data, confidence, version)
    refuse_outside_source(data, version=sheet_version, labelset=version, row=row)
    columns = columns_seen(version, sheet_version)
    with context.because("", by=by):
        Turn.objects.filter(selectors.of_person(by, "expert"), sheet=sheet, labelset=version.labelset_id).filter(
            item_ref=item_ref
        ).delete()
        return Opinion.objects.create(
            sheet=sheet,
            labelset=version.labelset,
            labelset_version=version,
            item_ref=item_ref,
            content=content_of(data),
            confidence=confidence,
            notes=notes,
            seen_digest=sheets.digest_of(row, columns),
            derivation=derivation_for(sheet_version, version, columns),
            given_by=by,
            door=context.current().door,
        )


def _check_answer(data: Any, confidence: str, version: LabelsetVersion) -> None:
    if confidence not in CanonicalLabel.Confidence.values:
        raise InvalidInput(
            f"{confidence!r} is no confidence; expected one of: {', '.join(CanonicalLabel.Confidence.values)}.",
            field="confidence",
        )
    refuse_non_json(data)
    validate_answer(data, version.response_schema)


def check_open(version: LabelsetVersion, sheet: Sheet, ref: str) -> None:
    """:raises AlreadySettled: the item has its canonical label."""
    standing = selectors.standings(sheet, version.labelset, [ref]).get(ref)
    if standing is not None and standing.state in (State.SETTLED, State.LABELED):
        raise AlreadySettled(
            f"Item {ref!r} has its canonical label. Correct that in the labelling tool.", field="item_ref"
        )


def _check_may_answer(version: LabelsetVersion, sheet: Sheet, ref: str, by: User) -> None:
    check_open(version, sheet, ref)
    if selectors.opinions_on(sheet, version.labelset, [ref]).filter(selectors.of_person(by, "given_by")).exists():
        raise AlreadyGiven(f"You have answered item {ref!r}; what was said stays as it is.", field="item_ref")
    if ref not in selectors.turns_of(by, sheet, version.labelset):
        _check_place(version, ref, selectors.places_taken(sheet, version.labelset, [ref])[ref] + 1)


# Settling


@dataclass(frozen=True)
class Settled:
    """What became canonical, and items whose answer does not fit the labelset as it is now."""

    settlements: list[Settlement]
    misfits: list[str]


@transaction.atomic
def settle_agreed(*, sheet: Sheet, label_type: LabelType, by: User) -> Settled:
    """Make the answer canonical on every item where all experts said the same.

    Answers that do not fit the labelset's version in force stay, and are for someone to adjudicate.
    """
    access.require(by, LABEL, sheet)
    version = _locked(sheet, label_type)
    found = selectors.standings(sheet, version.labelset)
    agreed = _by_item(version, sheet, [ref for ref, standing in found.items() if standing.state == State.AGREED])
    fitting = {ref: said for ref, said in agreed.items() if fits(said[0].data, version.response_schema)}
    together = _Together()
    entries = [_entry(ref, said, together) for ref, said in fitting.items()]
    labels = record_labels(sheet=sheet, label_type=label_type, labelset_version=version, entries=entries, by=by)
    made = [
        _settlement(labels[ref], version, by, way=Settlement.Way.AGREED, content=said[0].content)
        for ref, said in fitting.items()
    ]
    with context.because("all experts said the same", by=by):
        Settlement.objects.bulk_create(made, batch_size=BATCH)
    return Settled(made, sorted(set(agreed) - set(fitting)))


def _by_item(version: LabelsetVersion, sheet: Sheet, refs: Sequence[str]) -> dict[str, list[Opinion]]:
    """Opinions by item, first given first; asked for in parts, for a database takes so many values at once."""
    found: dict[str, list[Opinion]] = {}
    for start in range(0, len(refs), BATCH):
        rows = selectors.opinions_on(sheet, version.labelset, refs[start : start + BATCH])
        for opinion in rows.select_related("content", "derivation", "given_by").order_by("given_at", "id"):
            found.setdefault(opinion.item_ref, []).append(opinion)
    return found


class _Together:
    """What answers given under several derivations derive from, each combination joined once."""

    def __init__(self) -> None:
        self.known: dict[tuple[object, object], Derivation] = {}

    def of(self, found: Iterable[Derivation]) -> Derivation:
        first, *rest = {one.pk: one for one in found}.values()
        for other in rest:
            key = (first.pk, other.pk)
            if key not in self.known:
                self.known[key] = derivations.joined(first, other)
            first = self.known[key]
        return first


def _entry(ref: str, said: Sequence[Opinion], together: _Together) -> Entry:
    """As sure as the least sure of them."""
    return Entry(
        item_ref=ref,
        data=said[0].data,
        derivation=together.of(opinion.derivation for opinion in said),
        seen_digest=said[0].seen_digest,
        confidence=next(level for level in LEAST_SURE_FIRST if any(one.confidence == level for one in said)),
    )


def _settlement(label: CanonicalLabel, version: LabelsetVersion, by: User, **fields: Any) -> Settlement:
    return Settlement(
        sheet_id=label.sheet_id,
        labelset=version.labelset,
        item_ref=label.item_ref,
        canonical_label=label,
        canonical_version=label.version,
        settled_by=by,
        door=context.current().door,
        **fields,
    )


@transaction.atomic
def adjudicate(
    *,
    sheet: Sheet,
    label_type: LabelType,
    item_ref: str,
    data: Any,
    reason: str,
    by: User,
    confidence: str = CanonicalLabel.Confidence.HIGH,
) -> Settlement:
    """Settle what experts said of an item: `data` becomes its canonical label, the reason goes on record.

    :raises SameExpert: `by` is one of those who answered the item, with whichever account.
    :raises OpinionsMissing: not all have answered.
    :raises AlreadySettled: the item has its canonical label.
    :raises ReasonRequired: no reason was given.
    :raises SchemaViolation: the answer does not fit the labelset's schema; says where.
    """
    access.require(by, LABEL, sheet)
    version = _locked(sheet, label_type)
    if not reason.strip():
        raise ReasonRequired("Say why this is right; it goes on record beside what the experts said.", field="reason")
    said = opinions_to_settle(version=version, sheet=sheet, item_ref=item_ref, by=by)
    sheet_version = sheets.published_version(sheet)
    row = sheets.items_by_ref(sheet_version, [item_ref]).get(item_ref)
    if row is None:
        raise ItemGone(f"Sheet “{sheet}” has no item {item_ref!r}; it may have vanished.", field="item_ref")
    columns = columns_seen(version, sheet_version)
    seen = [derivation_for(sheet_version, version, columns), *(opinion.derivation for opinion in said)]
    label = record_label(
        sheet=sheet,
        item_ref=item_ref,
        label_type=label_type,
        labelset_version=version,
        data=data,
        by=by,
        derivation=_Together().of(seen),
        seen_digest=sheets.digest_of(row, columns),
        confidence=confidence,
        notes=reason,
    )
    refuse_outside_source(data, version=sheet_version, labelset=version, row=row)
    way = Settlement.Way.ADJUDICATED
    settlement = _settlement(label, version, by, way=way, content=label.content, reason=reason)
    with context.because(reason, by=by):
        settlement.save(force_insert=True)
    return settlement


def opinions_to_settle(*, version: LabelsetVersion, sheet: Sheet, item_ref: str, by: User) -> list[Opinion]:
    """What the experts said of an item, for someone who may settle it.

    :raises SameExpert: `by` is one of them.
    :raises OpinionsMissing: not all have answered.
    :raises AlreadySettled: the item has its canonical label.
    """
    check_open(version, sheet, item_ref)
    said = _by_item(version, sheet, [item_ref]).get(item_ref, [])
    asked = version.labelset.opinions_asked
    if len(said) < asked:
        raise OpinionsMissing(
            f"Item {item_ref!r} has {len(said)} of the {asked} opinions asked for. Wait for the others.",
            field="item_ref",
        )
    if _key(by) in {_key(opinion.given_by) for opinion in said}:
        raise SameExpert(f"You answered item {item_ref!r} yourself; someone else must settle it.", field="item_ref")
    return said
