"""Labels in and out: one service for every door and format."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from governance import access, handing_out, jobs, uploads
from governance.errors import InvalidInput
from governance.exits import exit_for
from governance.models import HandOut, Job, PermittedQuerySet, User
from governance.uses import BITS, Classification, Use, combine
from labeling.interchange.formats import FORMATS, format_for
from labeling.interchange.pictures import Pictures
from labeling.interchange.port import LEAVES_OUT, Format, Outgoing, Tally, in_batches
from labeling.interchange.reading import BATCH, Plan, Reader, Ready
from labeling.interchange.shapes import Shape
from labeling.labels import services as labels
from labeling.labels.entries import Entry
from labeling.labels.errors import ImportRefused
from labeling.labels.models import CanonicalLabel
from labeling.labelsets.models import LabelsetVersion, LabelType
from labeling.labelsets.selectors import labelset_for
from workbench.models import Sheet
from workbench.sheets import selectors as sheets

KIND = "labeling.import"
AT_ONCE = 1_000  # labels that are saved while somebody waits; more become a job
SHOWN = 20
COUNTED = 5_000  # labels that are looked at to say beforehand what a format leaves out
NOTHING_SAVED = "Nothing was saved."


@dataclass(frozen=True)
class Imported:
    """What an import did: its plan, how many labels were saved, and the job that saves them where they are many."""

    plan: Plan
    saved: int = 0
    job: Job | None = None


# -- in ---------------------------------------------------------------------------------------------------------


def plan_import(
    *,
    sheet: Sheet,
    label_type: LabelType,
    format: str,
    content: bytes,
    by: User,
    pause: Callable[[], None] = lambda: None,
) -> Plan:
    """What importing this file would do; writes nothing.

    :raises InvalidInput: the file as a whole cannot be read; says why.
    """
    access.require(by, "labeling.add_canonicallabel", sheet)
    access.require(by, "labeling.change_canonicallabel", sheet)
    labelset_version = labels.labelset_on(sheet, label_type)
    reader = Reader(sheets.published_version(sheet), labelset_version, pause)
    return reader.read(format_for(format, reader.shape), content)


def import_labels(
    *,
    sheet: Sheet,
    label_type: LabelType,
    content: bytes,
    by: User,
    format: str = "jsonl",
    all_or_nothing: bool = False,
) -> Imported:
    """Save what fits as labels and say what does not; many labels are saved by a job.

    The same file again changes nothing. What the experts saw is unknown: all columns bind.

    :raises ImportRefused: no entry can be used, or one cannot and it was to be all or nothing.
    """
    plan = plan_import(sheet=sheet, label_type=label_type, format=format, content=content, by=by)
    is_useless = not plan.entries and not plan.same
    if plan.refused and (all_or_nothing or is_useless):
        raise _refused(plan)
    if len(plan.entries) > AT_ONCE:
        payload = {"sheet": str(sheet.pk), "label_type": label_type.pk, "format": format, "file": uploads.keep(content)}
        return Imported(plan, job=jobs.enqueue(KIND, subject=sheet, by=by, payload=payload))
    save(sheet=sheet, label_type=label_type, entries=plan.entries, by=by)
    return Imported(plan, saved=len(plan.entries))


@transaction.atomic
def save(*, sheet: Sheet, label_type: LabelType, entries: Sequence[Ready], by: User) -> None:
    """Entries of a plan as labels: all of them, or none."""
    labelset_version = labels.labelset_on(sheet, label_type)
    derivation = labels.derivation_for(sheets.published_version(sheet), labelset_version, None)
    labels.refuse_own_items(labelset_version, sheet, [ready.item_ref for ready in entries], by)
    labels.record_labels(
        sheet=sheet,
        label_type=label_type,
        labelset_version=labelset_version,
        entries=[Entry(derivation=derivation, **vars(ready)) for ready in entries],
        by=by,
    )


def _refused(plan: Plan) -> ImportRefused:
    more = f"; and {plan.refused - SHOWN:,} more" if plan.refused > SHOWN else ""
    return ImportRefused(
        f"{NOTHING_SAVED} {'; '.join(str(misfit) for misfit in plan.misfits[:SHOWN])}{more}.",
        field="file",
        details=plan.as_json(),
    )


# -- out --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Export:
    """A file in the making: its pieces, how many labels permit the use, how many do not, and what is lost."""

    form: Format
    pieces: Iterator[bytes]
    count: int
    excluded: int
    tally: Tally


@dataclass(frozen=True)
class Taken:
    """A file of labels that may leave now."""

    handed: handing_out.HandedOut
    form: Format
    excluded: int
    tally: Tally


def hand_out_labels(
    *,
    sheet: Sheet,
    label_type: LabelType,
    use: Use | str,
    by: User,
    format: str = "jsonl",
) -> Taken:
    """The labels that permit `use` as a file, on record as taken; and what it could not carry.

    :raises InvalidInput: another use, or a format that has no place for these answers.
    :raises ReauthenticationRequired: `by` last proved who they are too long ago.
    """
    export = export_labels(sheet=sheet, label_type=label_type, use=use, by=by, format=format)
    handing_out.require_proof(by=by, what="Taking labels")
    handed = handing_out.hand_out_pieces(
        kind=HandOut.Kind.LABELS,
        subject=sheet,
        what=f"{label_type} of {sheet} for {Use(use).label} as {export.form.label}",
        pieces=export.pieces,
        rows=lambda: export.tally.written,
        by=by,
    )
    return Taken(handed, export.form, export.excluded, export.tally)


def export_labels(
    *,
    sheet: Sheet,
    label_type: LabelType,
    use: Use | str,
    by: User,
    format: str = "jsonl",
) -> Export:
    """The labels that permit `use` (testing or few-shot) in one format. `tally` is full once all pieces are read.

    :raises InvalidInput: another use, or a format that has no place for these answers.
    """
    rows, excluded = _permitted(sheet, label_type, use, by)
    writing = Writing.of(sheet, label_type, format, Use(use))
    return Export(writing.form, EXITS[use](rows, writing), rows.count(), excluded, writing.tally)


def _permitted(sheet: Sheet, label_type: LabelType, use: Use | str, by: User) -> tuple[PermittedQuerySet[Any], int]:
    access.require(by, "labeling.view_canonicallabel", sheet)
    if use not in EXITS:
        raise InvalidInput(f"{use!r}: labels are exported for {' or '.join(EXITS)}.", field="use")
    found = CanonicalLabel.objects.filter(sheet=sheet, label_type=label_type, retired_at__isnull=True)
    permitted = found.permitting(use)
    return permitted, found.count() - permitted.count()


@dataclass
class Writing:
    """One file being written: its format, the shape of its answers, and their pictures where it asks for them."""

    form: Format
    shape: Shape
    pictures: Pictures | None
    tally: Tally

    @classmethod
    def of(cls, sheet: Sheet, label_type: LabelType, slug: str, use: Use) -> Writing:
        labelset = labelset_for(sheet, label_type)
        shape = _shape(labelset)
        form = format_for(slug, shape)
        pictures = None
        if labelset is not None and form.needs_pictures(shape):
            pictures = Pictures(sheets.published_version(sheet), labelset)
            _check_pictures(pictures, form, use)
        return cls(form, shape, pictures, Tally())

    def pieces(self, rows: PermittedQuerySet[Any]) -> Iterator[bytes]:
        return self.form.write(self.labels(rows), self.shape, self.tally)

    def labels(self, rows: PermittedQuerySet[Any]) -> Iterator[Outgoing]:
        """The labels that the format can hold; the others are counted."""
        for label in self._outgoing(rows):
            losses = list(self.form.left_out(label, self.shape))
            if self.pictures is not None and label.size is None:
                losses = ["pictures"]
            self.tally.losses.update(losses)
            if not LEAVES_OUT & set(losses):
                yield label

    def _outgoing(self, rows: PermittedQuerySet[Any]) -> Iterator[Outgoing]:
        ordered = rows.select_related("content", "labelset_version__labelset", "derivation", "labeled_by")
        for batch in in_batches(ordered.order_by("item_ref").iterator(chunk_size=BATCH), BATCH):
            refs = [label.item_ref for label in batch]
            items = sheets.items_by_ref(self.pictures.version, refs) if self.pictures else {}
            for label in batch:
                yield _outgoing(label, self.pictures, items.get(label.item_ref, {}))


def _shape(labelset: LabelsetVersion | None) -> Shape:
    """Of the answers that the Sheet asks for now; without a labelset, an answer is one JSON value."""
    return Shape.of(labelset.response_schema if labelset is not None else {})


def _check_pictures(pictures: Pictures, form: Format, use: Use) -> None:
    """Names and sizes of pictures leave with the boxes, so what binds their column binds the file.

    :raises InvalidInput: no column of the Sheet holds pictures, or it prohibits the use.
    """
    if not pictures.columns:
        raise InvalidInput(f"{form.label} needs pictures, and experts see no file column here.", field="format")
    parents = sheets.parents_for(pictures.version, pictures.columns)
    if not combine(parent.own_constraint for parent in parents).uses_now & BITS[use]:
        raise InvalidInput(
            f"{form.label} names the pictures, and {', '.join(pictures.columns)} prohibits {use.label}. "
            "Choose JSON Lines or CSV.",
            field="format",
        )


def _outgoing(label: CanonicalLabel, pictures: Pictures | None, row: dict[str, Any]) -> Outgoing:
    constraint = label.effective_constraint
    return Outgoing(
        item_ref=label.item_ref,
        data=label.data,
        confidence=label.confidence,
        notes=label.notes,
        provenance={
            "label_type": label.label_type_id,
            "version": label.version,
            "labelset": str(label.labelset_version) if label.labelset_version else None,
            "labeled_by": label.labeled_by.display_name,
            "labeled_at": label.labeled_at.isoformat(),
            "data_classification": Classification(constraint.classification).label,
        },
        file_name=pictures.path_of(row).rpartition("/")[2] if pictures else "",
        size=pictures.size_of(row) if pictures else None,
    )


@exit_for(Use.TESTING, name="label-export-testing", description="Canonical labels as a file, to test")
def _pieces_for_testing(rows: PermittedQuerySet[Any], writing: Writing) -> Iterator[bytes]:
    return writing.pieces(rows)


@exit_for(Use.FEW_SHOT, name="label-export-few-shot", description="Canonical labels as a file, for demos")
def _pieces_for_few_shot(rows: PermittedQuerySet[Any], writing: Writing) -> Iterator[bytes]:
    return writing.pieces(rows)


EXITS = {Use.TESTING.value: _pieces_for_testing, Use.FEW_SHOT.value: _pieces_for_few_shot}


@dataclass(frozen=True)
class Beforehand:
    """One format, and what it would leave out of the labels that were looked at; `unfit` says why it has no place."""

    form: Format
    unfit: str
    losses: dict[str, int]


def losses_beforehand(
    *, sheet: Sheet, label_type: LabelType, use: Use | str, by: User
) -> tuple[list[Beforehand], int, int]:
    """What each format would leave out of the first labels that permit `use`; how many permit it, and how many not.

    Pictures are not read for this: labels without one are counted when the file is made.
    """
    rows, excluded = _permitted(sheet, label_type, use, by)
    shape = _shape(labelset_for(sheet, label_type))
    fitting = [form for form in FORMATS.values() if not form.unfit(shape)]
    tallies = {form.slug: Tally() for form in fitting}
    for label in _some(rows):
        for form in fitting:
            tallies[form.slug].losses.update(form.left_out(label, shape))
    return (
        [
            Beforehand(form, form.unfit(shape), dict(tallies[form.slug].losses) if form in fitting else {})
            for form in FORMATS.values()
        ],
        rows.count(),
        excluded,
    )


def _some(rows: PermittedQuerySet[Any]) -> Iterable[Outgoing]:
    related = rows.select_related("content", "labelset_version__labelset", "derivation", "labeled_by")
    return (_outgoing(label, None, {}) for label in related.order_by("item_ref")[:COUNTED])
