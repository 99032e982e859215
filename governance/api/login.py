"""A token for programs: asked for with a user name and password, given up by logging out."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import authenticate
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.authtoken.models import Token
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from governance.errors import WrongCredentials
from governance.roles import roles_of


class LoginThrottle(SimpleRateThrottle):
    """Ten tries a minute for one user name from one address, right or wrong."""

    scope = "login"
    rate = "10/min"

    def get_cache_key(self, request: Request, view: Any) -> str:
        data = request.data if isinstance(request.data, dict) else {}
        username = str(data.get("username", ""))[:150].casefold()
        return f"login:{request.META.get('REMOTE_ADDR', '')}:{username.encode().hex()}"


class CredentialsSerializer(serializers.Serializer):
    """A user name and password, as on the portal's login page."""

    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=500, trim_whitespace=False, write_only=True)


class LoginSerializer(serializers.Serializer):
    """The token, to be sent as `Authorization: Token …`, and whose it is."""

    token = serializers.CharField()
    username = serializers.CharField()
    roles = serializers.ListField(child=serializers.CharField())


class LoginView(APIView):
    """Log in."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = (LoginThrottle,)

    @extend_schema(
        operation_id="login",
        request=CredentialsSerializer,
        responses=LoginSerializer,
        # OpenAPI's way to say that none is needed.
        auth=[{}],  # type: ignore[list-item]
    )
    def post(self, request: Request) -> Response:
        """Exchange a user name and password for a token.

        An account has one token; logging in again returns the same one until it is given up.
        """
        asked = CredentialsSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        user: Any = authenticate(request, **asked.validated_data)
        if user is None:
            raise WrongCredentials("This user name and password do not belong to an active account.")
        token, _ = Token.objects.get_or_create(user=user)
        return Response({"token": token.key, "username": user.username, "roles": sorted(roles_of(user))})


class LogoutView(APIView):
    """Log out."""

    @extend_schema(operation_id="logout", request=None, responses={204: None})
    def post(self, request: Request) -> Response:
        """Revoke the caller's token, wherever it is in use."""
        Token.objects.filter(user=request.user).delete()
        return Response(status=status.HTTP_204_NO_CONTENT)
