"""The four lineage questions and the graph, by REST."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from governance.api.pagination import NewestFirst
from governance.api.views import MayView
from governance.errors import InvalidInput
from governance.uses import uses_in
from labeling.models import TrainingSheet
from training.lineage import graph, recall, selectors
from training.models import LineagePair, ModelTrainingLineage, ModelVersion


class LineageSerializer(serializers.ModelSerializer):
    """One model version and one Training Sheet that it learned from."""

    model_name = serializers.CharField(source="model_version.model.name")
    model_version_number = serializers.IntegerField(source="model_version.number")
    training_sheet_name = serializers.CharField(source="training_sheet.name")
    dataset = serializers.CharField(source="dataset_version.__str__")
    created_by = serializers.StringRelatedField()

    class Meta:
        model = ModelTrainingLineage
        fields = (
            "id", "model_version", "model_name", "model_version_number", "training_sheet", "training_sheet_name",
            "dataset_version", "dataset", "training_sheet_version", "train_pair_count", "val_pair_count",
            "training_config", "mlflow_run_id", "trained_at", "created_by",
        )  # fmt: skip


class LineagePairSerializer(serializers.ModelSerializer):
    """One pair that a model learned from: its chat, and who approved it."""

    item_ref = serializers.CharField(source="pair.item_ref")
    messages = serializers.JSONField(source="pair.messages")
    answer = serializers.SerializerMethodField()
    status = serializers.CharField(source="pair.status")
    labeling_mode = serializers.CharField(source="pair.labeling_mode")
    quality_score = serializers.FloatField(source="pair.quality_score", allow_null=True)
    reviewed_by = serializers.CharField(source="pair.reviewed_by.display_name", default=None)
    reviewed_at = serializers.DateTimeField(source="pair.reviewed_at", allow_null=True)
    permits = serializers.SerializerMethodField()

    class Meta:
        model = LineagePair
        fields = (
            "pair", "split", "item_ref", "messages", "answer", "status", "labeling_mode", "quality_score",
            "reviewed_by", "reviewed_at", "permits",
        )  # fmt: skip

    def get_answer(self, row: LineagePair) -> Any:
        return row.pair.answer.shown if row.pair.answer else None

    def get_permits(self, row: LineagePair) -> list[str]:
        return uses_in(row.pair.effective_constraint.uses_now)


class EvaluationSummarySerializer(serializers.Serializer):
    """How one model did on one set."""

    id = serializers.UUIDField()
    dataset = serializers.CharField(source="dataset_version.__str__")
    split = serializers.CharField()
    metrics = serializers.JSONField()


class LineageComparisonSerializer(serializers.Serializer):
    """One model of a Training Sheet, with its evaluations."""

    lineage = LineageSerializer()
    evaluations = EvaluationSummarySerializer(many=True)


class NodeSerializer(serializers.Serializer):
    """One thing in the chain."""

    key = serializers.CharField()
    label = serializers.CharField()
    sublabel = serializers.CharField()
    layer = serializers.IntegerField()


class EdgeSerializer(serializers.Serializer):
    """`target` was made from `source`."""

    source = serializers.CharField()
    target = serializers.CharField()


class GraphSerializer(serializers.Serializer):
    """Everything around one node; `cut` when there is more than was returned."""

    nodes = NodeSerializer(many=True)
    edges = EdgeSerializer(many=True)
    cut = serializers.BooleanField()


class ReachedSerializer(serializers.Serializer):
    """One asset that holds rows made from the subject."""

    name = serializers.CharField(source="label")
    rows = serializers.IntegerField(allow_null=True)
    state = serializers.CharField()


class RecallGroupSerializer(serializers.Serializer):
    """Assets of one kind; `more` when there are others than those listed."""

    title = serializers.CharField()
    assets = ReachedSerializer(many=True)
    more = serializers.BooleanField()


class RecallSerializer(serializers.Serializer):
    """What one row reached, as far as the caller may see it."""

    kind = serializers.CharField(source="subject.kind")
    object_id = serializers.UUIDField(source="subject.pk")
    subject = serializers.CharField(source="subject.words")
    labels = serializers.IntegerField()
    pairs = serializers.IntegerField()
    groups = RecallGroupSerializer(many=True)


class InsertionOrder(NewestFirst):
    """Pairs in the order they were recorded."""

    ordering = ("pk",)


class LineageViewSet(ViewSet):
    """Which data made which model, and which model came of which data."""

    queryset = ModelTrainingLineage.objects.all()
    permission_classes = (MayView,)

    @extend_schema(
        parameters=[OpenApiParameter("node", str, required=True, description="kind:id, such as model:<uuid>")],
        responses=GraphSerializer,
    )
    def graph(self, request: Request) -> Response:
        """Source, Sheet, Training Sheet, dataset, run, model version and evaluation around one node, both ways."""
        slug, _, key = request.query_params.get("node", "").partition(":")
        try:
            chain = graph.chain_around(slug, UUID(key), request.user)
        except ValueError as error:
            raise InvalidInput(f"{key!r} is no id; expected kind:uuid.", field="node") from error
        nodes, edges = graph.drawing(chain)
        return Response(GraphSerializer({"nodes": nodes, "edges": edges, "cut": chain.cut}).data)

    @extend_schema(
        operation_id="recall",
        parameters=[
            OpenApiParameter(
                "kind", str, required=True,
                description="Such as workbench.sheet, labeling.qapair, governance.tagrule, governance.constraintchange",
            ),
            OpenApiParameter("object_id", UUID, required=True),
        ],
        responses=RecallSerializer,
    )
    def recall(self, request: Request) -> Response:
        """Every label, pair, dataset, export, model version and evaluation made from a row.

        Or from all that carries a tag, or from what a change of a constraint changed.
        """
        asked = request.query_params
        subject = recall.subject_of(asked.get("kind", ""), asked.get("object_id", ""), request.user)
        return Response(RecallSerializer(recall.recall(subject, request.user)).data)

    @extend_schema(responses=LineageSerializer(many=True))
    def models(self, request: Request, pk: UUID) -> Response:
        """Which model versions learned from this Training Sheet."""
        rows = selectors.models_trained_on(self._sheet(request, pk), request.user)
        return Response(LineageSerializer(rows, many=True).data)

    @extend_schema(responses=LineageComparisonSerializer(many=True))
    def comparison(self, request: Request, pk: UUID) -> Response:
        """The models that learned from this Training Sheet, with their evaluations."""
        rows = selectors.compare_models_on(self._sheet(request, pk), request.user)
        return Response(LineageComparisonSerializer(rows, many=True).data)

    @extend_schema(responses=LineageSerializer(many=True))
    def training_sheets(self, request: Request, pk: UUID) -> Response:
        """Which Training Sheets this model version learned from."""
        rows = selectors.training_sheets_of(self._version(request, pk), request.user)
        return Response(LineageSerializer(rows, many=True).data)

    @extend_schema(responses=LineagePairSerializer(many=True))
    def pairs(self, request: Request, pk: UUID) -> Response:
        """The very pairs that this model version learned from; pages by cursor."""
        pages = InsertionOrder()
        rows = pages.paginate_queryset(selectors.pairs_of(self._version(request, pk), request.user), request, self)
        return pages.get_paginated_response(LineagePairSerializer(rows, many=True).data)

    def _sheet(self, request: Request, pk: UUID) -> TrainingSheet:
        return get_object_or_404(TrainingSheet.objects.visible_to(request.user), pk=pk)

    def _version(self, request: Request, pk: UUID) -> ModelVersion:
        return get_object_or_404(ModelVersion.objects.visible_to(request.user), pk=pk)
