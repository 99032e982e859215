"""The API of people: linked accounts, memberships that end, what an account sees."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance import access
from governance.api.fields import OptionalReasonSerializer, ReasonSerializer
from governance.api.views import ScopedViewSet, whole_number
from governance.errors import InvalidInput
from governance.models import AccountLink, MembershipEnd, User
from governance.people import linking, memberships, seeing


class AccountLinkSerializer(serializers.ModelSerializer):
    """One account that came to another person, or was parted from one."""

    account = serializers.CharField(source="account.username")
    other = serializers.CharField(source="other.username", allow_null=True, default=None)
    decided_by = serializers.CharField(source="decided_by.username", allow_null=True, default=None)

    class Meta:
        model = AccountLink
        fields = ("id", "account", "other", "old_person", "new_person", "way", "reason", "decided_by", "decided_at")


class NewLinkSerializer(serializers.Serializer):
    """Two accounts of one person, by user name, and how one knows."""

    account = serializers.CharField(max_length=150)
    other = serializers.CharField(max_length=150)
    reason = serializers.CharField(max_length=4000)


class AccountLinkViewSet(ScopedViewSet):
    """Which accounts are one person's."""

    queryset = AccountLink.objects.select_related("account", "other", "decided_by")
    serializer_class = AccountLinkSerializer
    filterset_fields = ("way",)
    cursor_ordering = ("-decided_at", "-id")

    @extend_schema(request=NewLinkSerializer, responses={201: AccountLinkSerializer})
    def create(self, request: Request) -> Response:
        """Say that two accounts are one person's; for administrators."""
        asked = self.valid(NewLinkSerializer)
        account, other = (access.account_named(asked[name], field=name) for name in ("account", "other"))
        made = linking.link(account=account, other=other, by=request.user, reason=asked["reason"])
        return self.shown(made[0], code=status.HTTP_201_CREATED)

    @extend_schema(request=ReasonSerializer)
    @action(detail=True, methods=["post"])
    def part(self, request: Request, pk: str | None = None) -> Response:
        """Say that the account is a person of its own after all; for administrators."""
        reason = self.valid(ReasonSerializer)["reason"]
        return self.shown(linking.part(account=self.get_object().account, by=request.user, reason=reason))


class MembershipEndSerializer(serializers.ModelSerializer):
    """Until when one account is in one group."""

    user = serializers.CharField(source="user.username")
    group = serializers.CharField(source="group.name")
    set_by = serializers.CharField(source="set_by.username")

    class Meta:
        model = MembershipEnd
        fields = ("id", "user", "group", "until", "reason", "set_by", "set_at")


class NewEndSerializer(serializers.Serializer):
    """A user name, a group's name, the moment and the reason."""

    user = serializers.CharField(max_length=150)
    group = serializers.CharField(max_length=150)
    until = serializers.DateTimeField()
    reason = serializers.CharField(max_length=4000)


class MembershipEndViewSet(ScopedViewSet):
    """Memberships of groups that end by themselves."""

    queryset = MembershipEnd.objects.select_related("user", "group", "set_by")
    serializer_class = MembershipEndSerializer
    cursor_ordering = ("until", "id")

    @extend_schema(request=NewEndSerializer, responses={201: MembershipEndSerializer})
    def create(self, request: Request) -> Response:
        """Let a membership end at a moment; for administrators."""
        asked = self.valid(NewEndSerializer)
        asked["user"] = access.account_named(asked["user"], field="user")
        asked["group"] = _group_named(asked["group"])
        return self.shown(memberships.end_membership(by=request.user, **asked), code=status.HTTP_201_CREATED)

    @extend_schema(request=OptionalReasonSerializer, responses={204: None})
    @action(detail=True, methods=["post"])
    def keep(self, request: Request, pk: str | None = None) -> Response:
        """Let the membership go on for good; for administrators."""
        reason = self.valid(OptionalReasonSerializer)["reason"]
        memberships.keep_membership(end=self.get_object(), by=request.user, reason=reason)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _group_named(name: str) -> Group:
    found = Group.objects.filter(name=name).first()
    if found is None:
        raise InvalidInput(f"There is no group {name!r}.", field="group")
    return found


class KindSeenSerializer(serializers.Serializer):
    """How many rows of one kind the account sees, counted no further than 10,000."""

    label = serializers.CharField()
    count = serializers.IntegerField()
    is_capped = serializers.BooleanField()


class RowSeenSerializer(serializers.Serializer):
    """One row that the account sees, and why."""

    id = serializers.CharField(source="row.pk")
    name = serializers.CharField(source="row.name")
    may_change = serializers.BooleanField()
    because = serializers.ListField(child=serializers.CharField())


class ActionSerializer(serializers.Serializer):
    """One thing that the account's roles permit, and which give it."""

    name = serializers.CharField()
    because = serializers.CharField()


class SeenSerializer(serializers.Serializer):
    """What one account sees: all kinds counted, or the rows and actions of one kind."""

    account = serializers.CharField()
    kinds = KindSeenSerializer(many=True)
    actions = ActionSerializer(many=True)
    rows = RowSeenSerializer(many=True)
    page = serializers.IntegerField()


class SeeAsView(APIView):
    """What an account sees and may do, and why; for administrators. Each look is on record."""

    permission_classes = (IsAuthenticated,)

    @extend_schema(
        responses=SeenSerializer,
        parameters=[
            OpenApiParameter("account", str, required=True, description="A user name."),
            OpenApiParameter("kind", str, description="A kind of collection, such as workbench.sheet."),
            OpenApiParameter("q", str, description="A part of the rows' names."),
            OpenApiParameter("page", int, description="Of 50 rows each, from 1."),
        ],
    )
    def get(self, request: Request) -> Response:
        """All kinds counted, or with `kind` its rows, its actions and the reason for each."""
        asked = request.query_params
        kind, number = asked.get("kind", ""), whole_number(asked.get("page"), field="page", default=1, at_most=10_000)
        model = seeing.kind_named(kind) if kind else None
        account = User.objects.filter(username=asked.get("account", "")).first()
        if account is None and request.user.is_superuser:
            raise InvalidInput(f"There is no account {asked.get('account', '')!r}.", field="account")
        seeing.look_as(account=account or request.user, by=request.user, kind=kind)
        return Response(SeenSerializer(_seen(account, model, asked.get("q", ""), number)).data)


def _seen(account: Any, model: Any, query: str, number: int) -> dict[str, Any]:
    if model is None:
        return {"account": account.username, "kinds": seeing.counts_of(account), "actions": [], "rows": [], "page": 1}
    start = (number - 1) * seeing.ROWS
    rows = list(seeing.rows_of(account, model, query=query)[start : start + seeing.ROWS])
    return {
        "account": account.username,
        "kinds": [],
        "actions": seeing.actions_of(account, model),
        "rows": seeing.explain(account, rows),
        "page": number,
    }
