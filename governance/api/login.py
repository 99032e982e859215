"""A token for programs: asked for with a user name and password, given up by logging out."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from governance.api.authentication import needs_scope
from governance.errors import SecondFactorRequired, TooManyTries, WrongCredentials
from governance.models import ApiToken, SignInEvent
from governance.roles import roles_of
from governance.sign_in import services
from governance.sign_in.ways import address_of

LOCKED_SECONDS = 15 * 60


class LoginThrottle(SimpleRateThrottle):
    """Ten tries a minute for one user name from one address, right or wrong."""

    scope = "login"
    rate = "10/min"

    def get_cache_key(self, request: Request, view: Any) -> str:
        data = request.data if isinstance(request.data, dict) else {}
        username = str(data.get("username", ""))[:150].casefold()
        return f"login:{address_of(request._request)}:{username.encode().hex()}"


class CredentialsSerializer(serializers.Serializer):
    """A user name and password, as on the portal's login page; and a code, where a second factor protects them."""

    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=500, trim_whitespace=False, write_only=True)
    code = serializers.CharField(
        max_length=20, required=False, write_only=True, help_text="Of the authenticator app, or a recovery code."
    )


class LoginSerializer(serializers.Serializer):
    """The token, to be sent as `Authorization: Token …`, whose it is, what it may do and until when."""

    token = serializers.CharField()
    username = serializers.CharField()
    roles = serializers.ListField(child=serializers.CharField())
    scopes = serializers.ListField(child=serializers.CharField())
    expires_at = serializers.DateTimeField()


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
        """Exchange a user name and password for a token that lives twelve hours.

        It may read, write, export and retrieve, and may not sign approvals. Each login makes a token of its own.
        Ten failed tries lock a user name for a quarter of an hour, here and in the portal.
        """
        asked = CredentialsSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        user = _proved(request, **asked.validated_data)
        token, text = services.make_login_token(user=user)
        services.record_event(
            outcome=SignInEvent.Outcome.SIGNED_IN, user=user, way=SignInEvent.Way.TOKEN,
            address=address_of(request._request),
        )  # fmt: skip
        return Response(
            {
                "token": text,
                "username": user.username,
                "roles": sorted(roles_of(user)),
                "scopes": token.scopes,
                "expires_at": token.expires_at,
            }
        )


def _proved(request: Request, username: str, password: str, code: str = "") -> Any:
    """The account of these credentials. Counted together with the portal's tries.

    :raises WrongCredentials: there is no such active account with this password.
    :raises TooManyTries: the user name or the address is locked.
    :raises SecondFactorRequired: the account has a second factor, and no code or a wrong one came.
    """
    from allauth.account.adapter import get_adapter

    try:
        user: Any = get_adapter().authenticate(request._request, username=username, password=password)
    except ValidationError as error:
        raise TooManyTries(
            "Too many failed tries. Wait a quarter of an hour and try again.", details={"seconds": LOCKED_SECONDS}
        ) from error
    if user is None:
        raise WrongCredentials("This user name and password do not belong to an active account.")
    _check_second_factor(user, code)
    return user


def _check_second_factor(user: Any, code: str) -> None:
    from allauth.mfa.base.forms import AuthenticateForm
    from allauth.mfa.models import Authenticator
    from allauth.mfa.utils import is_mfa_enabled

    if not is_mfa_enabled(user, [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]):
        return
    if not code:
        raise SecondFactorRequired(
            "This account has a second factor: send the code of its authenticator app as well, or make a token in the "
            "portal under Signing in.", field="code",
        )  # fmt: skip
    form = AuthenticateForm(user=user, data={"code": code})
    if not form.is_valid():
        raise SecondFactorRequired(" ".join(form.errors.get("code", [])), field="code")
    form.authenticator.record_usage()


class LogoutView(APIView):
    """Log out."""

    @extend_schema(operation_id="logout", request=None, responses={204: None})
    @needs_scope("")
    def post(self, request: Request) -> Response:
        """Revoke the token that this request carries. Others of the account go on."""
        if isinstance(request.auth, ApiToken):
            services.revoke_token(token=request.auth, by=request.user)
            services.record_event(
                outcome=SignInEvent.Outcome.SIGNED_OUT, user=request.user, way=SignInEvent.Way.TOKEN,
                address=address_of(request._request),
            )  # fmt: skip
        return Response(status=status.HTTP_204_NO_CONTENT)
