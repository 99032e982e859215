"""The API of standing rules of assignment."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from governance import access
from governance.api.fields import ReasonSerializer, ScopedRelatedField
from governance.api.views import ScopedViewSet
from labeling.labelsets.models import LabelType
from labeling.review import assigning, standing
from labeling.review.models import AssignmentRule
from workbench.models import Sheet


class AssignmentRuleSerializer(serializers.ModelSerializer):
    """Who is dealt pairs that are made from a Sheet for a label type; in force while `ended_at` is null."""

    people: Any = serializers.SlugRelatedField("username", many=True, read_only=True)
    set_by: Any = serializers.SlugRelatedField("username", read_only=True)
    ended_by: Any = serializers.SlugRelatedField("username", read_only=True, allow_null=True)

    class Meta:
        model = AssignmentRule
        fields = (
            "id", "sheet", "label_type", "people", "reason", "dealt", "set_by", "set_at", "ended_by", "ended_at",
            "end_reason",
        )  # fmt: skip


class NewAssignmentRuleSerializer(serializers.Serializer):
    """From which Sheet, for which label type, to whom (user names) and why."""

    sheet = ScopedRelatedField(queryset=Sheet.objects.all())
    label_type = serializers.PrimaryKeyRelatedField(queryset=LabelType.objects.all())
    people = serializers.ListField(
        child=serializers.CharField(max_length=150), allow_empty=False, max_length=assigning.MOST_NAMED
    )
    reason = serializers.CharField(max_length=4000)


class AssignmentRuleViewSet(ScopedViewSet):
    """Standing rules: pairs that are made later are dealt to the same people in turn."""

    queryset = AssignmentRule.objects.select_related("set_by", "ended_by").prefetch_related("people")
    serializer_class = AssignmentRuleSerializer
    filterset_fields = ("sheet", "label_type")
    cursor_ordering = ("-set_at", "-id")

    @extend_schema(request=NewAssignmentRuleSerializer, responses={201: AssignmentRuleSerializer})
    def create(self, request: Request) -> Response:
        """Set a rule, in place of the one in force for this Sheet and label type."""
        values: dict[str, Any] = self.valid(NewAssignmentRuleSerializer)
        user: Any = request.user
        access.require(user, standing.SET)
        people = assigning.named_people(values.pop("people"))
        return self.shown(standing.set_rule(people=people, by=user, **values), status.HTTP_201_CREATED)

    @extend_schema(request=ReasonSerializer)
    @action(detail=True, methods=["post"])
    def end(self, request: Request, pk: str | None = None) -> Response:
        """End a rule; what it has dealt stays dealt."""
        user: Any = request.user
        return self.shown(standing.end_rule(rule=self.get_object(), by=user, **self.valid(ReasonSerializer)))
