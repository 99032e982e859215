"""Evaluations side by side: scores with intervals, and whether two differ by more than chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef, QuerySet

from training.evaluations.errors import NotComparable
from training.evaluations.models import Evaluation, EvaluationAnswer
from training.metrics.comparison import McNemar, mcnemar_of_counts
from training.runs.models import ModelVersion
from training.runs.selectors import HIDDEN_MODEL

if TYPE_CHECKING:
    from governance.models import User

DIFFERENCES_SHOWN = 50
LEVEL = 0.05  # below this p-value a difference is called one


@dataclass(frozen=True)
class Pairwise:
    """How the first evaluation and another one fare on the items that both answered."""

    other: Evaluation
    shared_items: int
    test: McNemar | None

    @property
    def verdict(self) -> str:
        if self.test is None:
            return "no shared items: the scores are of different questions"
        if self.test.p_value >= LEVEL:
            return f"no difference beyond chance (p = {self.test.p_value:.3f})"
        better = "this one" if self.test.only_second > self.test.only_first else "the first"
        return f"{better} is better (p = {self.test.p_value:.3g})"

    def as_json(self) -> dict[str, Any]:
        return {
            "other": str(self.other.pk),
            "shared_items": self.shared_items,
            "mcnemar": asdict(self.test) if self.test else None,
            "verdict": self.verdict,
        }


@dataclass(frozen=True)
class Difference:
    """One item on which the compared models do not agree; answers in the order of the evaluations."""

    item_ref: str
    expected: str
    answers: list[EvaluationAnswer | None]


@dataclass(frozen=True)
class Comparison:
    """Evaluations in the order asked for; `pairwise` compares each later one with the first."""

    evaluations: list[Evaluation]
    pairwise: list[Pairwise]
    differences: list[Difference]
    same_set: bool


def seen_by(rows: QuerySet[Evaluation], user: User) -> QuerySet[Evaluation]:
    """Evaluations that `user` may see, each knowing whether they may see the model as well."""
    model = ModelVersion.objects.visible_to(user).filter(pk=OuterRef("model_version"))
    return rows.annotate(sees_model=Exists(model))


def asked(evaluation: Any) -> str:
    """Who answered, as far as the person that it was read for by `seen_by` may know."""
    if evaluation.model_version_id is None:
        return str(evaluation.endpoint)
    return str(evaluation.model_version) if evaluation.sees_model else HIDDEN_MODEL


def compare(evaluations: Sequence[Evaluation]) -> Comparison:
    """:raises NotComparable: fewer than two, or one that is not finished."""
    chosen = list(evaluations)
    if len(chosen) < 2:
        raise NotComparable("Choose two evaluations or more.", field="evaluations")
    for one in chosen:
        if one.status != Evaluation.Status.SUCCEEDED:
            raise NotComparable(
                f"“{one}” is {one.get_status_display().lower()}, so it has no scores to compare.", field="evaluations"
            )
    sets = {(one.dataset_version_id, one.split) for one in chosen}
    against_first = [_pairwise(chosen[0], other) for other in chosen[1:]]
    return Comparison(chosen, against_first, _differences(chosen), len(sets) == 1)


def _pairwise(first: Evaluation, other: Evaluation) -> Pairwise:
    mine = dict(first.answers.values_list("member", "is_correct"))
    theirs = dict(other.answers.values_list("member", "is_correct"))
    shared = mine.keys() & theirs.keys()
    if not shared:
        return Pairwise(other, 0, None)
    only_first = sum(mine[member] and not theirs[member] for member in shared)
    only_second = sum(theirs[member] and not mine[member] for member in shared)
    return Pairwise(other, len(shared), mcnemar_of_counts(only_first, only_second))


def _differences(chosen: list[Evaluation]) -> list[Difference]:
    """Items of the first evaluation's set on which right and wrong differ, by position."""
    right = [dict(one.answers.values_list("member", "is_correct")) for one in chosen]
    members = [
        member for member in right[0] if len({found[member] for found in right if member in found}) > 1
    ]
    rows = chosen[0].dataset_version.members.filter(pk__in=members).select_related("answer")
    shown = list(rows.order_by("position")[:DIFFERENCES_SHOWN])
    said = {
        (answer.evaluation_id, answer.member_id): answer
        for answer in EvaluationAnswer.objects.filter(evaluation__in=chosen, member__in=shown)
    }
    return [
        Difference(member.item_ref, str(member.answer), [said.get((one.pk, member.pk)) for one in chosen])
        for member in shown
    ]


def chosen_evaluations(ids: Sequence[str], user: User) -> list[Evaluation]:
    """Those of `ids` that `user` may see, in the order given.

    :raises NotComparable: an id is no evaluation that `user` may see.
    """
    try:
        found = seen_by(Evaluation.objects.visible_to(user), user).select_related(
            "dataset_version__dataset", "model_version__model", "endpoint"
        ).in_bulk(list(dict.fromkeys(ids)), field_name="id")
    except (ValueError, ValidationError) as error:
        raise NotComparable("An evaluation is named by its id.", field="evaluations") from error
    by_text = {str(key): row for key, row in found.items()}
    if missing := [one for one in ids if one not in by_text]:
        raise NotComparable(f"There is no evaluation {missing[0]}, or you may not see it.", field="evaluations")
    return [by_text[one] for one in dict.fromkeys(ids)]
