"""Addresses of this app's own pages, under /admin/."""

from django.urls import path

from governance.portal import views

app_name = "governance"
urlpatterns = [
    path("jobs/<uuid:pk>/", views.job_page, name="job"),
    path("jobs/<uuid:pk>/progress/", views.job_progress, name="job-progress"),
    path("jobs/<uuid:pk>/cancel/", views.job_cancel, name="job-cancel"),
    path("why/<str:kind>/<uuid:pk>/", views.why, name="why"),
    path("search/", views.search, name="search"),
]
