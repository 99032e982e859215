"""The API of model endpoints. Keys go in and never come out."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from governance.api.fields import ChoiceField, ClassificationField, ReasonSerializer
from governance.api.views import ScopedViewSet, requested
from workbench.endpoints import services
from workbench.endpoints.models import ModelEndpoint


class EndpointSerializer(serializers.ModelSerializer):
    """One place that answers prompts."""

    max_classification = ClassificationField()
    created_by = serializers.StringRelatedField(allow_null=True)
    has_key = serializers.SerializerMethodField()

    class Meta:
        model = ModelEndpoint
        fields = (
            "id", "name", "description", "engine", "base_url", "model_name", "has_key", "max_classification",
            "max_in_flight", "timeout_seconds", "retries", "is_active", "created_by", "created_at",
        )  # fmt: skip

    def get_has_key(self, endpoint: ModelEndpoint) -> bool:
        return bool(endpoint.sealed_key)


class NewEndpointSerializer(serializers.Serializer):
    """`api_key` is kept encrypted, or as `env:NAME`; leaving it out of a change keeps the stored one."""

    name = serializers.CharField(max_length=120)
    description = serializers.CharField(required=False, allow_blank=True)
    engine = ChoiceField(choices=ModelEndpoint.Engine.choices, required=False)
    base_url = serializers.CharField(max_length=500, required=False, allow_blank=True)
    model_name = serializers.CharField(max_length=200, required=False, allow_blank=True)
    api_key = serializers.CharField(required=False, allow_blank=True, write_only=True)
    max_classification = ClassificationField(required=False)
    max_in_flight = serializers.IntegerField(min_value=1, max_value=256, required=False)
    timeout_seconds = serializers.IntegerField(min_value=1, max_value=600, required=False)
    retries = serializers.IntegerField(min_value=0, max_value=10, required=False)
    is_active = serializers.BooleanField(required=False)


class ClearanceSerializer(ReasonSerializer):
    """Up to which classification data may be sent, and why."""

    max_classification = ClassificationField()


class EndpointTestSerializer(serializers.Serializer):
    """How one real question went; an empty error means that it was answered."""

    error = serializers.CharField(allow_blank=True)
    seconds = serializers.FloatField()
    tokens_in = serializers.IntegerField(allow_null=True)
    tokens_out = serializers.IntegerField(allow_null=True)


class ModelEndpointViewSet(ScopedViewSet):
    """Models that can be asked."""

    queryset = ModelEndpoint.objects.select_related("created_by")
    serializer_class = EndpointSerializer
    filterset_fields = ("name", "engine", "is_active")

    @extend_schema(request=NewEndpointSerializer, responses={201: EndpointSerializer})
    def create(self, request: Request) -> Response:
        made = services.create_endpoint(by=request.user, **self.valid(NewEndpointSerializer))
        return self.shown(made, status.HTTP_201_CREATED)

    @extend_schema(request=NewEndpointSerializer)
    def partial_update(self, request: Request, pk: str | None = None) -> Response:
        fields = self.valid(NewEndpointSerializer, partial=True)
        return self.shown(services.update_endpoint(endpoint=self.get_object(), by=request.user, **fields))

    @extend_schema(request=None, responses=EndpointTestSerializer)
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: str | None = None) -> Response:
        """Ask it for one word, for real: time, tokens or what went wrong. What it wrote is not shown."""
        test = services.test_endpoint(endpoint=self.get_object(), by=request.user)
        return Response(EndpointTestSerializer(test).data)

    @extend_schema(request=ClearanceSerializer, responses={202: OpenApiResponse(description="Waits for approval")})
    @action(detail=True, methods=["post"], url_path="request-clearance")
    def request_clearance(self, request: Request, pk: str | None = None) -> Response:
        """Ask that it may receive data above internal; a compliance officer decides."""
        fields = self.valid(ClearanceSerializer)
        return requested(request, services.request_clearance(endpoint=self.get_object(), by=request.user, **fields))
