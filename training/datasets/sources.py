"""What the rows of a version derive from, and reading the tags of that again before anything leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet

from governance.models import Derivation, DerivationParent
from labeling.models import CanonicalLabel, QAPair, TrainingSheet
from training.datasets.models import DatasetVersion
from workbench.catalogs.services import read_again
from workbench.models import CatalogObject
from workbench.sheets.selectors import published_sources

if TYPE_CHECKING:
    from governance.models import User

CATALOG_OBJECT = "workbench.catalogobject"


def read_tags(version: DatasetVersion, *, by: User | None) -> None:
    """Let tags that appeared meanwhile bind; the status of `version` is then what they have made of it.

    To be called outside a transaction that a refusal would undo.

    :raises TagsUnknown: a catalog cannot be read.
    """
    objects = _sources_of(derivations_under(version))
    if version.frozen_at is None and version.label_sheet is not None:
        objects |= published_sources(version.label_sheet)
    read_again(objects, by=by)
    version.refresh_from_db(fields=["status", "status_reason"])


def read_tags_under(sheet: TrainingSheet, *, by: User | None) -> None:
    """The same for a Training Sheet, of which a version is about to be made."""
    read_again(_sources_of(Derivation.objects.filter(pk__in=sheet.pairs.order_by().values("derivation"))), by=by)


def _sources_of(derivations: QuerySet[Derivation]) -> QuerySet[CatalogObject]:
    used = DerivationParent.objects.filter(kind=CATALOG_OBJECT, derivation__in=derivations)
    return CatalogObject.objects.filter(pk__in=used.order_by().values("object_id").distinct())


def derivations_under(version: DatasetVersion) -> QuerySet[Derivation]:
    """Of a frozen version those of its members, of a draft those of all that it may choose from."""
    used: set[Any] = {version.prompt_derivation_id}
    for rows, name in _rows(version):
        used |= set(rows.order_by().values_list(name, flat=True).distinct())
    return Derivation.objects.filter(pk__in=used - {None})


def _rows(version: DatasetVersion) -> list[tuple[QuerySet[Any], str]]:
    if version.frozen_at is not None:
        return [(version.members.all(), "pair__derivation"), (version.members.all(), "label__derivation")]
    labels = CanonicalLabel.objects.filter(sheet=version.label_sheet, label_type=version.label_type)
    return [
        (QAPair.objects.filter(training_sheet__in=version.training_sheets.all()), "derivation"),
        (labels if version.label_sheet_id else labels.none(), "derivation"),
    ]
