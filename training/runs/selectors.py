"""What a run would learn from now, and what became of the rows that trained models learned from."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery

from governance.models import PermittedQuerySet
from governance.uses import Use
from labeling.models import QAPair
from training.datasets.causes import Causes
from training.datasets.models import DatasetMember, DatasetVersion
from training.datasets.rules import TEST, TRAIN, VALIDATION
from training.datasets.selectors import prohibited_at_freezing
from training.runs.models import ModelVersion, RegisteredModel, TrainingRun

if TYPE_CHECKING:
    from governance.models import User
    from training.models import LineagePair

HIDDEN_MODEL = "a model that is not shared with you"
NO_LONGER_APPROVED = "no longer approved"
LEARNED = {TRAIN: Use.TRAINING, VALIDATION: Use.VALIDATION}


@dataclass(frozen=True)
class Summary:
    """Approved pairs of the version's Training Sheets: how many a run may use, how many not, and why not.

    `allowed`, `prohibited` and `test` add up to `approved`: members kept for testing are no run's to learn from.
    What rules left out is counted apart.
    """

    approved: int
    allowed: int
    prohibited: int
    train: int
    validation: int
    test: int = 0  # runs from before it was counted have none on record
    reasons: dict[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        return in_words("training", self.allowed, self.prohibited, self.test)


def in_words(use: str, allowed: int, prohibited: int, test: int) -> str:
    """One sentence whose numbers add up to the first."""
    kept = f" · kept for testing {test:,}" if test else ""
    approved = allowed + prohibited + test
    return f"Approved {approved:,} · {use} allowed {allowed:,} · prohibited {prohibited:,}{kept}"


def seen_by(rows: QuerySet[TrainingRun], user: User) -> QuerySet[TrainingRun]:
    """Runs that `user` may see, each knowing the name of its model if they may see that as well."""
    model = RegisteredModel.objects.visible_to(user).filter(pk=OuterRef("model")).values("name")
    return rows.annotate(seen_model=Subquery(model[:1]))


def model_name(run: Any) -> str:
    """Of a run read by `seen_by`."""
    return run.seen_model or HIDDEN_MODEL


def learnable(version: DatasetVersion, side: str) -> PermittedQuerySet[DatasetMember]:
    """Members of a side that a run may read now: still approved, and permitting the side's use."""
    still_approved = version.members.filter(split=side, pair__status=QAPair.Status.LABELED)
    return still_approved.permitting(LEARNED[side])  # type: ignore[attr-defined,no-any-return]


def summary(version: DatasetVersion) -> Summary:
    """The numbers before a run, by the state of this moment."""
    allowed = {side: learnable(version, side).count() for side in LEARNED}
    reasons = Counter(prohibited_at_freezing(version))
    reasons.update(_lost(version))
    total, test = sum(allowed.values()), version.members.filter(split=TEST).count()
    prohibited = reasons.total()
    return Summary(
        approved=total + prohibited + test,
        allowed=total,
        prohibited=prohibited,
        train=allowed[TRAIN],
        validation=allowed[VALIDATION],
        test=test,
        reasons=dict(reasons.most_common()),
    )


def _lost(version: DatasetVersion) -> Counter[str]:
    """Members that a run may not read any more, by reason."""
    causes, reasons = Causes(), Counter[str]()
    for side, use in LEARNED.items():
        kept = learnable(version, side).values("pk")
        lost = version.members.filter(split=side).exclude(pk__in=kept)
        for member in lost.select_related("pair__canonical_label", "pair__derivation").iterator(chunk_size=500):
            reasons[_why(member, use, causes)] += 1
    return reasons


def _why(member: DatasetMember, use: Use, causes: Causes) -> str:
    pair = member.pair
    if pair is None or pair.status != QAPair.Status.LABELED:
        return NO_LONGER_APPROVED
    return causes.of_loaded_pair(pair, use)


def affected_pairs(model_version: ModelVersion) -> QuerySet[LineagePair]:
    """Pairs that this model learned from, or was validated with, and that would not permit it today."""
    return _lost_pairs().filter(lineage__model_version=model_version)


def affected_versions(user: User) -> QuerySet[ModelVersion]:
    """Model versions that learned from such pairs, each with their number as `lost_pairs`; newest first."""
    lost = _lost_pairs().filter(lineage__model_version=OuterRef("pk")).order_by().values("lineage__model_version")
    counted = lost.annotate(count=Count("pk")).values("count")
    versions = ModelVersion.objects.visible_to(user).annotate(lost_pairs=Subquery(counted))
    return versions.filter(lost_pairs__gt=0).select_related("model", "run").order_by("-created_at", "-pk")


def _lost_pairs() -> QuerySet[LineagePair]:
    from training.lineage.models import LineagePair

    lost = Q(pk__in=[])
    for side, use in LEARNED.items():
        permitted = QAPair.objects.permitting(use).values("pk")  # type: ignore[attr-defined]
        lost |= Q(split=side) & ~Q(pair__in=permitted)
    return LineagePair.objects.filter(lost)


def why_affected(model_version: ModelVersion) -> dict[str, int]:
    """Reason → count of affected pairs."""
    causes, reasons = Causes(), Counter[str]()
    rows = affected_pairs(model_version).select_related("pair__canonical_label", "pair__derivation")
    for row in rows.iterator(chunk_size=500):
        reasons[causes.of_loaded_pair(row.pair, LEARNED[row.split])] += 1
    return dict(reasons.most_common())
