"""Addresses of this app under /api/v1/."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from governance.api.login import LoginView, LogoutView
from governance.api.viewsets import (
    ApiTokenViewSet,
    CheckpointViewSet,
    JobViewSet,
    RecordEntryViewSet,
)
from governance.approvals.api import ApprovalRequestViewSet, DelegationViewSet, GatePolicyViewSet
from governance.comments.api import CommentViewSet, NotificationViewSet
from governance.compliance.api import (
    ConstraintChangeViewSet,
    EvidenceViewSet,
    HandOutViewSet,
    SavedQuestionViewSet,
)
from governance.outbound.api import AllowedAddressViewSet
from governance.people.api import AccountLinkViewSet, MembershipEndViewSet, SeeAsView
from governance.portal.keys_api import KeysView
from governance.record.api import ErasureRequestViewSet, LegalHoldViewSet, RecordArchiveViewSet
from governance.rules.api import DeclassificationViewSet, TagRuleViewSet

router = SimpleRouter()
router.register("jobs", JobViewSet, basename="job")
router.register("approvals", ApprovalRequestViewSet, basename="approvalrequest")
router.register("gate-policies", GatePolicyViewSet, basename="gatepolicy")
router.register("delegations", DelegationViewSet, basename="delegation")
router.register("account-links", AccountLinkViewSet, basename="accountlink")
router.register("membership-ends", MembershipEndViewSet, basename="membershipend")
router.register("constraint-changes", ConstraintChangeViewSet, basename="constraintchange")
router.register("questions", SavedQuestionViewSet, basename="savedquestion")
router.register("evidence", EvidenceViewSet, basename="evidenceexport")
router.register("files-handed-out", HandOutViewSet, basename="handout")
router.register("record", RecordEntryViewSet, basename="recordentry")
router.register("erasures", ErasureRequestViewSet, basename="erasurerequest")
router.register("legal-holds", LegalHoldViewSet, basename="legalhold")
router.register("record-archives", RecordArchiveViewSet, basename="recordarchive")
router.register("checkpoints", CheckpointViewSet, basename="checkpoint")
router.register("tag-rules", TagRuleViewSet, basename="tagrule")
router.register("declassifications", DeclassificationViewSet, basename="declassification")
router.register("tokens", ApiTokenViewSet, basename="apitoken")
router.register("comments", CommentViewSet, basename="comment")
router.register("notifications", NotificationViewSet, basename="notification")
router.register("allowed-addresses", AllowedAddressViewSet, basename="allowedaddress")

urlpatterns = [
    path("login/", LoginView.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("see-as/", SeeAsView.as_view(), name="see-as"),
    path("keys/", KeysView.as_view(), name="keys"),
    *router.urls,
]
