"""Addresses of this app under /api/v1/."""

from rest_framework.routers import SimpleRouter

from workbench.catalogs.api import CatalogObjectViewSet, ConnectionViewSet
from workbench.endpoints.api import ModelEndpointViewSet
from workbench.sheets.api import SheetVersionViewSet, SheetViewSet

router = SimpleRouter()
router.register("connections", ConnectionViewSet, basename="connection")
router.register("catalog", CatalogObjectViewSet, basename="catalogobject")
router.register("sheets", SheetViewSet, basename="sheet")
router.register("sheet-versions", SheetVersionViewSet, basename="sheetversion")
router.register("endpoints", ModelEndpointViewSet, basename="endpoint")

urlpatterns = router.urls
