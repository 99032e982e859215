"""Recall: what one row, label, tag or constraint change reached, down to the models that learned from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db.models import Count, Model, Q, QuerySet
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime

from governance import derivations, records
from governance.compliance.filters import constrained_models
from governance.derivations import Key
from governance.errors import InvalidInput
from governance.models import ConstrainedModel, ConstraintChange, DerivationParent, TagRule
from governance.portal.rows import row_url
from governance.rules import tag_rules
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
class Subject:
    """What is recalled: a row with a constraint, a tag, or a change; `keys` are the rows that it stands for."""

    kind: str
    pk: UUID
    words: str
    keys: list[Key]
    url: str
    row: ConstrainedModel | None = None


@dataclass(frozen=True)
class Recall:
    """Everything that someone may see of what the subject reached."""

    subject: Subject
    labels: int
    pairs: int
    groups: list[Group] = field(default_factory=list)

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
TAG, CHANGE = TagRule._meta.label_lower, ConstraintChange._meta.label_lower


def subject_of(kind: str, key: str | UUID, user: User) -> Subject:
    """What to recall, by its kind and id: a row with a constraint, a tag's rule, or a change of either.

    :raises InvalidInput: no such kind, no id, or nothing of it that `user` may see.
    """
    models: list[type[Model]] = [*constrained_models(), TagRule, ConstraintChange]
    known = {model._meta.label_lower: model for model in models}
    if kind not in known:
        raise InvalidInput(f"{kind!r} cannot be recalled; expected one of: {', '.join(known)}.", field="kind")
    try:
        pk = key if isinstance(key, UUID) else UUID(key)
    except ValueError as error:
        raise InvalidInput(f"{key!r} is no id of a row; expected a UUID.", field="object_id") from error
    visible = records.changes_visible_to(user) if kind == CHANGE else _visible(known[kind], user)
    if (row := visible.filter(pk=pk).first()) is None:
        word = known[kind]._meta.verbose_name
        raise InvalidInput(f"There is no such {word}, or you may not see it.", field="object_id")
    return of_row(row)


def of_row(row: Any) -> Subject:
    """A row with a constraint, a tag's rule or a change, as what is recalled."""
    kind = row._meta.label_lower
    if kind == TAG:
        return Subject(kind, row.pk, f"tag {row}", tag_rules.keys_carrying(row.tag), row_url(row))
    if kind == CHANGE:
        words = f"change of {row.subject_label}, {date_format(localtime(row.changed_at), 'DATETIME_FORMAT')}"
        return Subject(kind, row.pk, words, _keys_changed(row), row_url(row))
    url = reverse("governance:why", args=[kind, row.pk])
    return Subject(kind, row.pk, f"{row.kind_word} {row}", [derivations.key_of(row)], url, row)


def _keys_changed(change: ConstraintChange) -> list[Key]:
    """The rows whose constraint it changed: of a tag's rule, those that carry the tag now."""
    if change.kind != TAG:
        return [(change.kind, change.object_id)]
    rule = TagRule.objects.filter(pk=change.object_id).first()
    return tag_rules.keys_carrying(rule.tag) if rule else []


def recall(subject: Subject, user: User) -> Recall:
    """What was made from `subject`, by a fixed number of queries however much that is."""
    below = _Below(subject.keys)
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
    """Conditions for the labels and pairs that were made from some rows, or that are them; `path` leads to them."""

    def __init__(self, keys: Sequence[Key]) -> None:
        self.ids: dict[str, list[UUID]] = {}
        for kind, pk in keys:
            self.ids.setdefault(kind, []).append(pk)
        made_from = Q(pk__in=[])
        for kind, ids in self.ids.items():
            made_from |= Q(kind=kind, object_id__in=ids)
        parents = DerivationParent.objects.filter(made_from)
        # As values: a database that joins a million rows with a subquery instead may choose a bad plan.
        self.derivations = list(parents.values_list("derivation", flat=True).distinct())

    def _are(self, model: type[ConstrainedModel]) -> list[UUID]:
        return self.ids.get(model._meta.label_lower, [])

    def labels(self, path: str = "") -> Q:
        return Q(**{f"{path}derivation__in": self.derivations}) | Q(**{f"{path}pk__in": self._are(CanonicalLabel)})

    def label_members(self) -> Q:
        """Members of datasets that stand for a label: such labels, or shown by a prompt made from it."""
        shown = Q(label__isnull=False, version__prompt_derivation__in=self.derivations)
        return Q(label__isnull=False) & self.labels("label__") | shown

    def pairs(self, path: str = "") -> Q:
        """A pair that reuses a label is bound by the label, and by what the label derives from."""
        return (
            Q(**{f"{path}derivation__in": self.derivations})
            | Q(**{f"{path}canonical_label__derivation__in": self.derivations})
            | Q(**{f"{path}canonical_label__in": self._are(CanonicalLabel)})
            | Q(**{f"{path}pk__in": self._are(QAPair)})
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
