"""The API of approvals: requests and their signatures, policies, delegations."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as django_filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from governance import access, desk
from governance.api.fields import OptionalReasonSerializer, ReasonSerializer
from governance.api.filtering import Filters
from governance.api.views import ScopedViewSet, requested
from governance.approvals import delegations, policies
from governance.approvals.selectors import WHOSE, of_mine, requests_visible_to
from governance.approvals.signatures import is_withdrawn
from governance.models import Approval, ApprovalRequest, Delegation, GatePolicy, Reminder


class ApprovalSerializer(serializers.ModelSerializer):
    """One signature; `on_behalf_of` where the right was lent, `withdrawn` where it no longer counts."""

    approver = serializers.StringRelatedField()
    on_behalf_of = serializers.StringRelatedField(source="for_account", allow_null=True)
    withdrawn = serializers.SerializerMethodField()

    class Meta:
        model = Approval
        fields = ("id", "approver", "role", "on_behalf_of", "verdict", "comment", "signed_at", "withdrawn")

    def get_withdrawn(self, approval: Approval) -> dict[str, str] | None:
        if not is_withdrawn(approval):
            return None
        taken = approval.withdrawal
        return {"reason": taken.reason, "at": taken.withdrawn_at.isoformat()}


class ReminderSerializer(serializers.ModelSerializer):
    """Who was reminded of a request, on which day."""

    account = serializers.StringRelatedField()
    by_mail = serializers.SerializerMethodField()

    class Meta:
        model = Reminder
        fields = ("account", "day", "why", "by_mail")

    def get_by_mail(self, reminder: Reminder) -> bool:
        return bool(reminder.mailed_to)


class ApprovalRequestSerializer(serializers.ModelSerializer):
    """One request with its signatures."""

    requested_by = serializers.StringRelatedField()
    approvals = ApprovalSerializer(many=True, read_only=True)
    reminders = ReminderSerializer(many=True, read_only=True)
    subject_kind = serializers.SerializerMethodField()

    class Meta:
        model = ApprovalRequest
        fields = (
            "id", "gate", "subject_kind", "object_id", "subject_label", "state", "reason", "payload", "needed",
            "fingerprint", "requested_by", "requested_at", "expires_at", "decided_at", "approvals", "reminders",
        )  # fmt: skip

    def get_subject_kind(self, request: ApprovalRequest) -> str:
        return f"{request.content_type.app_label}.{request.content_type.model}"


class ShownRequestSerializer(ApprovalRequestSerializer):
    """One request alone, with why it can no longer be approved though it waits; empty where it can."""

    in_vain = serializers.SerializerMethodField()

    class Meta(ApprovalRequestSerializer.Meta):
        fields = (*ApprovalRequestSerializer.Meta.fields, "in_vain")

    def get_in_vain(self, request: ApprovalRequest) -> str:
        return desk.why_in_vain(request) if request.state == ApprovalRequest.State.PENDING else ""


class DecisionSerializer(serializers.Serializer):
    """A signature: the comment goes on record."""

    comment = serializers.CharField(max_length=4000)


class ApproveSerializer(serializers.Serializer):
    """A signature; the gate's policy says whether its comment may be empty."""

    comment = serializers.CharField(max_length=4000, required=False, allow_blank=True, default="")


class TakeBackSerializer(ReasonSerializer):
    """Which signature is taken back, and why."""

    signature = serializers.UUIDField()


class RequestFilters(Filters):
    """`mine`: waiting for the caller, decided or asked by them, or signed for another."""

    mine = django_filters.ChoiceFilter(choices=list(WHOSE.items()), method="of_mine")

    class Meta:
        model = ApprovalRequest
        fields = ("gate", "state", "object_id")

    def of_mine(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return queryset.filter(of_mine(self.request.user, value))


class ApprovalRequestViewSet(ScopedViewSet):
    """Steps that wait for a second person, and what became of them."""

    queryset = ApprovalRequest.objects.select_related("requested_by", "content_type").prefetch_related(
        "approvals__approver", "approvals__for_account", "approvals__withdrawal", "reminders__account"
    )
    filterset_class = RequestFilters
    cursor_ordering = ("-requested_at", "-id")

    def get_serializer_class(self) -> type[serializers.Serializer]:
        return ApprovalRequestSerializer if self.action == "list" else ShownRequestSerializer

    def visible(self, rows: Any) -> QuerySet[Any]:
        return rows.filter(pk__in=requests_visible_to(self.request.user).values("pk"))

    @extend_schema(request=ApproveSerializer)
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, pk: str | None = None) -> Response:
        """Sign for it. The last signature needed makes the step."""
        return self._decide(request, ApproveSerializer, approve=True)

    @extend_schema(request=DecisionSerializer)
    @action(detail=True, methods=["post"])
    def reject(self, request: Request, pk: str | None = None) -> Response:
        """Sign against it; the request is closed."""
        return self._decide(request, DecisionSerializer, approve=False)

    @extend_schema(request=DecisionSerializer)
    @action(detail=True, methods=["post"], url_path="ask-for-changes")
    def ask_for_changes(self, request: Request, pk: str | None = None) -> Response:
        """Sign that it needs changes first; the request is closed, and whoever asked may ask again."""
        comment = self.valid(DecisionSerializer)["comment"]
        desk.ask_for_changes(request=self.get_object(), by=request.user, comment=comment)
        return self.shown(self.get_object())

    @extend_schema(request=TakeBackSerializer)
    @action(detail=True, methods=["post"], url_path="take-back")
    def take_back(self, request: Request, pk: str | None = None) -> Response:
        """Withdraw one's own signature; it stays where it is and no longer counts."""
        asked = self.valid(TakeBackSerializer)
        signed = self.get_object().approvals.filter(pk=asked["signature"]).first()
        if signed is None:
            raise serializers.ValidationError({"signature": "This request has no such signature."})
        desk.take_back(approval=signed, by=request.user, reason=asked["reason"])
        return self.shown(self.get_object())

    @extend_schema(request=OptionalReasonSerializer, responses={202: None})
    @action(detail=True, methods=["post"], url_path="ask-again")
    def ask_again(self, request: Request, pk: str | None = None) -> Response:
        """Ask once more for what came to nothing; without a reason, with the former one."""
        reason = self.valid(OptionalReasonSerializer)["reason"]
        return requested(request, desk.ask_again(request=self.get_object(), by=request.user, reason=reason))

    @extend_schema(request=OptionalReasonSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: str | None = None) -> Response:
        """Take back one's own request."""
        reason = self.valid(OptionalReasonSerializer)["reason"]
        return self.shown(desk.withdraw(request=self.get_object(), by=request.user, reason=reason))

    def _decide(self, request: Request, body: type[serializers.Serializer], *, approve: bool) -> Response:
        comment = self.valid(body)["comment"]
        desk.decide(request=self.get_object(), by=request.user, approve=approve, comment=comment)
        return self.shown(self.get_object())


