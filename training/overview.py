"""What the Overview says of curating and training."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from governance.compliance import figures
from governance.portal import navigation, overview
from labeling.models import TrainingSheet
from training.models import CuratedDataset, DatasetVersion, ModelVersion, RegisteredModel, TrainingRun
from training.runs.selectors import affected_versions

DATASETS = "admin:training_curateddataset_changelist"
RUNS = "admin:training_trainingrun_changelist"
MODELS = "admin:training_registeredmodel_changelist"


def register() -> None:
    overview.register_tile(curate_tile)
    overview.register_tile(train_tile)
    overview.register_first_step(first_dataset)
    overview.register_first_step(first_model)
    figures.register_figure(affected_models)
    navigation.register_count(DATASETS, lambda user: CuratedDataset.objects.visible_to(user).count())
    navigation.register_count(MODELS, lambda user: RegisteredModel.objects.visible_to(user).count())


def curate_tile(user: Any) -> overview.Tile | None:
    if not user.has_perm("training.view_curateddataset"):
        return None
    versions = DatasetVersion.objects.visible_to(user)
    suspended = versions.filter(status=DatasetVersion.Status.SUSPENDED).select_related("dataset").first()
    reviewed = TrainingSheet.objects.visible_to(user).filter(
        status=TrainingSheet.Status.REVIEWED, dataset_versions__isnull=True
    )
    label, url, tone = "Look at the datasets", reverse(DATASETS), "plain"
    if suspended is not None:
        label, tone = f"{suspended} lost its approval", "prohibited"
    elif user.has_perm("training.add_curateddataset") and (sheet := reviewed.first()) is not None:
        label, tone = f"Curate {sheet.name}", "primary"
        url = reverse("admin:labeling_trainingsheet_change", args=[sheet.pk])
    return overview.Tile(
        stage="Curate", count=CuratedDataset.objects.visible_to(user).count(), unit="datasets", one="dataset", order=4,
        action_label=label, action_url=url, tone=tone,
    )  # fmt: skip


def train_tile(user: Any) -> overview.Tile | None:
    if not user.has_perm("training.view_trainingrun"):
        return None
    newest = TrainingRun.objects.visible_to(user).first()
    if newest is None:
        label, url, tone = "No run yet", reverse(RUNS), "plain"
    else:
        label = f"{newest.name}: {newest.get_status_display()}"
        url = reverse("admin:training_trainingrun_change", args=[newest.pk])
        tone = {"succeeded": "permitted", "failed": "prohibited"}.get(newest.status, "primary")
    return overview.Tile(
        stage="Train", count=ModelVersion.objects.visible_to(user).count(), unit="model versions",
        one="model version", order=5,
        action_label=label, action_url=url, tone=tone,
    )  # fmt: skip


def first_dataset(user: Any) -> overview.FirstStep | None:
    if not user.has_perm("training.add_curateddataset"):
        return None
    approved = DatasetVersion.objects.visible_to(user).filter(status__in=["approved", "in_use"])
    return overview.FirstStep(
        label="Curate a dataset and have it approved", done=approved.exists(), url=reverse(DATASETS), order=4
    )


def first_model(user: Any) -> overview.FirstStep | None:
    if not user.has_perm("training.add_trainingrun"):
        return None
    done = ModelVersion.objects.visible_to(user).exists()
    return overview.FirstStep(label="Train a model", done=done, url=reverse(RUNS), order=5)


def affected_models(user: Any) -> figures.Figure:
    """Model versions that learned from a row that would not permit it today."""
    count = affected_versions(user).count()
    return figures.Figure(
        title="Affected models", count=count, words="model version" if count == 1 else "model versions",
        url=reverse("training:affected"), tone="prohibited" if count else "permitted", order=30,
    )  # fmt: skip
