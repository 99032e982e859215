"""All addresses. Other apps are named by strings only, so that nothing here imports upward."""

from importlib.util import find_spec

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import include, path, re_path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from governance.api.problems import unknown_address

APPS = ("governance", "workbench", "labeling", "training")


def errors(request: HttpRequest) -> HttpResponse:
    """Where the `type` of every refusal points: what each code means and what to do."""
    text = (settings.BASE_DIR / "docs" / "errors.md").read_text(encoding="utf-8")
    return HttpResponse(text, content_type="text/plain; charset=utf-8")


def healthz(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok", content_type="text/plain")


urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("healthz", healthz),
    path("docs/errors/", errors),
    path("account/", include("governance.sign_in.urls")),
    *[path("admin/", include(f"{app}.portal_urls")) for app in APPS if find_spec(f"{app}.portal_urls")],
    path("admin/", admin.site.urls),
    *[path("api/v1/", include(f"{app}.api_urls")) for app in APPS if find_spec(f"{app}.api_urls")],
    path("api/v1/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/v1/docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="api-docs"),
    re_path(r"^api/v1/[\s\S]*/$", unknown_address),
]
