"""The tracker that the settings name."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from training.tracking.mlflow_tracking import Tracking


def tracking() -> Tracking:
    artifacts = Path(settings.MLFLOW_ARTIFACTS).resolve().as_uri()
    is_local = settings.MLFLOW_TRACKING_URI.startswith("sqlite:")
    return Tracking(tracking_uri=settings.MLFLOW_TRACKING_URI, artifact_root=artifacts if is_local else "")
