"""The key that signs checkpoints. Its private half lies outside the database; the database knows every public half."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from governance.errors import InvalidInput, ReasonRequired, SigningKeyLost
from governance.models import SigningKey
from governance.record.verifier import endorsement_text, key_id_of

ENVIRONMENT = "WORKBENCH_RECORD_KEY"


def moment() -> str:
    """Now, as everything that is hashed or signed writes it."""
    return timezone.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def newest() -> SigningKey | None:
    return SigningKey.objects.order_by("-introduced_at").first()


def signer() -> tuple[SigningKey, Ed25519PrivateKey]:
    """The key that signs now. The first one is made and kept beside the database's secrets.

    :raises SigningKeyLost: the database knows a key whose private half is not here.
    """
    known = newest()
    private = _kept()
    if known is None:
        private = private or _make()
        return _introduce(private, previous=None, reason="first key of this installation"), private
    if private is None or _public(private) != known.public_key:
        private = _take_up(known)
    if private is None:
        raise SigningKeyLost(
            f"The private half of signing key {known.key_id} is not in {_where()}. Put it back, or introduce a "
            "new key with `manage.py record_key --replace-lost --reason …`; old proofs stay valid."
        )
    return known, private


@transaction.atomic
def rotate(*, reason: str) -> SigningKey:
    """Sign with a new key from now on, endorsed by the old one.

    :raises SigningKeyLost: the old key is gone, so it cannot endorse; replace it instead.
    """
    _require(reason)
    known, old = signer()
    private = Ed25519PrivateKey.generate()
    _put_aside(private)
    return _introduce(private, previous=known, reason=reason, endorser=old)


@transaction.atomic
def replace_lost(*, reason: str) -> SigningKey:
    """Sign with a new key that nothing endorses; the reason is shown wherever its proofs are checked."""
    _require(reason)
    private = Ed25519PrivateKey.generate()
    _put_aside(private)
    return _introduce(private, previous=newest(), reason=reason)


def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether a signature is by that key; much faster than the stand-alone verifier's own."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _require(reason: str) -> None:
    if not reason.strip():
        raise ReasonRequired("Say why the signing key changes; it is shown beside every proof.", field="reason")


def _introduce(
    private: Ed25519PrivateKey, *, previous: SigningKey | None, reason: str, endorser: Ed25519PrivateKey | None = None
) -> SigningKey:
    public = _public(private)
    key = SigningKey(
        key_id=key_id_of(public),
        public_key=public,
        introduced_at=moment(),
        previous_key_id=previous.key_id if previous else "",
        reason=reason,
    )
    if endorser is not None:
        said = endorsement_text(key_id=key.key_id, public_key=key.public_key, introduced_at=key.introduced_at)
        key.endorsement = endorser.sign(said).hex()
    key.save(force_insert=True)
    return key


def _public(private: Ed25519PrivateKey) -> str:
    return private.public_key().public_bytes_raw().hex()


def _path() -> Path:
    return Path(settings.RECORD_KEY_FILE)


def _where() -> str:
    return f"the environment variable {ENVIRONMENT} or the file {_path().name} of the data folder"


def _kept() -> Ed25519PrivateKey | None:
    """The private key of the environment, else of the key file."""
    seed = settings.RECORD_KEY
    if not seed and _path().exists():
        seed = _path().read_text().strip()
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed)) if seed else None


def _make() -> Ed25519PrivateKey:
    """A key for a new installation; of two processes that start at once, one makes it."""
    with suppress(FileExistsError):
        handle = os.open(_path(), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(Ed25519PrivateKey.generate().private_bytes_raw().hex())
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(_path().read_text().strip()))


def _put_aside(private: Ed25519PrivateKey) -> None:
    """Write a new key beside the old before the database knows it, so that a crash in between loses neither.

    :raises InvalidInput: the key comes from the environment, which this program cannot change.
    """
    if settings.RECORD_KEY:
        raise InvalidInput(
            f"The key comes from {ENVIRONMENT}, which only you can change: put the present key into the file "
            f"{_path()} (mode 600), remove the variable, and try again.",
            field=ENVIRONMENT,
        )
    handle = os.open(_aside(), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(private.private_bytes_raw().hex())
        file.flush()
        os.fsync(file.fileno())


def _aside() -> Path:
    return _path().with_suffix(".new")


def _take_up(known: SigningKey) -> Ed25519PrivateKey | None:
    """The key put aside, if it is the one that the database knows; it then becomes the kept one."""
    if not _aside().exists():
        return None
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(_aside().read_text().strip()))
    if _public(private) != known.public_key:
        return None
    _aside().replace(_path())
    return private
