"""Puts our site in the place of the stock admin site."""

from django.contrib.admin.apps import AdminConfig


class PortalAdminConfig(AdminConfig):
    default_site = "governance.portal.site.PortalSite"
