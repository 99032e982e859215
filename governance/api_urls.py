"""Addresses of this app under /api/v1/."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from governance.api.login import LoginView, LogoutView
from governance.api.viewsets import (
    ApiTokenViewSet,
    ApprovalRequestViewSet,
    CheckpointViewSet,
    JobViewSet,
    RecordEntryViewSet,
    TagRuleViewSet,
)
from governance.compliance.api import (
    ConstraintChangeViewSet,
    EvidenceViewSet,
    HandOutViewSet,
    SavedQuestionViewSet,
)
from governance.outbound.api import AllowedAddressViewSet

router = SimpleRouter()
router.register("jobs", JobViewSet, basename="job")
router.register("approvals", ApprovalRequestViewSet, basename="approvalrequest")
router.register("constraint-changes", ConstraintChangeViewSet, basename="constraintchange")
router.register("questions", SavedQuestionViewSet, basename="savedquestion")
router.register("evidence", EvidenceViewSet, basename="evidenceexport")
router.register("files-handed-out", HandOutViewSet, basename="handout")
router.register("record", RecordEntryViewSet, basename="recordentry")
router.register("checkpoints", CheckpointViewSet, basename="checkpoint")
router.register("tag-rules", TagRuleViewSet, basename="tagrule")
router.register("tokens", ApiTokenViewSet, basename="apitoken")
router.register("allowed-addresses", AllowedAddressViewSet, basename="allowedaddress")

urlpatterns = [
    path("login/", LoginView.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    *router.urls,
]