class GatePolicySerializer(serializers.ModelSerializer):
    """Who must approve one kind of step, and how."""

    title = serializers.CharField(source="__str__", read_only=True)

    class Meta:
        model = GatePolicy
        fields = ("gate", "title", "approvals", "author_may_approve", "lifetime_days", "reauthenticate_minutes",
                  "comment_required")  # fmt: skip


class ProposePolicySerializer(serializers.Serializer):
    """New values; what is left out stays as it is."""

    approvals = serializers.DictField(child=serializers.IntegerField(), required=False)
    author_may_approve = serializers.BooleanField(required=False)
    lifetime_days = serializers.IntegerField(required=False)
    reauthenticate_minutes = serializers.IntegerField(required=False)
    comment_required = serializers.BooleanField(required=False)
    reason = serializers.CharField(max_length=4000)


class GatePolicyViewSet(ScopedViewSet):
    """Who must approve which step. It changes by a proposal that another person approves."""

    queryset = GatePolicy.objects.all()
    serializer_class = GatePolicySerializer
    lookup_field = "gate"
    cursor_ordering = ("gate",)

    @extend_schema(request=ProposePolicySerializer, responses={202: None})
    @action(detail=True, methods=["post"])
    def propose(self, request: Request, gate: str | None = None) -> Response:
        """Propose new values; nothing changes until another person approves."""
        asked = self.valid(ProposePolicySerializer)
        return requested(request, policies.propose(policy=self.get_object(), by=request.user, **asked))


class DelegationSerializer(serializers.ModelSerializer):
    """A right to sign that one person lent to another; an empty `gate` means every step."""

    delegator = serializers.CharField(source="delegator.username")
    delegate = serializers.CharField(source="delegate.username")
    state = serializers.SerializerMethodField()

    class Meta:
        model = Delegation
        fields = ("id", "delegator", "delegate", "role", "gate", "reason", "created_at", "until", "state",
                  "revoked_at")  # fmt: skip

    def get_state(self, one: Delegation) -> str:
        return delegations.state_of(one)[0]


class DelegateSerializer(serializers.Serializer):
    """To whom (user name), in which role, at which gate (empty: all), until when and why."""

    to = serializers.CharField(max_length=150)
    role = serializers.CharField(max_length=50)
    gate = serializers.CharField(max_length=64, required=False, allow_blank=True, default="")
    until = serializers.DateTimeField()
    reason = serializers.CharField(max_length=4000)


class DelegationViewSet(ScopedViewSet):
    """Rights to sign, lent until a date."""

    queryset = Delegation.objects.select_related("delegator", "delegate")
    serializer_class = DelegationSerializer
    filterset_fields = ("role", "gate")
    cursor_ordering = ("-created_at", "-id")

    @extend_schema(request=DelegateSerializer, responses={201: DelegationSerializer})
    def create(self, request: Request) -> Response:
        """Lend one's own right to sign to another person."""
        asked = self.valid(DelegateSerializer)
        asked["to"] = access.account_named(asked["to"], field="to")
        return self.shown(delegations.delegate(by=request.user, **asked), code=status.HTTP_201_CREATED)

    @extend_schema(request=OptionalReasonSerializer)
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, pk: str | None = None) -> Response:
        """End it now. What was signed with it stays."""
        reason = self.valid(OptionalReasonSerializer)["reason"]
        return self.shown(delegations.revoke(delegation=self.get_object(), by=request.user, reason=reason))
