"""The API of quality checks: start one, read and decide findings, read what was measured of each pair."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from governance.api.fields import (
    ChoiceField,
    ClassificationField,
    OptionalReasonSerializer,
    ReasonSerializer,
    ScopedRelatedField,
    UsesField,
)
from governance.api.filtering import Filters
from governance.api.views import ScopedViewSet, accepted
from governance.errors import InvalidInput
from governance.models import Job
from labeling.generation.models import TrainingSheet
from labeling.quality import services
from labeling.quality.kinds import label_of
from labeling.quality.models import Finding, PairCheck

JOB = OpenApiResponse(OpenApiTypes.OBJECT, description="As a job.")


class PlaceSerializer(serializers.Serializer):
    """Which text, and where in it in characters. What stands there is read from the pair, by those who may see it."""

    part = serializers.CharField()
    start = serializers.IntegerField()
    length = serializers.IntegerField()


class FindingSerializer(serializers.ModelSerializer):
    """What a check found in a pair. `prohibits` and `classification` are proposed; nothing binds until accepted."""

    item_ref = serializers.CharField(source="pair.item_ref", read_only=True)
    label = serializers.SerializerMethodField()
    places = PlaceSerializer(many=True, read_only=True)
    prohibits = UsesField(source="proposed_prohibited", read_only=True)
    classification = ClassificationField(source="proposed_classification", read_only=True)
    decided_by = serializers.StringRelatedField(allow_null=True)

    class Meta:
        model = Finding
        fields = (
            "id", "training_sheet", "pair", "item_ref", "detector", "kind", "label", "places", "score", "other",
            "proposes", "prohibits", "classification", "state", "found_at", "decided_by", "decided_at", "reason",
            "constraint_change",
        )  # fmt: skip

    def get_label(self, finding: Finding) -> str:
        return label_of(finding.kind)


class CheckSerializer(serializers.Serializer):
    """Whose pairs to check."""

    training_sheet = ScopedRelatedField(queryset=TrainingSheet.objects.all())


class FindingOutcomeSerializer(serializers.Serializer):
    """How many were decided, were not open any more, or were refused, and why."""

    decided = serializers.IntegerField()
    left = serializers.IntegerField()
    refused = serializers.IntegerField()
    refusals = serializers.ListField(child=serializers.DictField())


class BulkFindingsSerializer(serializers.Serializer):
    """One decision about many findings: those in `findings`, or all that match `filter` (as in the list)."""

    action = ChoiceField(choices=[*services.ACTIONS])
    reason = serializers.CharField(max_length=4000, required=False, allow_blank=True, default="")
    findings = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=10_000)
    filter = serializers.DictField(child=serializers.CharField(), required=False)


class FindingFilters(Filters):
    """By Training Sheet, pair, detector, kind and state."""

    class Meta:
        model = Finding
        fields = ("training_sheet", "pair", "detector", "kind", "state")


class FindingViewSet(ScopedViewSet):
    """What quality checks found in pairs, newest first: where, and what they propose."""

    queryset = Finding.objects.select_related("pair", "decided_by")
    serializer_class = FindingSerializer
    filterset_class = FindingFilters
    cursor_ordering = ("-id",)

    @extend_schema(request=CheckSerializer, responses={202: JOB}, filters=False)
    @action(detail=False, methods=["post"])
    def check(self, request: Request) -> Response:
        """Check the pairs of a Training Sheet, as a job. What is unchanged since the last check stays as it was."""
        sheet = self.valid(CheckSerializer)["training_sheet"]
        return accepted(request, services.start_check(training_sheet=sheet, by=request.user))

    @extend_schema(request=OptionalReasonSerializer)
    @action(detail=True, methods=["post"])
    def accept(self, request: Request, pk: str | None = None) -> Response:
        """Make the pair's constraint as strict as proposed. Acts at once; never makes it looser."""
        reason = self.valid(OptionalReasonSerializer)["reason"]
        return self.shown(services.accept_finding(finding=self.get_object(), by=request.user, reason=reason))

    @extend_schema(request=ReasonSerializer)
    @action(detail=True, methods=["post"])
    def dismiss(self, request: Request, pk: str | None = None) -> Response:
        """Say that it is none."""
        reason = self.valid(ReasonSerializer)["reason"]
        return self.shown(services.dismiss_finding(finding=self.get_object(), by=request.user, reason=reason))

    @extend_schema(
        request=BulkFindingsSerializer, responses={200: FindingOutcomeSerializer, 202: JOB}, filters=False
    )
    @action(detail=False, methods=["post"])
    def bulk(self, request: Request) -> Response:
        """One decision about many findings. Above 100 as a job."""
        values: dict[str, Any] = self.valid(BulkFindingsSerializer)
        if ("findings" in values) == ("filter" in values):
            raise InvalidInput("Send either findings or filter.", field="findings")
        outcome = services.decide_many(
            findings=self._chosen(values), action=values["action"], by=request.user, reason=values["reason"]
        )
        return accepted(request, outcome) if isinstance(outcome, Job) else Response(outcome.as_json())

    def _chosen(self, values: dict[str, Any]) -> QuerySet[Finding]:
        rows = self.get_queryset()
        if "findings" in values:
            return rows.filter(pk__in=values["findings"])
        if unknown := sorted(set(values["filter"]) - set(FindingFilters.base_filters)):
            raise InvalidInput(f"{', '.join(unknown)}: findings have no such filter.", field="filter")
        chosen = FindingFilters(values["filter"], queryset=rows, request=self.request)
        if not chosen.is_valid():
            raise InvalidInput(f"The filter cannot be used: {chosen.errors.as_text()}", field="filter")
        return chosen.qs


class PairCheckSerializer(serializers.ModelSerializer):
    """What the last check measured of a pair; `parts` make up its quality score, `rank` 0 is the most informative."""

    quality_score = serializers.FloatField(source="pair.quality_score", read_only=True, allow_null=True)
    parts = serializers.DictField(child=serializers.FloatField(), read_only=True)

    class Meta:
        model = PairCheck
        fields = ("id", "training_sheet", "pair", "quality_score", "parts", "disagreement", "rank", "because",
                  "checked_at")  # fmt: skip


class PairCheckViewSet(ScopedViewSet):
    """What quality checks measured of pairs."""

    queryset = PairCheck.objects.select_related("pair").defer("signature")
    serializer_class = PairCheckSerializer
    filterset_fields = ("training_sheet", "pair")
    cursor_ordering = ("-id",)
