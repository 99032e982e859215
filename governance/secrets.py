"""Keys of other services: kept as a reference to the environment, or encrypted with a key outside the database."""

from __future__ import annotations

import os

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings

from governance.errors import InvalidInput

ENVIRONMENT = "env:"


def seal(secret: str) -> str:
    """What to store for `secret`: `env:NAME` stays a reference, anything else is encrypted."""
    if not secret or secret.startswith(ENVIRONMENT):
        return secret
    return _fernet().encrypt(secret.encode()).decode()


def reveal(stored: str, *, field: str = "api_key") -> str:
    """The secret behind what `seal` returned.

    :raises InvalidInput: the environment variable is not set, or the key file has changed.
    """
    if not stored:
        return ""
    if stored.startswith(ENVIRONMENT):
        name = stored.removeprefix(ENVIRONMENT)
        if name not in os.environ:
            raise InvalidInput(f"The environment variable {name} is not set on this server.", field=field)
        return os.environ[name]
    try:
        return _fernet().decrypt(stored.encode()).decode()
    except InvalidToken as error:
        raise InvalidInput(
            "The stored key was sealed with another key file; enter it again.", field=field
        ) from error


def _fernet() -> Fernet:
    return Fernet(settings.SEALING_KEY)
