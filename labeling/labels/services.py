"""Every write to canonical labels. All of them end in `record_labels`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone

from governance import access, constraints, context, derivations
from governance.constraints import Terms
from governance.errors import InvalidInput, ReasonRequired, StaleVersion
from governance.lifting import JOINED
from governance.models import Derivation, User
from labeling.annotating import drafts
from labeling.annotating.placing import refuse_outside_source
from labeling.labels import selectors
from labeling.labels.entries import Entry
from labeling.labels.errors import ItemGone, LabelTypeMismatch, NoLabelset, OpinionsAsked
from labeling.labels.models import CanonicalLabel
from labeling.labels.recording import BATCH, Recorder, keep_versions
from labeling.labelsets.models import LabelsetVersion, LabelType
from labeling.labelsets.selectors import columns_seen, labelset_for
from labeling.schemas.canonical import refuse_non_json
from labeling.schemas.validation import fits, validate_answer
from workbench.models import Sheet, SheetVersion
from workbench.sheets import selectors as sheets


def record_label(
    *,
    sheet: Sheet,
    item_ref: str,
    label_type: LabelType,
    labelset_version: LabelsetVersion | None,
    data: Any,
    by: User,
    derivation: Derivation,
    seen_digest: str,
    confidence: str = CanonicalLabel.Confidence.HIGH,
    notes: str = "",
    terms: Terms | None = None,
) -> CanonicalLabel:
    """The one canonical label of an item and label type: created, or a new version of it.

    :raises SchemaViolation: the answer does not fit the labelset's schema; says where.
    """
    entry = Entry(
        item_ref=item_ref,
        data=data,
        derivation=derivation,
        seen_digest=seen_digest,
        confidence=confidence,
        notes=notes,
        terms=terms,
    )
    saved = record_labels(sheet=sheet, label_type=label_type, labelset_version=labelset_version, entries=[entry], by=by)
    return saved[item_ref]


@transaction.atomic
def record_labels(
    *,
    sheet: Sheet,
    label_type: LabelType,
    labelset_version: LabelsetVersion | None,
    entries: Sequence[Entry],
    by: User,
) -> dict[str, CanonicalLabel]:
    """Many labels at once, by item. All are saved, or none.

    A label that exists gets a new version where its answer changed, and never becomes looser.

    :raises SchemaViolation: an answer does not fit the labelset's schema; says where.
    :raises LabelTypeMismatch: the labelset answers for another label type.
    """
    access.require(by, "labeling.add_canonicallabel", sheet)
    access.require(by, "labeling.change_canonicallabel", sheet)
    _check_type(labelset_version, label_type)
    for entry in entries:
        _check_entry(entry, labelset_version)
    recorder = Recorder(sheet, label_type, labelset_version, by)
    saved: dict[str, CanonicalLabel] = {}
    for start in range(0, len(entries), BATCH):
        saved |= recorder.write(entries[start : start + BATCH])
    return saved


def _check_type(labelset_version: LabelsetVersion | None, label_type: LabelType) -> None:
    if labelset_version is not None and labelset_version.labelset.label_type_id != label_type.pk:
        raise LabelTypeMismatch(
            f"{labelset_version} answers for {labelset_version.labelset.label_type_id}, and the label is for "
            f"{label_type}. Choose a labelset of that label type.",
            field="labelset_version",
        )


def _check_entry(entry: Entry, labelset_version: LabelsetVersion | None) -> None:
    if entry.confidence not in CanonicalLabel.Confidence.values:
        raise InvalidInput(
            f"{entry.confidence!r} is no confidence; expected one of: {', '.join(CanonicalLabel.Confidence.values)}.",
            field="confidence",
        )
    if entry.terms is not None and entry.terms.prohibited_uses and not entry.terms.usage_reason:
        raise ReasonRequired("Say why uses are prohibited; it goes on record.", field="usage_reason")
    refuse_non_json(entry.data)
    if labelset_version is not None:
        validate_answer(entry.data, labelset_version.response_schema)


def labelset_on(sheet: Sheet, label_type: LabelType) -> LabelsetVersion:
    """:raises NoLabelset: none is bound and published."""
    version = labelset_for(sheet, label_type)
    if version is None:
        raise NoLabelset(
            f"No published labelset answers for {label_type} on Sheet “{sheet}”. Bind one to it first.",
            field="label_type",
        )
    return version


def derivation_for(
    sheet_version: SheetVersion, labelset_version: LabelsetVersion, columns: Sequence[str] | None
) -> Derivation:
    """What labels made by looking at these columns derive from (None: at all columns)."""
    return derivations.derivation_of(
        [*sheets.parents_for(sheet_version, columns), labelset_version.labelset],
        scope={
            "sheet_version": str(sheet_version.pk),
            "labelset_version": str(labelset_version.pk),
            "columns": sorted(columns) if columns is not None else "all",
        },
    )


@transaction.atomic
def save_from_tool(
    *,
    sheet: Sheet,
    item_ref: str,
    label_type: LabelType,
    data: Any,
    by: User,
    confidence: str = CanonicalLabel.Confidence.HIGH,
    notes: str = "",
    terms: Terms | None = None,
    seen_version: int | None = None,
) -> CanonicalLabel:
    """Label one source item directly. `seen_version` is that of the label on the screen (0: there was none).

    :raises ItemGone: the Sheet has no such item.
    :raises StaleVersion: someone else labelled it meanwhile.
    :raises OpinionsAsked: the item has no label yet, and its labelset asks several experts.
    :raises MarkOutside: a box, polygon or span does not lie in the item's picture or text.
    :raises LooserThanNow: `terms` permit more than the label does now.
    """
    labelset_version = labelset_on(sheet, label_type)
    sheet_version = sheets.published_version(sheet)
    row = sheets.items_by_ref(sheet_version, [item_ref]).get(item_ref)
    if row is None:
        raise ItemGone(f"Sheet “{sheet}” has no item {item_ref!r}; it may have vanished.", field="item_ref")
    existing = _locked(sheet, label_type, item_ref)
    _check_seen(existing, seen_version)
    if existing is None:
        _check_one_is_enough(labelset_version)
    refuse_own_items(labelset_version, sheet, [item_ref], by)
    columns = columns_seen(labelset_version, sheet_version)
    label = record_label(
        sheet=sheet,
        item_ref=item_ref,
        label_type=label_type,
        labelset_version=labelset_version,
        data=data,
        by=by,
        derivation=derivation_for(sheet_version, labelset_version, columns),
        seen_digest=sheets.digest_of(row, columns),
        confidence=confidence,
        notes=notes,
        terms=terms if existing is None else None,
    )
    refuse_outside_source(data, version=sheet_version, labelset=labelset_version, row=row)
    if existing is not None and terms is not None and terms.constraint != label.own_constraint:
        constraints.tighten(row=label, terms=terms, by=by)
        label.refresh_from_db()
    drafts.discard(sheet=sheet, label_type=label_type, item_ref=item_ref, by=by)
    return label


def _locked(sheet: Sheet, label_type: LabelType, item_ref: str) -> CanonicalLabel | None:
    return (
        CanonicalLabel.objects.select_for_update().filter(sheet=sheet, label_type=label_type, item_ref=item_ref).first()
    )


def _check_seen(existing: CanonicalLabel | None, seen_version: int | None) -> None:
    current = existing.version if existing is not None and existing.retired_at is None else 0
    if seen_version is not None and seen_version != current:
        who = f"{existing.last_modified_by} saved version {current}" if existing else "it is gone"
        raise StaleVersion(
            f"The label changed while you worked on it: {who}. Look at it again before saving.",
            details={"seen": seen_version, "current": current},
        )


def _check_one_is_enough(version: LabelsetVersion) -> None:
    asked = version.labelset.opinions_asked
    if asked > 1:
        raise OpinionsAsked(
            f"“{version.labelset}” asks {asked} experts for each item, so that one alone does not label it. "
            "Give your opinion under “Several experts”, or have one opinion asked for."
        )


def refuse_own_items(version: LabelsetVersion, sheet: Sheet, refs: Sequence[str], by: User) -> None:
    """:raises OpinionsAsked: `by` is one of several experts on one of these items, so that others say what holds."""
    said = version.labelset.opinions.filter(sheet=sheet).of_person(by).values_list("item_ref", flat=True)
    own = sorted(set(said).intersection(refs))
    if own:
        raise OpinionsAsked(
            f"You answered item {own[0]!r} as one of several experts: someone else settles it and changes its label.",
            field="item_ref",
        )


@transaction.atomic
def bring_under_labelset(
    *, labelset_version: LabelsetVersion, sheet: Sheet, by: User
) -> tuple[int, list[selectors.Misfit]]:
    """Bring the labels of this type on `sheet` under a labelset version: those whose answers fit it.

    Returns how many came under it, and the misfits, which stay as they are.
    """
    access.require(by, "labeling.change_canonicallabel", sheet)
    access.require(by, "labeling.view_labelset", labelset_version.labelset)
    labels = (
        CanonicalLabel.objects.filter(
            sheet=sheet, label_type=labelset_version.labelset.label_type_id, retired_at__isnull=True
        )
        .exclude(labelset_version=labelset_version)
        .order_by("pk")
    )
    misfits = list(selectors.misfits(labelset_version, labels))
    left_out = {misfit.label.pk for misfit in misfits}
    fitting = [
        label
        for label in labels.select_for_update(of=("self",)).select_related("derivation", "content")
        if label.pk not in left_out and fits(label.data, labelset_version.response_schema)
    ]
    _bring(fitting, labelset_version, by)
    return len(fitting), misfits


def _bring(labels: list[CanonicalLabel], version: LabelsetVersion, by: User) -> None:
    under: dict[object, Derivation] = {}
    now = timezone.now()
    for label in labels:
        if label.derivation_id not in under:
            under[label.derivation_id] = _with_parent(label.derivation, version)
        label.derivation = under[label.derivation_id]
        label.labelset, label.labelset_version = version.labelset, version
        label.last_modified_by, label.last_modified_at = by, now
    fields = ["derivation", "labelset", "labelset_version", "last_modified_by", "last_modified_at"]
    CanonicalLabel.objects.bulk_update(labels, fields, batch_size=BATCH)
    with context.because(f"brought under {version}", by=by):
        keep_versions(labels)


def _with_parent(derivation: Derivation, version: LabelsetVersion) -> Derivation:
    parents = [*derivations.origins_of(derivation), version.labelset]
    scope = {**derivation.scope, "labelset_version": str(version.pk), JOINED: True}
    return derivations.derivation_of(parents, scope=scope)


@transaction.atomic
def retire_label(*, label: CanonicalLabel, by: User, reason: str) -> CanonicalLabel:
    """Take a label out of use: it is no longer reused or shown as ground truth. It stays on record.

    :raises ReasonRequired: no reason was given.
    :raises NotPermitted: `by` neither gave the answer nor may change the Sheet.
    """
    if not reason.strip():
        raise ReasonRequired("Say why the label is retired; it goes on record.", field="reason")
    label = CanonicalLabel.objects.select_for_update().get(pk=label.pk)
    own = label.labeled_by_id == by.pk
    access.require(by, "labeling.change_canonicallabel", label.sheet, action="view" if own else "change")
    if label.retired_at is not None:
        raise InvalidInput(f"“{label}” was retired on {label.retired_at:%Y-%m-%d}.", field="retired_at")
    label.retired_at = label.last_modified_at = timezone.now()
    label.last_modified_by = by
    with context.because(reason, by=by):
        label.save(update_fields=["retired_at", "last_modified_at", "last_modified_by"])
    return label


def refs_without_item(sheet_version: SheetVersion, refs: Iterable[str]) -> list[str]:
    """Those of `refs` that are no items of the Sheet (any more)."""
    wanted = list(refs)
    found = sheets.items_by_ref(sheet_version, wanted)
    return [ref for ref in wanted if ref not in found]
