"""A small OpenID Connect provider over real HTTP: discovery, keys, authorize with a form, token, user information.

It keeps to OpenID Connect Core 1.0: codes serve once, PKCE (RFC 7636) is checked, ID tokens are signed by RS256.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

CLIENT_ID, CLIENT_SECRET = "workbench", "a secret of the tests"
KEY_ID = "key-1"


class Provider:
    """What the provider knows: people with their claims, codes and access tokens that it gave out."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.people: dict[str, dict[str, Any]] = {}
        self.codes: dict[str, dict[str, Any]] = {}
        self.access: dict[str, str] = {}
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.other_subject = ""
        """What user information says instead of the truth."""

    def discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "jwks_uri": f"{self.url}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "code_challenge_methods_supported": ["S256"],
        }

    def jwks(self) -> dict[str, Any]:
        public = json.loads(RSAAlgorithm.to_jwk(self.key.public_key()))
        return {"keys": [public | {"kid": KEY_ID, "use": "sig", "alg": "RS256"}]}

    def give_code(self, asked: dict[str, str], subject: str) -> str:
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked | {"subject": subject, "auth_time": time.time()}
        return code

    def exchange(self, asked: dict[str, str], client: tuple[str, str]) -> dict[str, Any] | None:
        """Tokens for a code, or nothing where anything does not fit."""
        given = self.codes.pop(asked.get("code", ""), None)
        fits = (
            given is not None
            and client == (CLIENT_ID, CLIENT_SECRET)
            and asked.get("grant_type") == "authorization_code"
            and asked.get("redirect_uri") == given["redirect_uri"]
            and _challenge(asked.get("code_verifier", "")) == given.get("code_challenge")
        )
        if not fits or given is None:
            return None
        access = secrets.token_urlsafe(16)
        self.access[access] = given["subject"]
        return {
            "access_token": access, "token_type": "Bearer", "expires_in": 300, "scope": given["scope"],
            "id_token": self.id_token(given),
        }  # fmt: skip

    def id_token(self, given: dict[str, Any]) -> str:
        now = int(time.time())
        claims = {"iss": self.url, "sub": given["subject"], "aud": CLIENT_ID, "iat": now, "exp": now + 300,
                  "auth_time": int(given["auth_time"])}  # fmt: skip
        if "nonce" in given:
            claims["nonce"] = given["nonce"]
        return jwt.encode(claims | self.people[given["subject"]], self.key, "RS256", {"kid": KEY_ID})

    def information(self, access: str) -> dict[str, Any] | None:
        subject = self.access.get(access)
        return None if subject is None else {"sub": self.other_subject or subject, **self.people[subject]}


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


class Handler(BaseHTTPRequestHandler):
    """The provider's addresses."""

    provider: Provider

    def do_GET(self) -> None:
        path, query = urlsplit(self.path).path, _flat(urlsplit(self.path).query)
        if path == "/.well-known/openid-configuration":
            self._json(self.provider.discovery())
        elif path == "/jwks":
            self._json(self.provider.jwks())
        elif path == "/authorize":
            self._ask(query)
        elif path == "/userinfo":
            self._information()
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        form = _flat(self.rfile.read(int(self.headers["Content-Length"])).decode())
        if urlsplit(self.path).path == "/consent":
            self._consent(form)
            return
        found = self.provider.exchange(form, self._client(form))
        self._json(found or {"error": "invalid_grant"}, 200 if found else 400)

    def _ask(self, query: dict[str, str]) -> None:
        if query.get("client_id") != CLIENT_ID or query.get("response_type") != "code":
            self.send_error(400)
            return
        hidden = "".join(
            f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in query.items()
        )
        body = f'<form method="post" action="/consent">{hidden}<input name="subject"><button>Allow</button></form>'
        self._send(200, "text/html", body.encode())

    def _consent(self, form: dict[str, str]) -> None:
        subject = form.pop("subject", "")
        if subject in self.provider.people:
            answer = {"code": self.provider.give_code(form, subject), "state": form["state"]}
        else:
            answer = {"error": "access_denied", "state": form["state"]}
        self.send_response(302)
        self.send_header("Location", f"{form['redirect_uri']}?{urlencode(answer)}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _client(self, form: dict[str, str]) -> tuple[str, str]:
        given = self.headers.get("Authorization", "")
        if given.startswith("Basic "):
            name, _, secret = base64.b64decode(given[6:]).decode().partition(":")
            return name, secret
        return form.get("client_id", ""), form.get("client_secret", "")

    def _information(self) -> None:
        found = self.provider.information(self.headers.get("Authorization", "").removeprefix("Bearer "))
        self._json(found or {"error": "invalid_token"}, 200 if found else 401)

    def _json(self, body: dict[str, Any], status: int = 200) -> None:
        self._send(status, "application/json", json.dumps(body).encode())

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


def _flat(query: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(query).items()}


@contextmanager
def running_provider() -> Iterator[Provider]:
    """A provider on a free port of this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider = Provider(f"http://127.0.0.1:{server.server_address[1]}")
    server.RequestHandlerClass = type("Here", (Handler,), {"provider": provider})
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
