"""Addresses of this app's own pages, under /admin/."""

from django.urls import path

from labeling.agreement import turn_views as turns
from labeling.agreement import views as agreement
from labeling.annotating import views as annotating
from labeling.generation import views as generation
from labeling.labels import interchange_views, labelset_views
from labeling.labels import views as labels
from labeling.prompts import views as prompts
from labeling.quality import views as quality
from labeling.review import views as review
from labeling.review import work_pages
from labeling.usecases import views as usecases

app_name = "labeling"
urlpatterns = [
    path("generate/", generation.generate, name="generate"),
    path("review/", review.review, name="review"),
    path("review/<uuid:pk>/", review.review_pair, name="review-pair"),
    path("people-at-work/", work_pages.people_work, name="people-work"),
    path("pair-draft/<uuid:pk>/", review.pair_draft, name="pair-draft"),
    path("pair-claim/<uuid:pk>/", review.pair_claim, name="pair-claim"),
    path("pair-source/<uuid:pk>/", review.pair_source, name="pair-source"),
    path("pair-file/<uuid:pk>/<int:place>/", review.pair_file, name="pair-file"),
    path("finding/<uuid:pk>/decide/", quality.decide_finding, name="finding-decide"),
    path("pair-findings/<uuid:pk>/accept/", quality.accept_findings, name="findings-accept"),
    path("label/", labels.label, name="label"),
    path("label/item/", labels.label_item, name="label-item"),
    path("label/file/", labels.label_file, name="label-file"),
    path("label/words/", annotating.label_words, name="label-words"),
    path("label/find/", annotating.label_find, name="label-find"),
    path("label/draft/", annotating.label_draft, name="label-draft"),
    path("experts/", agreement.experts, name="experts"),
    path("experts/next/", agreement.experts_next, name="experts-next"),
    path("experts/item/", agreement.experts_item, name="experts-item"),
    path("experts/assign/", agreement.experts_assign, name="experts-assign"),
    path("experts/turns/", turns.experts_turns, name="experts-turns"),
    path("experts/turns/free/", turns.experts_free, name="experts-free"),
    path("experts/agree/", agreement.experts_agree, name="experts-agree"),
    path("experts/settle/", agreement.experts_settle, name="experts-settle"),
    path("experts/agreement/", agreement.experts_agreement, name="experts-agreement"),
    path("label/import/", interchange_views.label_import, name="label-import"),
    path("label/export/", interchange_views.label_export, name="label-export"),
    path("labelset/<uuid:pk>/labels/", labelset_views.labelset_labels, name="labelset-labels"),
    path("labelset/<uuid:pk>/bring/<uuid:sheet_pk>/", labelset_views.bring_under, name="labelset-bring"),
    path("template-version/<uuid:pk>/test/", prompts.template_test, name="template-test"),
    path("use-case/<uuid:pk>/share/", usecases.usecase_share, name="usecase-share"),
]
