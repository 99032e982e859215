"""Reading labelsets: which version answers now, and what its experts see."""

from __future__ import annotations

from labeling.labelsets.errors import NothingPublished
from labeling.labelsets.models import Labelset, LabelsetBinding, LabelsetVersion, LabelType
from workbench.models import Sheet, SheetVersion


def published_version(labelset: Labelset) -> LabelsetVersion:
    """The newest published version.

    :raises NothingPublished: there is none.
    """
    version = labelset.versions.filter(status=LabelsetVersion.Status.PUBLISHED).order_by("-number").first()
    if version is None:
        raise NothingPublished(f"Labelset “{labelset}” has no published version. Publish one first.", field="labelset")
    return version


def draft_of(labelset: Labelset) -> LabelsetVersion | None:
    return labelset.versions.filter(status=LabelsetVersion.Status.DRAFT).first()


def labelset_for(sheet: Sheet, label_type: LabelType | str) -> LabelsetVersion | None:
    """The published version of the labelset that is bound to `sheet` for this label type."""
    slug = label_type if isinstance(label_type, str) else label_type.pk
    return (
        LabelsetVersion.objects.filter(
            labelset__bindings__sheet=sheet,
            labelset__bindings__label_type=slug,
            status=LabelsetVersion.Status.PUBLISHED,
        )
        .select_related("labelset")
        .order_by("-number")
        .first()
    )


def bindings_of(sheet: Sheet) -> list[LabelsetBinding]:
    return list(sheet.labelset_bindings.select_related("labelset", "label_type").order_by("label_type"))


def columns_seen(version: LabelsetVersion | None, sheet_version: SheetVersion) -> list[str]:
    """The columns of `sheet_version` that experts see while they label; all where the labelset names none."""
    names = sheet_version.column_names
    if version is None or not version.seen_columns:
        return names
    wanted = set(version.seen_columns)
    return [name for name in names if name in wanted]


def labelset_words(pk: str) -> str:
    """What to call the labelset version with this id."""
    return f"labelset {LabelsetVersion.objects.select_related('labelset').get(pk=pk)}"
