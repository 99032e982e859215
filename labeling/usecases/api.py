"""The API of Use Cases."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from governance.api.fields import ScopedRelatedField
from governance.api.views import ScopedViewSet, ShareSerializer
from labeling.labelsets.models import Labelset
from labeling.prompts.models import PromptTemplate
from labeling.usecases import services
from labeling.usecases.models import UseCase
from labeling.usecases.selectors import KINDS, assets_of, with_assets
from workbench.models import Sheet


class AssetsSerializer(serializers.Serializer):
    """Assets by kind, as ids."""

    sheets = ScopedRelatedField(queryset=Sheet.objects.all(), many=True, required=False)
    labelsets = ScopedRelatedField(queryset=Labelset.objects.all(), many=True, required=False)
    templates = ScopedRelatedField(queryset=PromptTemplate.objects.all(), many=True, required=False)


class NewUseCaseSerializer(AssetsSerializer):
    """A purpose and what serves it."""

    name = serializers.CharField(max_length=120)
    description = serializers.CharField(required=False, allow_blank=True)


class ChangedUseCaseSerializer(serializers.Serializer):
    """Fields to change; those left out stay."""

    name = serializers.CharField(max_length=120, required=False)
    description = serializers.CharField(required=False, allow_blank=True)


class UseCaseSerializer(serializers.ModelSerializer):
    """A Use Case with those of its assets that the caller may see."""

    owner = serializers.StringRelatedField()
    assets = serializers.SerializerMethodField()

    class Meta:
        model = UseCase
        fields = ("id", "name", "description", "owner", "created_at", "assets")

    @extend_schema_field({"type": "object", "additionalProperties": {"type": "array", "items": {"type": "object"}}})
    def get_assets(self, use_case: UseCase) -> dict[str, list[dict[str, str]]]:
        shown = assets_of(use_case, self.context["request"].user)
        return {kind: [{"id": str(row.pk), "name": row.name} for row in rows] for kind, rows in shown.items()}


class ShareReportSerializer(serializers.Serializer):
    """What was shared, and what belongs to someone else."""

    shared = serializers.ListField(child=serializers.CharField())
    refused = serializers.ListField(child=serializers.CharField())


class UseCaseViewSet(ScopedViewSet):
    """Named purposes that group and share assets."""

    queryset = UseCase.objects.select_related("owner")
    serializer_class = UseCaseSerializer
    filterset_fields = ("name",)

    def get_queryset(self) -> QuerySet[UseCase]:
        use_cases = super().get_queryset()
        return with_assets(use_cases, self.request.user) if self.action == "list" else use_cases

    @extend_schema(request=NewUseCaseSerializer, responses={201: UseCaseSerializer})
    def create(self, request: Request) -> Response:
        values = self.valid(NewUseCaseSerializer)
        assets = _assets(values)
        made = services.create_use_case(by=request.user, assets=assets, **values)
        return self.shown(made, status.HTTP_201_CREATED)

    @extend_schema(request=ChangedUseCaseSerializer)
    def partial_update(self, request: Request, pk: str | None = None) -> Response:
        values = self.valid(ChangedUseCaseSerializer)
        return self.shown(services.update_use_case(use_case=self.get_object(), by=request.user, **values))

    def destroy(self, request: Request, pk: str | None = None) -> Response:
        services.delete_use_case(use_case=self.get_object(), by=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=AssetsSerializer)
    @action(detail=True, methods=["post"], url_path="add-assets")
    def add_assets(self, request: Request, pk: str | None = None) -> Response:
        """Group assets under the Use Case; nobody gains a right by it."""
        assets = _assets(self.valid(AssetsSerializer))
        return self.shown(services.add_assets(use_case=self.get_object(), assets=assets, by=request.user))

    @extend_schema(request=AssetsSerializer)
    @action(detail=True, methods=["post"], url_path="remove-assets")
    def remove_assets(self, request: Request, pk: str | None = None) -> Response:
        """Take assets out of the group."""
        assets = _assets(self.valid(AssetsSerializer))
        return self.shown(services.remove_assets(use_case=self.get_object(), assets=assets, by=request.user))

    @extend_schema(request=ShareSerializer, responses=ShareReportSerializer)
    @action(detail=True, methods=["post"])
    def share(self, request: Request, pk: str | None = None) -> Response:
        """Share the Use Case and every asset of it that the caller owns."""
        asked = self.valid(ShareSerializer)
        report = services.share_assets(use_case=self.get_object(), by=request.user, **asked)
        return Response(ShareReportSerializer(report).data)


def _assets(values: dict[str, Any]) -> list[Any]:
    return [asset for kind in KINDS for asset in values.pop(kind, [])]
