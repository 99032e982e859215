"""What an identity provider says is believed only where it signed it, for this site and for this sign-in."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.test import Client
from jwt.algorithms import ECAlgorithm

from governance.models import SignInEvent, User
from tests.governance.oidc_provider import CLIENT_ID, CLIENT_SECRET, KEY_ID, Provider, running_provider
from tests.governance.test_sign_in import is_in, through
from workbench.settings import oidc_provider

Claims = dict[str, Any]
Forge = Callable[[Provider, Claims], str]


@pytest.fixture
def provider(db, settings, monkeypatch) -> Iterator[Provider]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with running_provider() as running:
        settings.SOCIALACCOUNT_PROVIDERS = oidc_provider(running.url, CLIENT_ID, CLIENT_SECRET, "Example ID")
        settings.OIDC_SERVER_URL, settings.OIDC_NAME = running.url, "Example ID"
        running.people["ada-1"] = {"name": "Ada Lovelace", "preferred_username": "ada"}
        yield running


def claims_of(provider: Provider, given: Claims) -> Claims:
    token = Provider.id_token(provider, given)
    return dict(jwt.decode(token, options={"verify_signature": False}))


def forging(provider: Provider, forge: Forge) -> None:
    """The token endpoint gives out what `forge` makes of the true claims."""
    provider.id_token = lambda given: forge(provider, claims_of(provider, given))  # type: ignore[method-assign]


def signed(provider: Provider, claims: Claims, **header: Any) -> str:
    return jwt.encode(claims, provider.key, "RS256", {"kid": KEY_ID, **header})


def changed(**claims: Any) -> Forge:
    """Rightly signed, with other claims; None leaves one out."""

    def forge(provider: Provider, true: Claims) -> str:
        merged = {name: value for name, value in (true | claims).items() if value is not None}
        return signed(provider, merged)

    return forge


def by_another_key(provider: Provider, true: Claims) -> str:
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return jwt.encode(true, stranger, "RS256", {"kid": KEY_ID})


def unsigned(provider: Provider, true: Claims) -> str:
    return jwt.encode(true, None, "none", {"kid": KEY_ID})  # type: ignore[arg-type]


def by_the_public_key_as_a_secret(provider: Provider, true: Claims) -> str:
    public = provider.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return _by_hand(true, {"alg": "HS256", "kid": KEY_ID}, public)


def by_the_clients_secret(provider: Provider, true: Claims) -> str:
    return _by_hand(true, {"alg": "HS256", "kid": KEY_ID}, CLIENT_SECRET.encode())


def _by_hand(claims: Claims, header: Claims, secret: bytes) -> str:
    import hashlib
    import hmac

    parts = [base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=") for one in (header, claims)]
    mac = hmac.new(secret, b".".join(parts), hashlib.sha256).digest()
    return b".".join([*parts, base64.urlsafe_b64encode(mac).rstrip(b"=")]).decode()


def with_a_key_nobody_publishes(provider: Provider, true: Claims) -> str:
    return signed(provider, true, kid="key-2")


def with_one_letter_changed(provider: Provider, true: Claims) -> str:
    head, _, tail = signed(provider, true).split(".")
    body = base64.urlsafe_b64encode(json.dumps(true | {"sub": "eve-2"}).encode()).rstrip(b"=").decode()
    return f"{head}.{body}.{tail}"


FORGED: dict[str, Forge] = {
    "signed by another key": by_another_key,
    "not signed": unsigned,
    "signed with the public key as a shared secret": by_the_public_key_as_a_secret,
    "signed with the client's secret": by_the_clients_secret,
    "signed with a key that is not published": with_a_key_nobody_publishes,
    "changed after it was signed": with_one_letter_changed,
    "of another issuer": changed(iss="https://evil.example.org"),
    "for another client": changed(aud="another"),
    "for several clients without saying to whom": changed(aud=[CLIENT_ID, "another"]),
    "given to another client": changed(aud=[CLIENT_ID, "another"], azp="another"),
    "expired": changed(exp=int(time.time()) - 3600),
    "without an end": changed(exp=None),
    "of tomorrow": changed(iat=int(time.time()) + 86_400),
    "without a nonce": changed(nonce=None),
    "with the nonce of another sign-in": changed(nonce="another"),
    "about nobody": changed(sub=None),
    "no token at all": lambda provider, true: "",
    "no token but words": lambda provider, true: "words",
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=list(FORGED))
def test_a_forged_id_token_opens_nothing_and_is_on_record(provider, client, forge):
    forging(provider, forge)

    through(provider, client, "ada-1")

    assert not is_in(client)
    assert not User.objects.filter(username="ada").exists()
    assert list(SignInEvent.objects.values_list("way", "outcome")) == [("oidc", "failed")]


def test_a_true_id_token_opens_and_its_nonce_is_new_each_time(provider, client):
    nonces = []
    forging(provider, lambda provider, true: nonces.append(true["nonce"]) or signed(provider, true))

    through(provider, client, "ada-1")
    through(provider, Client(), "ada-1")

    assert is_in(client)
    assert len(set(nonces)) == 2


def test_a_token_that_was_caught_in_one_sign_in_does_not_serve_in_another(provider, client):
    caught: list[str] = []
    forging(provider, lambda provider, true: caught.append(signed(provider, true)) or caught[0])

    through(provider, client, "ada-1")
    other = Client()
    through(provider, other, "ada-1")

    assert is_in(client) and not is_in(other)


def test_a_token_signed_with_another_published_key_and_curve_is_believed(provider, client):
    key = ec.generate_private_key(ec.SECP256R1())
    published = json.loads(ECAlgorithm.to_jwk(key.public_key())) | {"kid": "curve", "use": "sig", "alg": "ES256"}
    before = provider.jwks()
    provider.jwks = lambda: {"keys": [*before["keys"], published]}  # type: ignore[method-assign]
    forging(provider, lambda provider, true: jwt.encode(true, key, "ES256", {"kid": "curve"}))

    through(provider, client, "ada-1")

    assert is_in(client)


def test_a_shared_secret_that_the_provider_publishes_signs_nothing(provider, client):
    secret = b"0" * 32
    oct_key = {"kty": "oct", "kid": "shared", "alg": "HS256", "k": base64.urlsafe_b64encode(secret).decode()}
    provider.jwks = lambda: {"keys": [oct_key]}  # type: ignore[method-assign]
    forging(provider, lambda provider, true: jwt.encode(true, secret, "HS256", {"kid": "shared"}))

    through(provider, client, "ada-1")

    assert not is_in(client)


def test_a_provider_that_names_itself_otherwise_is_not_asked(provider, client):
    before = provider.discovery()
    provider.discovery = lambda: before | {"issuer": "https://evil.example.org"}  # type: ignore[method-assign]

    answer = client.post("/account/oidc/sso/login/?process=login")

    assert answer.status_code == 403 and "cannot be reached" in answer.content.decode()


def test_an_address_inside_that_the_provider_names_is_not_called(provider, client):
    before = provider.discovery()
    inside = {"userinfo_endpoint": "http://169.254.169.254/latest/meta-data/"}
    provider.discovery = lambda: before | inside  # type: ignore[method-assign]

    answer = through(provider, client, "ada-1")

    assert answer.status_code == 403 and not is_in(client)
    assert "169.254" not in answer.content.decode()
