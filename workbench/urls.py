"""All addresses. Other apps are named by strings only, so that nothing here imports upward."""

from importlib.util import find_spec

from django.conf import settings
from django.contrib import admin
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.urls import include, path, re_path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from governance.api.problems import unknown_address
from governance.record import triggers

APPS = ("governance", "workbench", "labeling", "training")


def errors(request: HttpRequest) -> HttpResponse:
    """Where the `type` of every refusal points: what each code means and what to do."""
    text = (settings.BASE_DIR / "docs" / "errors.md").read_text(encoding="utf-8")
    return HttpResponse(text, content_type="text/plain; charset=utf-8")


def healthz(request: HttpRequest) -> HttpResponse:
    """That this process answers."""
    return HttpResponse("ok", content_type="text/plain")


def readyz(request: HttpRequest) -> HttpResponse:
    """That it can do its work: the database answers, and everything that records and guards stands in it."""
    try:
        gone = triggers.missing()
    except DatabaseError:
        return HttpResponse("The database does not answer.", content_type="text/plain", status=503)
    if gone:
        text = f"{len(gone)} parts of the record's triggers are missing; `manage.py migrate` puts them back."
        return HttpResponse(text, content_type="text/plain", status=503)
    return HttpResponse("ok", content_type="text/plain")


urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("healthz", healthz),
    path("readyz", readyz),
    path("docs/errors/", errors),
    path("account/", include("governance.sign_in.urls")),
    *[path("admin/", include(f"{app}.portal_urls")) for app in APPS if find_spec(f"{app}.portal_urls")],
    path("admin/", admin.site.urls),
    *[path("api/v1/", include(f"{app}.api_urls")) for app in APPS if find_spec(f"{app}.api_urls")],
    path("api/v1/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/v1/docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="api-docs"),
    re_path(r"^api/v1/[\s\S]*/$", unknown_address),
]
