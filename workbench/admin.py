"""The desks of this app, gathered from their rooms."""

from workbench.catalogs.admin import CatalogObjectAdmin, ConnectionAdmin
from workbench.endpoints.admin import ModelEndpointAdmin
from workbench.sheets.admin import SheetAdmin, SheetVersionAdmin

__all__ = ["CatalogObjectAdmin", "ConnectionAdmin", "ModelEndpointAdmin", "SheetAdmin", "SheetVersionAdmin"]
