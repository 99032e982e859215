"""The API of tag rules and declassifications."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from governance.api.fields import ClassificationField, ReasonSerializer, UsesField
from governance.api.views import ScopedViewSet, WhatIfSerializer, requested
from governance.models import Declassification, TagRule
from governance.rules import declassifications, tag_rules
from governance.rules.selectors import derived_row


class TagRuleSerializer(serializers.ModelSerializer):
    """What one catalog tag permits."""

    allowed_uses = UsesField()
    data_classification = ClassificationField()

    class Meta:
        model = TagRule
        fields = ("id", "tag", "allowed_uses", "data_classification", "reason")


class RuleSerializer(serializers.Serializer):
    """What a tag is to permit, and why."""

    allowed_uses = UsesField()
    data_classification = ClassificationField()
    reason = serializers.CharField(max_length=4000)


class NewRuleSerializer(RuleSerializer):
    """A tag and what it is to permit."""

    tag = serializers.CharField(max_length=64)


class TagRuleViewSet(ScopedViewSet):
    """What catalog tags mean."""

    queryset = TagRule.objects.all()
    serializer_class = TagRuleSerializer
    cursor_ordering = ("tag",)

    @extend_schema(request=NewRuleSerializer, responses={201: TagRuleSerializer})
    def create(self, request: Request) -> Response:
        """Give a tag a meaning. It binds at once what carries the tag."""
        asked = self.valid(NewRuleSerializer)
        rule = tag_rules.add_rule(tag=asked.pop("tag"), terms=tag_rules.Rule(**asked), by=request.user)
        return self.shown(rule, status.HTTP_201_CREATED)

    @extend_schema(request=RuleSerializer)
    @action(detail=True, methods=["post"])
    def tighten(self, request: Request, pk: str | None = None) -> Response:
        """Make the rule stricter. Acts at once on everything made from what carries the tag."""
        return self.shown(tag_rules.tighten_rule(rule=self.get_object(), terms=self._terms(), by=request.user))

    @extend_schema(request=RuleSerializer, responses=WhatIfSerializer)
    @action(detail=True, methods=["post"], url_path="what-if")
    def what_if(self, request: Request, pk: str | None = None) -> Response:
        """What the rule would change. Changes nothing."""
        return Response(tag_rules.what_if(rule=self.get_object(), terms=self._terms(), by=request.user).as_json())

    @extend_schema(request=RuleSerializer, responses={202: None})
    @action(detail=True, methods=["post"], url_path="request-relaxation")
    def request_relaxation(self, request: Request, pk: str | None = None) -> Response:
        """Ask for a looser rule; a compliance officer decides."""
        asked = tag_rules.request_relaxed_rule(rule=self.get_object(), terms=self._terms(), by=request.user)
        return requested(request, asked)

    def _terms(self) -> tag_rules.Rule:
        return tag_rules.Rule(**self.valid(RuleSerializer))


class DeclassificationSerializer(serializers.ModelSerializer):
    """Leave for what one tool makes to permit more than its sources do.

    `standing` is one of: asked for, in force, ended, run out.
    """

    permits = UsesField(source="grants_uses")
    classification = ClassificationField(source="grants_classification")
    until = serializers.DateTimeField(source="permitted_until")
    reason = serializers.CharField(source="usage_reason")
    requested_by = serializers.StringRelatedField()
    standing = serializers.CharField(read_only=True)
    lifted = serializers.SerializerMethodField()

    class Meta:
        model = Declassification
        fields = (
            "id", "scope", "scope_label", "lifted", "permits", "classification", "until", "reason", "standing",
            "requested_by", "requested_at", "approved_at", "ended_at", "end_reason",
        )  # fmt: skip

    def get_lifted(self, one: Declassification) -> list[dict[str, Any]]:
        """The sources, each with what it permitted when this was asked for."""
        shown: list[dict[str, Any]] = declassifications.shown(one)["lifted"]
        return shown


class LeaveSerializer(serializers.Serializer):
    """`kind` and `object_id` name a row that the tool made, such as `labeling.qapair`."""

    kind = serializers.CharField(max_length=100)
    object_id = serializers.UUIDField()
    permits = UsesField()
    classification = ClassificationField()
    until = serializers.DateTimeField()
    reason = serializers.CharField(max_length=4000)


class DeclassificationViewSet(ScopedViewSet):
    """Leave for what one tool makes to permit more than its sources do, until a date."""

    queryset = Declassification.objects.select_related("requested_by")
    serializer_class = DeclassificationSerializer
    cursor_ordering = ("-requested_at", "-id")

    @extend_schema(request=LeaveSerializer, responses={202: None})
    def create(self, request: Request) -> Response:
        """Ask for it; a compliance officer decides. Nothing changes until then."""
        row, leave = self._asked()
        return requested(
            request, declassifications.request_declassification(row=row, leave=leave, by=request.user)
        )

    @extend_schema(request=LeaveSerializer, responses=WhatIfSerializer)
    @action(detail=False, methods=["post"], url_path="what-if")
    def what_if(self, request: Request) -> Response:
        """What it would change. Changes nothing."""
        row, leave = self._asked()
        return Response(declassifications.what_if_given(row=row, leave=leave, by=request.user).as_json())

    @extend_schema(request=ReasonSerializer)
    @action(detail=True, methods=["post"])
    def end(self, request: Request, pk: str | None = None) -> Response:
        """End it now; its sources bind again at once."""
        reason = self.valid(ReasonSerializer)["reason"]
        return self.shown(
            declassifications.end(declassification=self.get_object(), reason=reason, by=request.user)
        )

    def _asked(self) -> tuple[Any, declassifications.Leave]:
        asked = self.valid(LeaveSerializer)
        row = derived_row(asked["kind"], asked["object_id"], self.request.user)
        return row, declassifications.Leave(
            uses=asked["permits"], classification=asked["classification"], until=asked["until"],
            reason=asked["reason"],
        )  # fmt: skip
