"""Addresses of this app's own pages, under /admin/."""

from django.urls import path

from workbench.catalogs import views as catalogs
from workbench.sheets import views as sheets

app_name = "workbench"
urlpatterns = [
    path("data/catalog/", catalogs.catalog, name="catalog"),
    path("data/catalog/<uuid:connection>/sync/", catalogs.sync, name="catalog-sync"),
    path("data/catalog/<uuid:connection>/tables/<str:ref>/", catalogs.table, name="table"),
    path("data/catalog/<uuid:connection>/volumes/<str:ref>/", catalogs.volume, name="volume"),
    path("data/catalog/<uuid:connection>/volumes/<str:ref>/file/", catalogs.volume_file, name="catalog-file"),
    path("data/sheets/new/", sheets.sheet_new, name="sheet-new"),
    path("data/sheets/drafts/<uuid:version>/", sheets.sheet_builder, name="sheet-builder"),
    path("data/sheets/<uuid:sheet>/file/", sheets.item_file, name="volume-file"),
]
