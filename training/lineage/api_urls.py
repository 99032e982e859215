"""Addresses of lineage under /api/v1/."""

from django.urls import path

from training.lineage.api import LineageViewSet

urlpatterns = [
    path("recall/", LineageViewSet.as_view({"get": "recall"}), name="recall"),
    path("lineage/", LineageViewSet.as_view({"get": "graph"}), name="lineage"),
    path("lineage/training-sheets/<uuid:pk>/models/", LineageViewSet.as_view({"get": "models"}), name="lineage-models"),
    path(
        "lineage/training-sheets/<uuid:pk>/comparison/",
        LineageViewSet.as_view({"get": "comparison"}),
        name="lineage-comparison",
    ),
    path(
        "lineage/models/<uuid:pk>/training-sheets/",
        LineageViewSet.as_view({"get": "training_sheets"}),
        name="lineage-training-sheets",
    ),
    path("lineage/models/<uuid:pk>/pairs/", LineageViewSet.as_view({"get": "pairs"}), name="lineage-pairs"),
]
