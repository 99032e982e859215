"""The API of one's own keys."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.portal import keys


class KeysSerializer(serializers.Serializer):
    """`keys` says by what it does which key one presses; an empty text: none."""

    single_keys = serializers.BooleanField(source="are_on", help_text="Whether single keys act at all.")
    keys = serializers.DictField(source="by_slug", child=serializers.CharField(allow_blank=True))


class ChooseKeysSerializer(serializers.Serializer):
    """What is left out stays as it is."""

    single_keys = serializers.BooleanField(required=False)
    keys = serializers.DictField(child=serializers.CharField(allow_blank=True, max_length=8), required=False)


class KeysView(APIView):
    """The keys of whoever asks."""

    permission_classes = (IsAuthenticated,)

    @extend_schema(responses=KeysSerializer)
    def get(self, request: Request) -> Response:
        """Which key does what."""
        return Response(KeysSerializer(keys.of(request.user)).data)

    @extend_schema(request=ChooseKeysSerializer, responses=KeysSerializer)
    def patch(self, request: Request) -> Response:
        """Give things other keys, or switch all single keys off or on."""
        asked = ChooseKeysSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        chosen = keys.choose(user=request.user, by=request.user, **asked.validated_data)
        return Response(KeysSerializer(chosen).data)
