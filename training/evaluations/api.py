"""The API of evaluations: start, look, compare."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from governance import jobs
from governance.api.fields import ChoiceField, ScopedRelatedField
from governance.api.views import ScopedViewSet, accepted
from training.datasets.models import DatasetVersion
from training.evaluations import selectors, services
from training.evaluations.models import Evaluation, EvaluationAnswer
from training.runs.models import ModelVersion
from workbench.models import ModelEndpoint


class EvaluationSerializer(serializers.ModelSerializer):
    """One model on one side of a set; `metrics` carry intervals as `…_low` and `…_high`."""

    created_by = serializers.StringRelatedField()
    name = serializers.SerializerMethodField()
    model_version = serializers.SerializerMethodField()

    class Meta:
        model = Evaluation
        fields = (
            "id", "name", "dataset_version", "split", "model_version", "endpoint", "status", "counts", "metrics",
            "error", "created_by", "created_at", "finished_at",
        )  # fmt: skip

    def get_name(self, evaluation: Evaluation) -> str:
        return f"{selectors.asked(evaluation)} on {evaluation}"

    @extend_schema_field(serializers.UUIDField(allow_null=True))
    def get_model_version(self, evaluation: Any) -> str | None:
        """Null also where the model is not shared with the caller."""
        shown = evaluation.sees_model and evaluation.model_version_id
        return str(shown) if shown else None


class NewEvaluationSerializer(serializers.Serializer):
    """A set, and either a model version or an endpoint; an empty split takes the held-out side."""

    dataset_version = ScopedRelatedField(queryset=DatasetVersion.objects.all())
    split = ChoiceField(choices=["", "validation", "test"], required=False, default="")
    model_version = ScopedRelatedField(
        queryset=ModelVersion.objects.all(), required=False, allow_null=True, default=None
    )
    endpoint = ScopedRelatedField(queryset=ModelEndpoint.objects.all(), required=False, allow_null=True, default=None)


class AnswerSerializer(serializers.ModelSerializer):
    """What the model said to one item."""

    item_ref = serializers.CharField(source="member.item_ref", read_only=True)
    expected = serializers.JSONField(source="member.answer.shown", read_only=True)

    class Meta:
        model = EvaluationAnswer
        fields = ("id", "item_ref", "expected", "answer", "is_correct", "confidence", "error")


class PairwiseSerializer(serializers.Serializer):
    """The first evaluation against another one."""

    other = serializers.UUIDField()
    shared_items = serializers.IntegerField()
    mcnemar = serializers.DictField(allow_null=True)
    verdict = serializers.CharField()


class DifferenceSerializer(serializers.Serializer):
    """One item on which right and wrong differ; answers in the order of the evaluations."""

    item_ref = serializers.CharField()
    expected = serializers.CharField()
    answers = serializers.ListField(child=serializers.CharField(allow_null=True))


class ComparisonSerializer(serializers.Serializer):
    """Evaluations side by side."""

    same_set = serializers.BooleanField()
    evaluations = EvaluationSerializer(many=True)
    pairwise = PairwiseSerializer(many=True)
    differences = DifferenceSerializer(many=True)


class EvaluationViewSet(ScopedViewSet):
    """How well models and endpoints answer sets that permit it."""

    queryset = Evaluation.objects.select_related(
        "dataset_version__dataset", "model_version__model", "endpoint", "created_by"
    )
    serializer_class = EvaluationSerializer
    filterset_fields = ("dataset_version", "model_version", "endpoint", "status")

    def get_queryset(self) -> Any:
        return selectors.seen_by(super().get_queryset(), self.request.user)

    @extend_schema(request=NewEvaluationSerializer, responses={202: OpenApiResponse(description="A job evaluates")})
    def create(self, request: Request) -> Response:
        """Ask one model all permitted questions of one side, as a job."""
        evaluation = services.start_evaluation(by=request.user, **self.valid(NewEvaluationSerializer))
        return accepted(request, jobs.latest_for(evaluation), evaluation=str(evaluation.pk))

    @extend_schema(responses=AnswerSerializer(many=True))
    @action(detail=True, filterset_fields=())
    def answers(self, request: Request, pk: str | None = None) -> Response:
        """Every answer, in the order of the questions."""
        rows = self.get_object().answers.select_related("member__answer").order_by("id")
        self.cursor_ordering = ("id",)
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(AnswerSerializer(page, many=True).data)

    @extend_schema(
        parameters=[OpenApiParameter("evaluations", str, required=True, description="Two ids or more, with commas")],
        responses=ComparisonSerializer,
    )
    @action(detail=False, pagination_class=None, filterset_fields=())
    def compare(self, request: Request) -> Response:
        """Scores with intervals, McNemar's test against the first, and the items on which they differ."""
        ids = [one for one in request.query_params.get("evaluations", "").split(",") if one]
        found = selectors.compare(selectors.chosen_evaluations(ids, request.user))
        return Response(self._compared(found))

    def _compared(self, found: selectors.Comparison) -> dict[str, Any]:
        return {
            "same_set": found.same_set,
            "evaluations": self.get_serializer(found.evaluations, many=True).data,
            "pairwise": [one.as_json() for one in found.pairwise],
            "differences": [
                {"item_ref": one.item_ref, "expected": one.expected,
                 "answers": [answer.answer if answer else None for answer in one.answers]}
                for one in found.differences
            ],
        }  # fmt: skip
