"""Addresses of this app under /api/v1/."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from labeling.agreement.api import OpinionViewSet, SettlementViewSet, TurnViewSet
from labeling.annotating.api import LabelDraftViewSet
from labeling.generation.api import GenerationConfigViewSet, TrainingSheetViewSet
from labeling.labels.api import CanonicalLabelViewSet
from labeling.labelsets.api import (
    LabelsetBindingViewSet,
    LabelsetVersionViewSet,
    LabelsetViewSet,
    LabelTypeViewSet,
)
from labeling.prompts.api import TemplateVersionViewSet, TemplateViewSet
from labeling.quality.api import FindingViewSet, PairCheckViewSet
from labeling.review.api import PairViewSet
from labeling.review.standing_api import AssignmentRuleViewSet
from labeling.review.work_pages import PeoplesWorkView
from labeling.usecases.api import UseCaseViewSet

router = SimpleRouter()
router.register("label-types", LabelTypeViewSet, basename="labeltype")
router.register("labelsets", LabelsetViewSet, basename="labelset")
router.register("labelset-versions", LabelsetVersionViewSet, basename="labelsetversion")
router.register("labelset-bindings", LabelsetBindingViewSet, basename="labelsetbinding")
router.register("templates", TemplateViewSet, basename="template")
router.register("template-versions", TemplateVersionViewSet, basename="templateversion")
router.register("canonical-labels", CanonicalLabelViewSet, basename="canonicallabel")
router.register("assignment-rules", AssignmentRuleViewSet, basename="assignmentrule")
router.register("label-drafts", LabelDraftViewSet, basename="labeldraft")
router.register("turns", TurnViewSet, basename="turn")
router.register("opinions", OpinionViewSet, basename="opinion")
router.register("settlements", SettlementViewSet, basename="settlement")
router.register("use-cases", UseCaseViewSet, basename="usecase")
router.register("training-sheets", TrainingSheetViewSet, basename="trainingsheet")
router.register("generation-configs", GenerationConfigViewSet, basename="generationconfig")
router.register("findings", FindingViewSet, basename="finding")
router.register("pair-checks", PairCheckViewSet, basename="paircheck")
router.register("pairs", PairViewSet, basename="qapair")

urlpatterns = [path("peoples-work/", PeoplesWorkView.as_view(), name="peoples-work"), *router.urls]
