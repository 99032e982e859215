"""A passkey in software: what a phone or security key does of WebAuthn, without attestation."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.cose import ES256
from fido2.utils import websafe_encode
from fido2.webauthn import AttestationObject, AttestedCredentialData, AuthenticatorData, CollectedClientData

FLAG = AuthenticatorData.FLAG


class SoftKey:
    """One passkey for one site; it has verified its owner."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.private = ec.generate_private_key(ec.SECP256R1())
        self.id = secrets.token_bytes(16)
        self.user_handle = ""
        self.used = 0

    def register(self, options: dict[str, Any]) -> dict[str, Any]:
        """The answer to what the page to add a key asks."""
        asked = options["publicKey"]
        self.user_handle = asked["user"]["id"]
        public = ES256.from_cryptography_key(self.private.public_key())
        data = self._data(asked["rp"]["id"], AttestedCredentialData.create(bytes(16), self.id, public))
        client = CollectedClientData.create("webauthn.create", asked["challenge"], self.origin)
        attested = websafe_encode(AttestationObject.create("none", data, {}))
        return self._answer({"clientDataJSON": client.b64, "attestationObject": attested}, {"credProps": {"rk": True}})

    def sign(self, options: dict[str, Any]) -> dict[str, Any]:
        """The answer to what the login page asks."""
        asked = options["publicKey"]
        data = self._data(asked["rpId"])
        client = CollectedClientData.create("webauthn.get", asked["challenge"], self.origin)
        signature = self.private.sign(data + client.hash, ec.ECDSA(hashes.SHA256()))
        return self._answer({
            "clientDataJSON": client.b64, "authenticatorData": websafe_encode(data),
            "signature": websafe_encode(signature), "userHandle": self.user_handle,
        }, {})  # fmt: skip

    def _data(self, site: str, credential: bytes = b"") -> AuthenticatorData:
        self.used += 1
        flags = FLAG.UP | FLAG.UV | (FLAG.AT if credential else FLAG(0))
        return AuthenticatorData.create(hashlib.sha256(site.encode()).digest(), flags, self.used, credential)

    def _answer(self, response: dict[str, Any], extensions: dict[str, Any]) -> dict[str, Any]:
        name = websafe_encode(self.id)
        return {
            "id": name, "rawId": name, "type": "public-key", "response": response,
            "clientExtensionResults": extensions, "authenticatorAttachment": "platform",
        }  # fmt: skip
