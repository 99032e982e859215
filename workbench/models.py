"""The tables of data and engines, gathered from their rooms."""

from workbench.catalogs.models import (
    CatalogObject,
    Connection,
    ConnectionGroupPermission,
    ConnectionUserPermission,
)
from workbench.endpoints.models import ModelEndpoint
from workbench.sheets.models import Sheet, SheetGroupPermission, SheetUserPermission, SheetVersion

__all__ = [
    "CatalogObject",
    "Connection",
    "ConnectionGroupPermission",
    "ConnectionUserPermission",
    "ModelEndpoint",
    "Sheet",
    "SheetGroupPermission",
    "SheetUserPermission",
    "SheetVersion",
]
