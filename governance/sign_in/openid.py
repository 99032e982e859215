"""OpenID Connect as its specification asks, where allauth leaves it to TLS: the ID token is checked, all of it.

allauth believes an ID token that came from the token endpoint without looking at its signature, and sends no nonce.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
from typing import Any

import jwt
from allauth.account.internal.decorators import login_not_required
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from requests import RequestException

from governance.errors import AddressRefused

LEEWAY_SECONDS = 60
# Signatures that need the provider's private key. Those with a shared secret, and none at all, prove nothing.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
PUBLIC_KEYS = frozenset({"RSA", "EC", "OKP"})
REQUIRED = ("iss", "sub", "aud", "exp", "iat", "nonce")

log = logging.getLogger(__name__)


def nonce_for(verifier: str) -> str:
    """The nonce of the sign-in whose PKCE verifier this is: a secret of the session that no other one has."""
    digest = hashlib.sha256(b"nonce of " + verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


class CheckedAdapter(OpenIDConnectOAuth2Adapter):
    """Talks to the provider, and believes what it has signed for this sign-in."""

    verifier = ""

    @property
    def openid_config(self) -> dict[str, Any]:
        """:raises OAuth2Error: it speaks for another issuer than the one it was asked as (Discovery 1.0, 4.3)."""
        found: dict[str, Any] = super().openid_config
        expected = settings.OIDC_SERVER_URL.partition("/.well-known/")[0].rstrip("/")
        if str(found.get("issuer", "")).rstrip("/") != expected:
            raise OAuth2Error(f"The provider names itself {found.get('issuer')!r}, and not {expected!r}.")
        return found

    def get_access_token_data(
        self, request: HttpRequest, app: Any, client: Any, pkce_code_verifier: str | None = None
    ) -> Any:
        self.verifier = pkce_code_verifier or ""
        data = super().get_access_token_data(request, app, client, pkce_code_verifier)
        if not data.get("id_token"):
            raise OAuth2Error("The provider sent no ID token, so it does not say who this is.")
        return data

    def _decode_id_token(self, app: SocialApp, id_token: str) -> dict[str, Any]:
        """The claims of a token that this provider signed, for this site and this sign-in, and that is in force.

        Source: OpenID Connect Core 1.0, 3.1.3.7.
        """
        try:
            claims: dict[str, Any] = jwt.decode(
                id_token,
                key=self._key_of(id_token),
                algorithms=list(ALGORITHMS),
                issuer=self.openid_config["issuer"],
                audience=app.client_id,
                leeway=LEEWAY_SECONDS,
                options={"require": list(REQUIRED)},
            )
        except jwt.PyJWTError as error:
            raise OAuth2Error(f"The ID token cannot be believed: {error}") from error
        if claims.get("azp", app.client_id) != app.client_id or (_many(claims["aud"]) and "azp" not in claims):
            raise OAuth2Error("The ID token was given to another site.")
        if not self.verifier or not hmac.compare_digest(str(claims["nonce"]), nonce_for(self.verifier)):
            raise OAuth2Error("The ID token belongs to another sign-in.")
        return claims

    def _key_of(self, id_token: str) -> jwt.PyJWK:
        """The provider's key that the token says signed it; the only one, where it says none."""
        with get_adapter().get_requests_session() as session:
            response = session.get(self.openid_config["jwks_uri"])
            response.raise_for_status()
        named = jwt.get_unverified_header(id_token).get("kid")
        keys = [
            key
            for key in jwt.PyJWKSet.from_dict(response.json()).keys
            if key.key_type in PUBLIC_KEYS and key.public_key_use in (None, "sig") and named in (None, key.key_id)
        ]
        if len(keys) != 1:
            raise OAuth2Error("The ID token is signed with no key that the provider publishes.")
        return keys[0]


class CheckedProvider(OpenIDConnectProvider):
    """Sends the nonce along, and has its answers read by the adapter above."""

    oauth2_adapter_class = CheckedAdapter

    def get_pkce_params(self) -> dict[str, Any]:
        params: dict[str, Any] = super().get_pkce_params()
        return params | {"nonce": nonce_for(params["code_verifier"])}


@login_not_required
def login(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Lead to the provider."""
    return _talk(OAuth2LoginView, request, provider_id)


@login_not_required
def callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Back from the provider."""
    return _talk(OAuth2CallbackView, request, provider_id)


def _talk(view: Any, request: HttpRequest, provider_id: str) -> HttpResponse:
    from governance.sign_in.adapters import refused_page

    try:
        answer: HttpResponse = view.adapter_view(CheckedAdapter(request, provider_id))(request)
    except SocialApp.DoesNotExist as error:
        raise Http404 from error
    except (AddressRefused, OAuth2Error, RequestException) as error:
        log.error("%s cannot be asked: %s", settings.OIDC_NAME, error)
        return refused_page(request, f"{settings.OIDC_NAME} cannot be reached now. Try again, or ask an administrator.")
    return answer


def _many(audience: Any) -> bool:
    return isinstance(audience, list) and len(audience) > 1
