"""Reading canonical labels: for a set of items, how far a Sheet is covered, and what no longer fits."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet

from labeling.labels.models import CanonicalLabel
from labeling.labelsets.models import Labelset, LabelsetVersion, LabelType
from labeling.labelsets.selectors import bindings_of
from labeling.schemas.errors import Fault
from labeling.schemas.validation import find_faults
from workbench.models import Sheet, SheetVersion


def labels_for(sheet: Sheet, label_type: LabelType | str, refs: Collection[str]) -> dict[str, CanonicalLabel]:
    """The labels in force on these items, in one query, each with its content and derivation."""
    rows = in_force().filter(sheet=sheet, label_type=label_type, item_ref__in=list(refs))
    return {label.item_ref: label for label in rows.select_related("content", "derivation", "labelset_version")}


def in_force() -> QuerySet[CanonicalLabel]:
    """Labels that were not retired."""
    return CanonicalLabel.objects.filter(retired_at__isnull=True)


@dataclass(frozen=True)
class Coverage:
    """How many items of a Sheet have a label of one type; `total` is None before its first publication."""

    label_type: str
    labelset: Labelset | None
    labeled: int
    without_labelset: int
    total: int | None

    @property
    def open(self) -> int:
        """Items without a label, as far as is known."""
        return max((self.total or 0) - self.labeled, 0)


def coverage(sheet: Sheet) -> list[Coverage]:
    """One row for each label type that is bound to the Sheet or has labels on it."""
    bound = {binding.label_type_id: binding.labelset for binding in bindings_of(sheet)}
    total = (
        sheet.versions.filter(status=SheetVersion.Status.PUBLISHED)
        .order_by("-number")
        .values_list("item_count", flat=True)
        .first()
    )
    counted = {
        row["label_type"]: row
        for row in in_force()
        .filter(sheet=sheet)
        .order_by()
        .values("label_type")
        .annotate(labeled=Count("pk"), loose=Count("pk", filter=Q(labelset__isnull=True)))
    }
    return [
        Coverage(
            label_type=slug,
            labelset=bound.get(slug),
            labeled=counted[slug]["labeled"] if slug in counted else 0,
            without_labelset=counted[slug]["loose"] if slug in counted else 0,
            total=total,
        )
        for slug in sorted({*bound, *counted})
    ]


@dataclass(frozen=True)
class Misfit:
    """A label whose answer does not fit a labelset version, and where."""

    label: CanonicalLabel
    faults: list[Fault]


def misfits(labelset_version: LabelsetVersion, labels: QuerySet[CanonicalLabel]) -> Iterator[Misfit]:
    """Those of `labels` whose answers do not fit this version's schema; they stay valid as they are."""
    for label in labels.select_related("content", "sheet").iterator(chunk_size=500):
        if faults := find_faults(label.data, labelset_version.response_schema):
            yield Misfit(label, faults)


def misfit_refs(sheet: Sheet, version: LabelsetVersion, most: int = 5_000) -> list[str]:
    """Items whose label does not fit this version's schema, in order; the newest `most` labels are looked at.

    Those that were made under it fit.
    """
    rows = in_force().filter(sheet=sheet, label_type=version.labelset.label_type_id)
    older = rows.exclude(labelset_version=version).order_by("-labeled_at", "pk")[:most]
    return sorted(label.item_ref for label in older.select_related("content") if is_misfit(label, version))


def is_misfit(label: CanonicalLabel, version: LabelsetVersion) -> bool:
    """Whether a label in force does not fit this version's schema; what was erased cannot be asked."""
    if label.labelset_version_id == version.pk or label.content.erased_at is not None:
        return False
    return bool(find_faults(label.data, version.response_schema, limit=1))


def labels_of_older_versions(labelset_version: LabelsetVersion) -> QuerySet[CanonicalLabel]:
    """Labels of the same labelset that were made under another version of it."""
    return in_force().filter(labelset=labelset_version.labelset).exclude(labelset_version=labelset_version)
