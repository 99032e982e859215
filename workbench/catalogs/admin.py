"""Desks of connections and of what their catalogs hold."""

from __future__ import annotations

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from governance.admin_base import DeskAdmin
from governance.portal.marks import chip
from governance.portal.steps import Step
from workbench.catalogs import services
from workbench.catalogs.models import CatalogObject, Connection
from workbench.sharing import SHARE


@admin.register(Connection)
class ConnectionAdmin(DeskAdmin):
    """Where tables and files are read from."""

    list_display = ("name", "engine", "place", "owner", "browse")
    list_select_related = ("owner",)
    search_fields = ("name", "description")
    fields = ("name", "description", "engine", "location")
    create_service = services.create_connection
    update_service = services.update_connection
    service_argument = "connection"
    empty_state = {
        "title": "No catalog is connected",
        "text": "A connection says where tables and files are read from; Sheets point into it.",
    }
    steps = (
        Step(
            name="sync",
            label="Read tags now",
            service=services.sync_catalog,
            argument="connection",
            permission="workbench.change_catalogobject",
            success="Tables, columns, volumes and their tags were read.",
        ),
        SHARE,
    )

    @admin.display(description="Folder")
    def place(self, connection: Connection) -> str:
        return connection.location or "the server's own catalog"

    @admin.display(description="Catalog")
    def browse(self, connection: Connection) -> SafeString:
        return format_html('<a href="{}">Browse</a>', reverse("workbench:catalog"))


@admin.register(CatalogObject)
class CatalogObjectAdmin(DeskAdmin):
    """Tables, columns and volumes as last read, with what their tags permit."""

    list_display = ("ref", "kind", "connection", "tag_chips", "uses", "synced_at")
    list_filter = ("kind", "data_classification", "connection")
    list_select_related = ("connection",)
    search_fields = ("ref", "description")
    fields = ("ref", "kind", "connection", "description", "tag_chips", "usage_reason", "permitted_until", "synced_at")
    empty_state = {
        "title": "No catalog was read yet",
        "text": "Tables, columns and volumes appear here once a connection's tags have been read.",
    }

    @admin.display(description="Tags")
    def tag_chips(self, row: CatalogObject) -> SafeString | str:
        return format_html_join(" ", "{}", ((chip(tag, "attention"),) for tag in row.tags)) or "none"
