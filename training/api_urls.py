"""Addresses of this app under /api/v1/."""

from rest_framework.routers import SimpleRouter

from training.datasets.api import CuratedDatasetViewSet, DatasetVersionViewSet
from training.evaluations.api import EvaluationViewSet
from training.exports.api import ExportViewSet
from training.lineage.api_urls import urlpatterns as lineage
from training.runs.api import ModelVersionViewSet, ModelViewSet, RunViewSet, TrainerViewSet

router = SimpleRouter()
router.register("curated-datasets", CuratedDatasetViewSet, basename="curateddataset")
router.register("dataset-versions", DatasetVersionViewSet, basename="datasetversion")
router.register("exports", ExportViewSet, basename="export")
router.register("trainers", TrainerViewSet, basename="trainer")
router.register("runs", RunViewSet, basename="trainingrun")
router.register("models", ModelViewSet, basename="registeredmodel")
router.register("model-versions", ModelVersionViewSet, basename="modelversion")
router.register("evaluations", EvaluationViewSet, basename="evaluation")

urlpatterns = [*router.urls, *lineage]
