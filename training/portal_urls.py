"""Addresses of this app's own pages, under /admin/."""

from django.urls import path

from training.datasets import views as datasets
from training.evaluations import views as evaluations
from training.exports import views as exports
from training.lineage import views as lineage
from training.runs import views as runs

app_name = "training"
urlpatterns = [
    path("curate/datasets/new/", datasets.dataset_new, name="dataset-new"),
    path("curate/datasets/drafts/<uuid:pk>/", datasets.dataset_draft, name="dataset-draft"),
    path("curate/exports/<uuid:pk>/download/", exports.export_download, name="export-download"),
    path("train/runs/new/", runs.run_new, name="run-new"),
    path("train/affected/", runs.affected, name="affected"),
    path("train/evaluations/new/", evaluations.evaluation_new, name="evaluation-new"),
    path("train/evaluations/compare/", evaluations.compare, name="compare"),
    path("recall/<str:kind>/<uuid:pk>/", lineage.recall_page, name="recall"),
    path("lineage/", lineage.lineage, name="lineage"),
]
