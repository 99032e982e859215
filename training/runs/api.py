"""The API of trainers, runs, models and their versions."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from governance import jobs
from governance.api.fields import ChoiceField, ScopedRelatedField
from governance.api.views import ScopedViewSet, ShareActions, accepted
from labeling.models import UseCase
from training.datasets.models import DatasetVersion
from training.runs import affected, selectors, services
from training.runs.models import AffectedDecision, ModelVersion, RegisteredModel, TrainingRun
from training.trainers import Trainer, trainers


class HyperparameterSerializer(serializers.Serializer):
    """One setting that a trainer declares."""

    name = serializers.CharField()
    type = ChoiceField(choices=["int", "float", "choice", "bool"])
    default = serializers.JSONField()
    help = serializers.CharField()
    minimum = serializers.FloatField(allow_null=True)
    maximum = serializers.FloatField(allow_null=True)
    choices = serializers.ListField(child=serializers.CharField())


class TrainerSerializer(serializers.Serializer):
    """One way to train, with the base models and hyperparameters that it takes."""

    slug = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment] # a field, not the label
    base_models = serializers.ListField(child=serializers.DictField(child=serializers.CharField()))
    hyperparameters = HyperparameterSerializer(many=True)


class RunSerializer(serializers.ModelSerializer):
    """One training; `counts` say how many pairs were approved, permitted and prohibited, and why."""

    created_by = serializers.StringRelatedField()
    model = serializers.SerializerMethodField()
    model_version = serializers.SerializerMethodField()

    class Meta:
        model = TrainingRun
        fields = (
            "id", "name", "dataset_version", "model", "model_version", "trainer", "base_model", "hyperparameters",
            "status", "counts", "metrics", "mlflow_run_id", "error", "created_by", "created_at", "started_at",
            "finished_at",
        )  # fmt: skip

    @extend_schema_field(serializers.UUIDField(allow_null=True))
    def get_model(self, run: Any) -> Any:
        """Null where the model is not shared with the caller."""
        return str(run.model_id) if run.seen_model else None

    @extend_schema_field(serializers.UUIDField(allow_null=True))
    def get_model_version(self, run: Any) -> Any:
        version = getattr(run, "model_version", None) if run.seen_model else None
        return str(version.pk) if version else None


class NewRunSerializer(serializers.Serializer):
    """Dataset version, names, trainer and its settings; `model_name` makes the model when there is none."""

    dataset_version = ScopedRelatedField(queryset=DatasetVersion.objects.all())
    name = serializers.CharField(max_length=120)
    model_name = serializers.CharField(max_length=120)
    trainer = serializers.CharField(max_length=64)
    base_model = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")
    hyperparameters = serializers.DictField(required=False, default=dict)


class ModelSerializer(serializers.ModelSerializer):
    """A named model."""

    owner = serializers.StringRelatedField()

    class Meta:
        model = RegisteredModel
        fields = ("id", "name", "description", "use_case", "owner", "created_at")


class ModelChangeSerializer(serializers.Serializer):
    """What a model is for; its name stays."""

    description = serializers.CharField(allow_blank=True)
    use_case = ScopedRelatedField(queryset=UseCase.objects.all(), allow_null=True, required=False, default=None)


class ModelVersionRowSerializer(serializers.ModelSerializer):
    """One trained version, as lists show it."""

    class Meta:
        model = ModelVersion
        fields: tuple[str, ...] = ("id", "model", "number", "run", "uri", "aliases", "created_at")


class AffectedDecisionSerializer(serializers.ModelSerializer):
    """What someone accountable decided about a version that learned from rows which would not permit it today."""

    decided_by = serializers.StringRelatedField()

    class Meta:
        model = AffectedDecision
        fields = ("verdict", "reason", "pairs", "decided_by", "decided_at")
        read_only_fields = ("pairs", "decided_at")


class ModelVersionSerializer(ModelVersionRowSerializer):
    """One trained version; `affected` counts its pairs that would not permit training today, by reason."""

    affected = serializers.SerializerMethodField()
    decisions = AffectedDecisionSerializer(many=True, read_only=True)

    class Meta(ModelVersionRowSerializer.Meta):
        fields = (*ModelVersionRowSerializer.Meta.fields, "affected", "decisions")

    @extend_schema_field({"type": "object", "additionalProperties": {"type": "integer"}})
    def get_affected(self, version: ModelVersion) -> dict[str, int]:
        return selectors.why_affected(version)


class AliasSerializer(serializers.Serializer):
    """A name such as champion."""

    alias = serializers.CharField(max_length=40)


class TrainerViewSet(ViewSet):
    """The installed trainers."""

    permission_classes = (IsAuthenticated,)

    @extend_schema(responses=TrainerSerializer(many=True))
    def list(self, request: Request) -> Response:
        """What can be trained with which settings."""
        return Response([_as_json(trainer) for trainer in trainers()])


def _as_json(trainer: Trainer) -> dict[str, Any]:
    return {
        "slug": trainer.slug,
        "label": trainer.label,
        "base_models": [{"value": value, "label": label} for value, label in trainer.base_models],
        "hyperparameters": [asdict(setting) for setting in trainer.hyperparameters],
    }


class RunViewSet(ScopedViewSet):
    """Training runs."""

    queryset = TrainingRun.objects.select_related("dataset_version__dataset", "created_by", "model_version")
    serializer_class = RunSerializer
    filterset_fields = ("status", "dataset_version", "model", "trainer")

    def get_queryset(self) -> Any:
        return selectors.seen_by(super().get_queryset(), self.request.user)

    @extend_schema(request=NewRunSerializer, responses={202: OpenApiResponse(description="A job trains it")})
    def create(self, request: Request) -> Response:
        """Train a new version of a model, as a job."""
        run = services.start_run(by=request.user, **self.valid(NewRunSerializer))
        return accepted(request, jobs.latest_for(run), run=str(run.pk), counts=run.counts)


class ModelViewSet(ShareActions, ScopedViewSet):
    """Registered models."""

    queryset = RegisteredModel.objects.select_related("owner")
    serializer_class = ModelSerializer
    filterset_fields = ("name", "use_case")

    @extend_schema(request=ModelChangeSerializer)
    def partial_update(self, request: Request, pk: str | None = None) -> Response:
        """Say what the model is for."""
        model = self.get_object()
        asked = {"description": model.description, "use_case": model.use_case}
        asked |= {key: value for key, value in self.valid(ModelChangeSerializer, partial=True).items()
                  if key in request.data}  # fmt: skip
        return self.shown(services.describe_model(model=model, by=request.user, **asked))


class ModelVersionViewSet(ScopedViewSet):
    """Versions of models, with their aliases and what became of their training data."""

    queryset = ModelVersion.objects.select_related("model", "run").prefetch_related("decisions__decided_by")
    serializer_class = ModelVersionSerializer
    filterset_fields = ("model", "run")

    def get_serializer_class(self) -> type[serializers.BaseSerializer[Any]]:
        return ModelVersionRowSerializer if self.action == "list" else ModelVersionSerializer

    @extend_schema(request=AffectedDecisionSerializer)
    @action(detail=True, methods=["post"], url_path="decide-affected")
    def decide_affected(self, request: Request, pk: str | None = None) -> Response:
        """Say whether an affected version may stay in use. It holds for the pairs that are affected now."""
        asked = self.valid(AffectedDecisionSerializer)
        version = self.get_object()
        affected.decide_on_affected(
            model_version=version, verdict=asked["verdict"], reason=asked["reason"], by=request.user
        )
        return self.shown(self.get_object())

    @extend_schema(request=AliasSerializer)
    @action(detail=True, methods=["post"], url_path="set-alias")
    def set_alias(self, request: Request, pk: str | None = None) -> Response:
        """Let an alias name this version and no other of the model."""
        alias = self.valid(AliasSerializer)["alias"]
        return self.shown(services.set_alias(model_version=self.get_object(), alias=alias, by=request.user))
