"""Addresses of this app's own pages, under /admin/."""

from django.urls import path

from governance.approvals import views as approvals
from governance.comments import views as comments
from governance.compliance import views as compliance
from governance.people import views as people
from governance.portal import palette, theme, views
from governance.record import pages as record_pages
from governance.rules import views as rules
from governance.sign_in import lost

app_name = "governance"
urlpatterns = [
    path("jobs/<uuid:pk>/", views.job_page, name="job"),
    path("jobs/<uuid:pk>/progress/", views.job_progress, name="job-progress"),
    path("jobs/<uuid:pk>/cancel/", views.job_cancel, name="job-cancel"),
    path("why/<str:kind>/<uuid:pk>/", views.why, name="why"),
    path("declassify/<str:kind>/<uuid:pk>/", rules.declassify, name="declassify"),
    path("tag-rules/add/", rules.add_rule, name="tag-rule-add"),
    path("tag-rules/<uuid:pk>/change/", rules.change_rule, name="tag-rule-change"),
    path("compliance/", compliance.home, name="compliance"),
    path("compliance/check/", compliance.check, name="compliance-check"),
    path("compliance/evidence/", compliance.evidence_page, name="compliance-evidence"),
    path("compliance/archive/", record_pages.archive, name="compliance-archive"),
    path("compliance/erase/", record_pages.erase, name="compliance-erase"),
    path("compliance/verifier/", compliance.verifier_file, name="compliance-verifier"),
    path("compliance/mapping/", compliance.mapping, name="compliance-mapping"),
    path("compliance/questions/", compliance.save_question, name="compliance-save-question"),
    path("compliance/questions/<uuid:pk>/delete/", compliance.delete_question, name="compliance-delete-question"),
    path("my-approvals/", approvals.my_approvals, name="my-approvals"),
    path("see-as/", people.see_as, name="see-as"),
    path("accounts/<int:pk>/second-factors/", lost.second_factors, name="second-factors"),
    path("search/", views.search, name="search"),
    path("palette/", palette.palette, name="palette"),
    path("theme/", theme.choose_theme, name="theme"),
    path("comments/<str:kind>/<uuid:pk>/", comments.comments, name="comments"),
    path("comments/<str:kind>/<uuid:pk>/people/", comments.people, name="comment-people"),
    path("notifications/", comments.notifications, name="notifications"),
    path("notifications/read/", comments.read_all, name="notifications-read"),
    path("notifications/choice/", comments.choose, name="notifications-choice"),
    path("notifications/<uuid:pk>/open/", comments.open_notification, name="notification-open"),
]
