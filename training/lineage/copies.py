"""What an erasure of content does not reach: frozen datasets that held it, files of theirs, models that learned it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from django.db.models import Count, Q

from governance.portal.rows import row_url
from governance.record import emptying
from governance.record.emptying import Holder
from labeling.models import Content
from training.models import (
    DatasetMember,
    DatasetVersion,
    Evaluation,
    Export,
    LineagePair,
    ModelTrainingLineage,
    ModelVersion,
)

if TYPE_CHECKING:
    from governance.models import User

NAMED_AT_MOST = 100  # of each kind


def copies_of(kind: str, digests: Sequence[str], user: User) -> list[Holder]:
    """Registered with `emptying.register_recall`: what `user` may see of it, with how many examples each held."""
    if kind != Content._meta.label_lower:
        return []
    in_versions = _counted(DatasetMember, digests, "version", _in_member)
    learned = _counted(LineagePair, digests, "lineage__model_version", _in_pair)
    trained = ModelTrainingLineage.objects.filter(dataset_version__in=list(in_versions))
    for model_version, version in trained.values_list("model_version", "dataset_version"):
        learned[model_version] = max(learned.get(model_version, 0), in_versions[version])
    return [
        *_named(DatasetVersion.objects.select_related("dataset"), user, in_versions, "pk"),
        *_named(Export.objects.select_related("version__dataset"), user, in_versions, "version_id"),
        *_named(ModelVersion.objects.select_related("model"), user, learned, "pk"),
        *_named(
            Evaluation.objects.select_related("dataset_version__dataset", "model_version__model", "endpoint"),
            user, in_versions, "dataset_version_id",
        ),
    ]  # fmt: skip


def _in_member(digests: Sequence[str]) -> Q:
    return Q(prompt__in=digests) | Q(answer__in=digests)


def _in_pair(digests: Sequence[str]) -> Q:
    return Q(pair__prompt__in=digests) | Q(pair__answer__in=digests)


def _counted(model: Any, digests: Sequence[str], path: str, where: Callable[[Sequence[str]], Q]) -> dict[Any, int]:
    """How many rows of `model` held some of these values, by what `path` leads to."""
    found: dict[Any, int] = {}
    for some in emptying.parts(digests):
        rows = model.objects.filter(where(some)).order_by().values_list(path).annotate(count=Count("pk"))
        for key, count in rows:
            found[key] = found.get(key, 0) + count
    return found


def _named(rows: Any, user: User, counts: dict[Any, int], column: str) -> list[Holder]:
    """Those assets that `user` may see; beyond a hundred the last one says how many more there are."""
    seen = rows.visible_to(user).filter(**{f"{column}__in": list(counts)})
    kind = rows.model._meta.label_lower
    named = [
        Holder(kind=kind, label=str(row), rows=counts[getattr(row, column)], url=row_url(row))
        for row in seen[:NAMED_AT_MOST]
    ]
    more = seen.count() - len(named) if len(named) == NAMED_AT_MOST else 0
    if more:
        words = rows.model._meta.verbose_name_plural
        named.append(Holder(kind=kind, label=f"and {more:,} more {words}", rows=0))
    return named
