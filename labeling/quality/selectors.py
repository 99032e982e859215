"""Reading findings, as far as someone may see the pairs they are about."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from governance.models import User
from labeling.generation.models import QAPair, TrainingSheet
from labeling.quality.models import Finding, PairCheck

OPEN = Finding.State.OPEN


def counts_by_detector(sheet: TrainingSheet) -> dict[str, int]:
    """Open findings of one Training Sheet; those without any are left out."""
    rows = Finding.objects.filter(training_sheet=sheet, state=OPEN).order_by().values_list("detector")
    return dict(rows.annotate(Count("pk")))


def counts_for(sheet: TrainingSheet, user: User) -> list[dict[str, Any]]:
    """Open and decided findings of one Training Sheet that `user` may see, by detector, in one query."""
    rows = Finding.objects.visible_to(user).filter(training_sheet=sheet).order_by().values("detector")
    decided = Q(state__in=[Finding.State.ACCEPTED, Finding.State.DISMISSED])
    counted = {
        row["detector"]: row
        for row in rows.annotate(open=Count("pk", filter=Q(state=OPEN)), decided=Count("pk", filter=decided))
    }
    return [
        {"detector": str(value), "label": label, "open": counted[value]["open"], "decided": counted[value]["decided"]}
        for value, label in Finding.Detector.choices
        if value in counted and (counted[value]["open"] or counted[value]["decided"])
    ]


def checked_count(sheet: TrainingSheet, user: User) -> int:
    """How many pairs of one Training Sheet were ever checked."""
    return PairCheck.objects.visible_to(user).filter(training_sheet=sheet).count()


def with_open_finding(pairs: QuerySet[QAPair], detector: str = "") -> QuerySet[QAPair]:
    """Those of `pairs` with an open finding, of one detector or of any."""
    found = Finding.objects.filter(pair=OuterRef("pk"), state=OPEN)
    return pairs.filter(Exists(found.filter(detector=detector) if detector else found))


def findings_of(pair: QAPair, user: User) -> QuerySet[Finding]:
    """What is open or was decided on one pair; proposals first."""
    rows = Finding.objects.visible_to(user).filter(pair=pair).exclude(state=Finding.State.GONE)
    return rows.select_related("other", "decided_by").order_by("-proposed_classification", "detector", "kind")
