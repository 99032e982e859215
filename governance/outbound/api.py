"""The API of allowed addresses."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from governance.api.fields import ReasonSerializer
from governance.api.views import ScopedViewSet
from governance.models import AllowedAddress
from governance.outbound import services


class AllowedAddressSerializer(serializers.ModelSerializer):
    """One place that may be called although it is not public."""

    allowed_by = serializers.StringRelatedField()

    class Meta:
        model = AllowedAddress
        fields = ("id", "address", "reason", "allowed_by", "created_at", "revoked_at")
        read_only_fields = ("id", "allowed_by", "created_at", "revoked_at")


class NewAddressSerializer(ReasonSerializer):
    """A host, `host:port`, an address or a network, and why it is called."""

    address = serializers.CharField(max_length=300)


class AllowedAddressViewSet(ScopedViewSet):
    """Hosts and networks that models may be called at although they are not public."""

    queryset = AllowedAddress.objects.select_related("allowed_by")
    serializer_class = AllowedAddressSerializer
    filterset_fields = ("address",)

    @extend_schema(request=NewAddressSerializer, responses={201: AllowedAddressSerializer})
    def create(self, request: Request) -> Response:
        """Allow one; administrators only."""
        made = services.allow_address(by=request.user, **self.valid(NewAddressSerializer))
        return self.shown(made, status.HTTP_201_CREATED)

    @extend_schema(request=ReasonSerializer)
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, pk: str | None = None) -> Response:
        """End it, from the next call on; administrators only."""
        reason = self.valid(ReasonSerializer)["reason"]
        return self.shown(services.revoke_address(allowed=self.get_object(), by=request.user, reason=reason))
