"""Recall: what one row, label, tag or constraint change reached, down to the models that learned from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.apps import apps
from django.db.models import Count, Q, QuerySet

from governance.admin_base import row_url
from governance.compliance.filters import constrained_models
from governance.errors import InvalidInput
from governance.models import ConstrainedModel, DerivationParent
from labeling.models import CanonicalLabel, QAPair, TrainingSheet
from training.models import DatasetMember, DatasetVersion, Evaluation, Export, LineagePair, ModelVersion

if TYPE_CHECKING:
    from governance.models import User

SHOWN_AT_MOST = 100


@dataclass(frozen=True)
class Reached:
    """One asset that holds rows made from the subject, and how many; `rows` is None where that is not counted."""

    label: str
    url: str
    rows: int | None = None
    state: str = ""


@dataclass(frozen=True)
class Group:
    """Assets of one kind; `more` says that there are others than those listed."""

    title: str
    assets: list[Reached]
    more: bool = False


@dataclass(frozen=True)
class Recall:
    """Everything that someone may see of what the subject reached."""

    subject: ConstrainedModel
    labels: int
    pairs: int
    groups: list[Group] = field(default_factory=list)

    @property
    def kind(self) -> str:
        return self.subject._meta.label_lower

    def rows(self) -> Iterator[tuple[str, str, int | None, str]]:
        """As a table: kind, name, rows, state."""
        yield "canonical labels", "", self.labels, ""
        yield "pairs", "", self.pairs, ""
        for group in self.groups:
            for asset in group.assets:
                yield group.title.lower(), asset.label, asset.rows, asset.state


SHEETS, DATASETS, EXPORTS, MODELS, EVALUATIONS = (
    "Training Sheets", "Datasets", "Exports", "Model versions", "Evaluations",
)  # fmt: skip


def subject_of(kind: str, key: str | UUID, user: User) -> ConstrainedModel:
    """The row to recall.

    :raises InvalidInput: no such kind, no id, or no such row that `user` may see.
    """
    known = {model._meta.label_lower: model for model in constrained_models()}
    if kind not in known:
        raise InvalidInput(f"{kind!r} cannot be recalled; expected one of: {', '.join(known)}.", field="kind")
    try:
        pk = key if isinstance(key, UUID) else UUID(key)
    except ValueError as error:
        raise InvalidInput(f"{key!r} is no id of a row; expected a UUID.", field="object_id") from error
    manager: Any = apps.get_model(kind)._default_manager
    row = manager.visible_to(user).filter(pk=pk).first()
    if row is None:
        word = known[kind]._meta.verbose_name
        raise InvalidInput(f"There is no such {word}, or you may not see it.", field="object_id")
    found: ConstrainedModel = row
    return found


def recall(subject: ConstrainedModel, user: User) -> Recall:
    """What was made from `subject`, by a fixed number of queries however much that is."""
    below = _Below(subject)
    in_datasets = _counts(DatasetMember, below.pairs("pair__"), "version")
    in_datasets += _counts(DatasetMember, below.label_members(), "version")
    held = _counts(QAPair, below.pairs(), "training_sheet")
    learned = _counts(LineagePair, below.pairs("pair__"), "lineage__model_version")
    versions = list(in_datasets)
    datasets = _visible(DatasetVersion, user).filter(pk__in=versions).select_related("dataset")
    return Recall(
        subject=subject,
        labels=_visible(CanonicalLabel, user).filter(below.labels()).count(),
        pairs=_visible(QAPair, user).filter(below.pairs()).count(),
        groups=[
            _group(SHEETS, _visible(TrainingSheet, user).filter(pk__in=list(held)), held),
            _group(DATASETS, datasets, in_datasets),
            _group(EXPORTS, _visible(Export, user).filter(version__in=versions)),
            _group(MODELS, _visible(ModelVersion, user).filter(pk__in=list(learned)).select_related("model"), learned),
            _group(
                EVALUATIONS,
                _visible(Evaluation, user)
                .filter(dataset_version__in=versions)
                .select_related("dataset_version__dataset", "model_version__model"),
            ),
        ],
    )  # fmt: skip


class _Below:
    """Conditions for the labels and pairs that were made from a row, or that are it; `path` leads to them."""

    def __init__(self, subject: ConstrainedModel) -> None:
        self.subject = subject
        parents = DerivationParent.objects.filter(kind=subject._meta.label_lower, object_id=subject.pk)
        # As values: a database that joins a million rows with a subquery instead may choose a bad plan.
        self.derivations = list(parents.values_list("derivation", flat=True))

    def labels(self, path: str = "") -> Q:
        if isinstance(self.subject, CanonicalLabel):
            return Q(**{f"{path}pk": self.subject.pk})
        return Q(**{f"{path}derivation__in": self.derivations})

    def label_members(self) -> Q:
        """Members of datasets that stand for a label: such labels, or shown by a prompt made from it."""
        shown = Q(label__isnull=False, version__prompt_derivation__in=self.derivations)
        return Q(label__isnull=False) & self.labels("label__") | shown

    def pairs(self, path: str = "") -> Q:
        if isinstance(self.subject, QAPair):
            return Q(**{f"{path}pk": self.subject.pk})
        if isinstance(self.subject, CanonicalLabel):
            return Q(**{f"{path}canonical_label": self.subject.pk})
        # A pair that reuses a label is bound by what the label derives from, too.
        return Q(**{f"{path}derivation__in": self.derivations}) | Q(
            **{f"{path}canonical_label__derivation__in": self.derivations}
        )


def _visible(model: Any, user: User) -> QuerySet[Any]:
    return model._default_manager.visible_to(user)  # type: ignore[no-any-return]


def _counts(model: Any, where: Q, path: str) -> Counter[Any]:
    """Rows that meet `where`, by what `path` leads to."""
    rows = model._default_manager.filter(where).order_by().values_list(path).annotate(count=Count("pk"))
    return Counter(dict(rows))


def _group(title: str, assets: QuerySet[Any], counts: Mapping[Any, int] | None = None) -> Group:
    rows = list(assets[: SHOWN_AT_MOST + 1])
    listed = [
        Reached(
            label=str(row),
            url=row_url(row),
            rows=counts[row.pk] if counts is not None else None,
            state=str(row.get_status_display()) if hasattr(row, "get_status_display") else "",
        )
        for row in rows[:SHOWN_AT_MOST]
    ]
    return Group(title, listed, more=len(rows) > SHOWN_AT_MOST)
