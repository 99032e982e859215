"""Reading Training Sheets: where their pairs stand and where they came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, F, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from labeling.generation.models import QAPair, TrainingSheet

Origin, Status, Work = QAPair.Origin, QAPair.Status, QAPair.Work


@dataclass(frozen=True)
class Progress:
    """Where the pairs of one Training Sheet stand.

    `pre_approved` came approved, from labels or a trusted column; `approved` were approved here; `failed` have
    no usable answer and are among those to review unless decided; `waiting` are still to be answered.
    """

    total: int
    pre_approved: int
    approved: int
    to_review: int
    rejected: int
    flagged: int
    failed: int
    waiting: int
    labels_made: int
    human_verified: int

    @property
    def labeled(self) -> int:
        return self.pre_approved + self.approved

    @property
    def undecided(self) -> int:
        return self.to_review + self.flagged

    @property
    def sentence(self) -> str:
        parts = [f"{self.pre_approved:,} pre-approved"]
        if self.approved:
            parts.append(f"{self.approved:,} approved")
        parts += [f"{self.to_review:,} to review", f"{self.rejected:,} rejected", f"{self.flagged:,} flagged"]
        parts += [f"{self.failed:,} failed"] if self.failed else []
        parts += [f"{self.waiting:,} waiting for an answer"] if self.waiting else []
        return f"{' · '.join(parts)} of {self.total:,}"


def progress_of(sheet: TrainingSheet) -> Progress:
    """One query."""
    labeled, decided_here = Q(status=Status.LABELED), Q(version__gt=1)
    rows = sheet.pairs.aggregate(
        total=Count("pk"),
        pre_approved=Count("pk", filter=labeled & ~decided_here),
        approved=Count("pk", filter=labeled & decided_here),
        to_review=Count("pk", filter=Q(status=Status.UNLABELED, work_state=Work.DONE)),
        rejected=Count("pk", filter=Q(status=Status.REJECTED)),
        flagged=Count("pk", filter=Q(status=Status.FLAGGED)),
        failed=Count("pk", filter=Q(work_state=Work.FAILED)),
        waiting=Count("pk", filter=Q(work_state__in=[Work.TODO, Work.LEASED])),
        labels_made=Count("pk", filter=labeled & decided_here & Q(canonical_label__isnull=False)),
        human_verified=Count("pk", filter=labeled & Q(reviewed_by__isnull=False)),
    )
    return Progress(**rows)


def counts_of(sheet: TrainingSheet) -> dict[str, Any]:
    """How many pairs came from where; those that failed are counted as failed only."""
    by_origin = sheet.pairs.exclude(work_state=Work.FAILED).order_by().values_list("labeling_mode")
    counts: dict[str, Any] = dict.fromkeys(Origin.values, 0) | dict(by_origin.annotate(Count("pk")))
    reasons = sheet.pairs.exclude(not_reused_because="").order_by().values_list("not_reused_because")
    return {
        **counts,
        "failed": sheet.pairs.filter(work_state=Work.FAILED).count(),
        "total": sheet.pairs.count(),
        "not_reused": dict(reasons.annotate(Count("pk"))),
    }


def with_counts(rows: QuerySet[TrainingSheet]) -> QuerySet[TrainingSheet]:
    """Each row with `pair_count`, `labeled_count` and `open_count`, counted for the rows that are shown."""
    return rows.annotate(
        pair_count=_pairs(Q()),
        labeled_count=_pairs(Q(status=Status.LABELED)),
        open_count=_pairs(Q(status__in=[Status.UNLABELED, Status.FLAGGED])),
    )


def _pairs(condition: Q) -> Any:
    mine = QAPair.objects.filter(condition, training_sheet=OuterRef("pk")).order_by()
    counted = mine.values("training_sheet").annotate(count=Count("pk")).values("count")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


def outdated(sheet: TrainingSheet) -> QuerySet[QAPair]:
    """Pairs whose label has a newer version than the one that they hold."""
    newer = ~Q(canonical_label__version=F("canonical_version"))
    return sheet.pairs.filter(
        newer, status=Status.LABELED, canonical_label__isnull=False, canonical_label__retired_at__isnull=True
    )
