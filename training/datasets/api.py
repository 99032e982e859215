"""The API of Curated Datasets and their versions."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch, QuerySet, prefetch_related_objects
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from governance.api.fields import ChoiceField, ReasonSerializer, ScopedRelatedField
from governance.api.views import ScopedViewSet, ShareActions, accepted, requested, whole_number
from governance.uses import Use
from labeling.models import LabelType, QAPair, TemplateVersion, TrainingSheet, UseCase
from training.datasets import selectors, services
from training.datasets.models import CuratedDataset, DatasetMember, DatasetVersion
from training.runs.selectors import summary
from workbench.models import Sheet


class SplitSerializer(serializers.Serializer):
    """Shares that add up to one; `by` names a column whose value keeps items on one side."""

    train = serializers.FloatField(min_value=0, max_value=1)
    validation = serializers.FloatField(min_value=0, max_value=1, default=0.0)
    test = serializers.FloatField(min_value=0, max_value=1, default=0.0)
    by = serializers.CharField(max_length=128, allow_blank=True, default="")


class RulesSerializer(serializers.Serializer):
    """Which approved pairs to take; what is left out does not restrict."""

    min_confidence = serializers.FloatField(min_value=0, max_value=1, allow_null=True, default=None)
    min_quality = serializers.FloatField(min_value=0, max_value=1, allow_null=True, default=None)
    origins = serializers.ListField(child=ChoiceField(choices=QAPair.Origin.choices), default=list)
    uses = serializers.ListField(child=ChoiceField(choices=Use.choices), default=list)


def shown_sheets(path: str, user: Any) -> Prefetch[Any]:
    """The Training Sheets along `path` that `user` may see, in one query for a whole page."""
    rows = TrainingSheet.objects.visible_to(user).order_by("created_at", "id")
    return Prefetch(path, queryset=rows, to_attr="shown_sheets")


class DatasetVersionSerializer(serializers.ModelSerializer):
    """One selection; members, counts, exclusions and fingerprint are there once it is frozen."""

    created_by = serializers.StringRelatedField()
    name = serializers.CharField(source="__str__", read_only=True)
    training_sheets = serializers.SerializerMethodField()
    rules = RulesSerializer(read_only=True)

    class Meta:
        model = DatasetVersion
        fields = (
            "id", "dataset", "name", "number", "status", "status_reason", "training_sheets", "label_sheet",
            "label_type", "label_template", "rules", "counts", "exclusions", "metrics", "fingerprint", "frozen_at",
            "created_by", "created_at",
        )  # fmt: skip

    @extend_schema_field({"type": "array", "items": {"type": "string", "format": "uuid"}})
    def get_training_sheets(self, version: DatasetVersion) -> list[str]:
        """Only those that the caller may see."""
        if not hasattr(version, "shown_sheets"):
            prefetch_related_objects([version], shown_sheets("training_sheets", self.context["request"].user))
        return [str(sheet.pk) for sheet in version.shown_sheets]  # type: ignore[attr-defined]


class CuratedDatasetSerializer(serializers.ModelSerializer):
    """The identity of a dataset, with its newest version."""

    owner = serializers.StringRelatedField()
    split = SplitSerializer(read_only=True)
    version = serializers.SerializerMethodField()

    class Meta:
        model = CuratedDataset
        fields = ("id", "name", "description", "purpose", "split", "use_case", "owner", "created_at", "version")

    @extend_schema_field(DatasetVersionSerializer(allow_null=True))
    def get_version(self, dataset: CuratedDataset) -> dict[str, Any] | None:
        newest = max(dataset.versions.all(), key=lambda version: version.number, default=None)
        return DatasetVersionSerializer(newest, context=self.context).data if newest else None


class DatasetFieldsSerializer(serializers.Serializer):
    """What can be changed of the identity; the split only before the first freeze."""

    name = serializers.CharField(max_length=120)
    description = serializers.CharField(allow_blank=True, required=False)
    use_case = ScopedRelatedField(queryset=UseCase.objects.all(), required=False, allow_null=True)
    split = SplitSerializer(required=False)


class DatasetDraftSerializer(DatasetFieldsSerializer):
    """What a draft can be given: Training Sheets, or the three parts of a set made from canonical labels."""

    training_sheets = ScopedRelatedField(queryset=TrainingSheet.objects.all(), many=True, required=False)
    rules = RulesSerializer(required=False)
    label_sheet = ScopedRelatedField(queryset=Sheet.objects.all(), required=False, allow_null=True)
    label_type = ScopedRelatedField(queryset=LabelType.objects.all(), required=False, allow_null=True)
    label_template = ScopedRelatedField(queryset=TemplateVersion.objects.all(), required=False, allow_null=True)


class NewDatasetSerializer(DatasetDraftSerializer):
    """A new dataset."""

    purpose = ChoiceField(choices=CuratedDataset.Purpose.choices, required=False)


class CurateSerializer(serializers.Serializer):
    """One reviewed Training Sheet, of which everything that passes is taken."""

    training_sheet = ScopedRelatedField(queryset=TrainingSheet.objects.all())


class DatasetPreviewSerializer(serializers.Serializer):
    """What freezing gives: counts, reason → count of exclusions, and the exact first lines of the JSONL."""

    counts = serializers.DictField()
    exclusions = serializers.DictField(child=serializers.IntegerField())
    lines = serializers.ListField(child=serializers.CharField())


class TrainingSummarySerializer(serializers.Serializer):
    """How many approved pairs may be trained on now, and why the others may not."""

    approved = serializers.IntegerField()
    allowed = serializers.IntegerField()
    prohibited = serializers.IntegerField()
    train = serializers.IntegerField()
    validation = serializers.IntegerField()
    reasons = serializers.DictField(child=serializers.IntegerField())


class MemberSerializer(serializers.ModelSerializer):
    """One member: which pair or label, on which side."""

    class Meta:
        model = DatasetMember
        fields = ("id", "position", "split", "item_ref", "pair", "label")


class CuratedDatasetViewSet(ShareActions, ScopedViewSet):
    """Curated Datasets: make, describe, share; their versions are frozen, approved and used."""

    queryset = CuratedDataset.objects.select_related("owner").prefetch_related("versions__created_by")
    serializer_class = CuratedDatasetSerializer
    filterset_fields = ("name", "purpose", "use_case", "versions__status")

    def get_queryset(self) -> QuerySet[CuratedDataset]:
        return super().get_queryset().prefetch_related(shown_sheets("versions__training_sheets", self.request.user))

    @extend_schema(request=NewDatasetSerializer, responses={201: DatasetVersionSerializer})
    def create(self, request: Request) -> Response:
        """A new dataset with its first version as a draft."""
        version = services.create_dataset(by=request.user, **self.valid(NewDatasetSerializer))
        return self._version(version, status.HTTP_201_CREATED)

    @extend_schema(request=DatasetFieldsSerializer)
    def partial_update(self, request: Request, pk: str | None = None) -> Response:
        """Change name, description, use case or, before the first freeze, the split."""
        fields = self.valid(DatasetFieldsSerializer, partial=True)
        return self.shown(services.update_dataset(dataset=self.get_object(), by=request.user, **fields))

    @extend_schema(request=None, responses={201: DatasetVersionSerializer})
    @action(detail=True, methods=["post"], url_path="new-version")
    def new_version(self, request: Request, pk: str | None = None) -> Response:
        """A draft that selects as the newest version does."""
        version = services.start_new_version(dataset=self.get_object(), by=request.user)
        return self._version(version, status.HTTP_201_CREATED)

    @extend_schema(request=CurateSerializer, responses={202: OpenApiResponse(description="A job freezes it")})
    @action(detail=False, methods=["post"], url_path="curate-everything")
    def curate_everything(self, request: Request) -> Response:
        """A dataset of everything in one Training Sheet that passes, frozen by a job."""
        job = services.curate_everything(by=request.user, **self.valid(CurateSerializer))
        return accepted(request, job, dataset_version=str(job.subject_id))

    def _version(self, version: DatasetVersion, code: int) -> Response:
        return Response(DatasetVersionSerializer(version, context=self.get_serializer_context()).data, status=code)


class DatasetVersionViewSet(ScopedViewSet):
    """Selections: change a draft, preview, freeze, ask for approval, archive."""

    queryset = DatasetVersion.objects.select_related("dataset", "created_by")
    serializer_class = DatasetVersionSerializer
    filterset_fields = ("dataset", "status", "training_sheets", "fingerprint")

    def get_queryset(self) -> QuerySet[DatasetVersion]:
        return super().get_queryset().prefetch_related(shown_sheets("training_sheets", self.request.user))

    @extend_schema(request=DatasetDraftSerializer)
    def partial_update(self, request: Request, pk: str | None = None) -> Response:
        """Change what a draft selects."""
        fields = self.valid(DatasetDraftSerializer, partial=True)
        return self.shown(services.update_draft(version=self.get_object(), by=request.user, **fields))

    def destroy(self, request: Request, pk: str | None = None) -> Response:
        """Delete a version that was never approved, and the dataset with it when that was its only one."""
        services.delete_draft(version=self.get_object(), by=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(parameters=[OpenApiParameter("lines", int)], responses=DatasetPreviewSerializer)
    @action(detail=True, pagination_class=None, filterset_fields=())
    def preview(self, request: Request, pk: str | None = None) -> Response:
        """What freezing would give now, with the reason of every exclusion."""
        lines = whole_number(request.query_params.get("lines"), field="lines", default=5, at_most=100)
        found = selectors.preview_for(self.get_object(), request.user, lines=lines)
        return Response(DatasetPreviewSerializer(found).data)

    @extend_schema(responses=TrainingSummarySerializer)
    @action(detail=True, pagination_class=None, filterset_fields=())
    def summary(self, request: Request, pk: str | None = None) -> Response:
        """Approved, allowed and prohibited for training at this moment."""
        return Response(TrainingSummarySerializer(summary(self.get_object())).data)

    @extend_schema(responses=MemberSerializer(many=True))
    @action(detail=True, filterset_fields=())
    def members(self, request: Request, pk: str | None = None) -> Response:
        """The members of a frozen version, by position."""
        rows = self.get_object().members.order_by("position")
        self.cursor_ordering = ("position",)
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(MemberSerializer(page, many=True).data)

    @extend_schema(request=None, responses={202: OpenApiResponse(description="A job freezes it")})
    @action(detail=True, methods=["post"])
    def freeze(self, request: Request, pk: str | None = None) -> Response:
        """Fix members, counts and fingerprint, as a job."""
        return accepted(request, services.freeze(version=self.get_object(), by=request.user))

    @extend_schema(request=ReasonSerializer, responses={202: OpenApiResponse(description="Waits for approval")})
    @action(detail=True, methods=["post"], url_path="request-approval")
    def request_approval(self, request: Request, pk: str | None = None) -> Response:
        """Ask for approval; others give it."""
        reason = self.valid(ReasonSerializer)["reason"]
        asked = services.request_approval(version=self.get_object(), by=request.user, reason=reason)
        return requested(request, asked)

    @extend_schema(request=ReasonSerializer)
    @action(detail=True, methods=["post"])
    def archive(self, request: Request, pk: str | None = None) -> Response:
        """Take a version out of use."""
        return self.shown(services.archive(version=self.get_object(), by=request.user, **self.valid(ReasonSerializer)))
