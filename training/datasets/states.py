"""What Training Sheets have become: curated, approved, trained. Registered with `labeling.generation.derived`."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from training.datasets.models import DatasetVersion
from training.datasets.selectors import USABLE
from training.lineage.models import ModelTrainingLineage


def training_sheet_states() -> dict[str, QuerySet[Any]]:
    """Ids of the Training Sheets in a frozen, in a usable dataset version, and behind a model."""
    chosen = DatasetVersion.objects.order_by().filter(training_sheets__isnull=False)
    return {
        "curated": chosen.filter(frozen_at__isnull=False).values("training_sheets"),
        "approved": chosen.filter(status__in=USABLE).values("training_sheets"),
        "trained": ModelTrainingLineage.objects.order_by().values("training_sheet"),
    }
