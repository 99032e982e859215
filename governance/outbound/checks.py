"""A setting that allows what cannot be read allows nothing: said when the site starts, not when a model is asked."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error

from governance.errors import InvalidInput
from governance.outbound.addresses import allowance_of


def check_allowed_addresses(**_: Any) -> list[CheckMessage]:
    """Each part of WORKBENCH_OUTBOUND_ALLOWED is a host, an address or a network."""
    found: list[CheckMessage] = []
    for text in settings.OUTBOUND_ALLOWED:
        try:
            allowance_of(text)
        except InvalidInput as error:
            found.append(Error(f"WORKBENCH_OUTBOUND_ALLOWED: {error.message}", id="governance.E010"))
    return found
