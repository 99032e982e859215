"""One class per broken rule of model endpoints."""

from __future__ import annotations

from governance.errors import InvalidInput, WorkbenchError


class UnknownEngine(WorkbenchError):
    """No engine of this name is installed here."""

    code = "unknown_engine"


class EndpointInactive(WorkbenchError):
    """The endpoint is switched off."""

    code = "endpoint_inactive"


class KeyNotAllowed(InvalidInput):
    """This key reference could give away something that is no key of a model server."""

    code = "key_not_allowed"


class FileTooLarge(InvalidInput):
    """A file is larger than what is sent with a prompt."""

    code = "file_too_large"
