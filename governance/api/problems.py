"""Every error as `application/problem+json` (RFC 9457): what was asked, what is true instead, what to do."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, TooManyFieldsSent, ValidationError
from django.http import Http404
from rest_framework import exceptions, serializers
from rest_framework.decorators import api_view, authentication_classes, permission_classes
from rest_framework.permissions import SAFE_METHODS, AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import exception_handler, set_rollback

from governance.errors import BodyTooLarge, TooManyTries, WorkbenchError

VALUE_SHOWN = 100  # characters
KINDS: tuple[Any, ...] = (
    serializers.IntegerField, serializers.FloatField, serializers.DecimalField, serializers.BooleanField,
    serializers.DateField, serializers.DateTimeField, forms.IntegerField, forms.FloatField, forms.DecimalField,
    forms.DateField, forms.DateTimeField, forms.UUIDField,
)  # fmt: skip


def problem_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's `EXCEPTION_HANDLER`. Unknown errors stay unknown, so that they are seen and mended."""
    if isinstance(error, RequestDataTooBig | TooManyFieldsSent):
        error = BodyTooLarge(
            f"Nothing was read: a body may have {settings.DATA_UPLOAD_MAX_MEMORY_SIZE:,} bytes and "
            f"{settings.DATA_UPLOAD_MAX_NUMBER_FIELDS:,} fields. Send it in parts, or as a file."
        )
    if isinstance(error, WorkbenchError):
        set_rollback()
        problem = _problem(error.status, error.code, error.message, field=error.field, **error.details)
        if isinstance(error, TooManyTries):
            problem["Retry-After"] = str(error.details.get("seconds", 60))
        if error.status == 401:
            problem["WWW-Authenticate"] = "Token"
        return problem
    if isinstance(error, ValidationError):
        error = exceptions.ValidationError(error.message_dict if hasattr(error, "error_dict") else error.messages)
    response = exception_handler(error, context)
    if response is None:
        return None
    problem = _from_rest_framework(error, response, context.get("request"))
    for header in ("WWW-Authenticate", "Retry-After", "Allow"):
        if header in response:
            problem[header] = response[header]
    return problem


def _from_rest_framework(error: Exception, response: Response, request: Request | None) -> Response:
    if isinstance(error, exceptions.ValidationError):
        faults = list(_faults(error.detail, _sent(request)))
        detail = "; ".join(f"{fault['field']}: {fault['message']}" for fault in faults)
        return _problem(400, "invalid_input", detail, errors=faults, field=faults[0]["field"] if faults else "")
    if isinstance(error, Http404 | exceptions.NotFound):
        return _problem(404, "not_found", "There is no such row, or you may not see it.")
    if isinstance(error, PermissionDenied | exceptions.PermissionDenied):
        return _problem(403, "not_permitted", "Your roles do not allow this.")
    code = getattr(error, "default_code", "error")
    return _problem(response.status_code, code, str(getattr(error, "detail", error)))


def _faults(detail: Any, sent: Any, path: str = "") -> Any:
    """Each fault with its field; `sent` is what the caller sent there."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            value = sent.get(name) if isinstance(sent, Mapping) else None
            yield from _faults(inner, value, f"{path}.{name}" if path else str(name))
    elif isinstance(detail, list):
        for place, inner in enumerate(detail):
            nested = isinstance(inner, dict | list)
            value = sent[place] if nested and isinstance(sent, list) and place < len(sent) else sent
            yield from _faults(inner, value, f"{path}[{place}]" if nested else path)
    else:
        yield {"field": path, "message": _with_value(str(detail), sent)}


def _sent(request: Request | None) -> Any:
    """The body, or what the address asks for where nothing was sent."""
    if request is None:
        return {}
    body = {} if request.method in SAFE_METHODS else request.data
    return body if isinstance(body, list) else {**request.query_params.dict(), **body}


def _with_value(message: str, sent: Any) -> str:
    """What the framework says of a value of the wrong kind does not name it; messages of our own do."""
    if sent is None or not message.startswith(_of_wrong_kind()):
        return message
    shown = repr(sent)
    return f"{message} Got {shown if len(shown) <= VALUE_SHOWN else f'{shown[:VALUE_SHOWN]}…'}."


@cache
def _of_wrong_kind() -> tuple[str, ...]:
    """How the framework's messages about a number, a date, a switch or an id begin."""
    return tuple(str(kind.default_error_messages["invalid"]).split("{")[0] for kind in KINDS)


def _problem(status: int, code: str, detail: str, /, **more: Any) -> Response:
    """The standard members win over a detail of the same name, such as the `status` of a row."""
    body = {name: value for name, value in more.items() if value not in ("", None)}
    body |= {
        "type": f"/docs/errors/#{code}",
        "title": code.replace("_", " "),
        "status": status,
        "code": code,
        "detail": detail,
    }
    response = Response(body, status=status)
    response.content_type = "application/problem+json"
    return response


@api_view(["GET", "POST", "PUT", "PATCH", "DELETE"])
@authentication_classes([])
@permission_classes([AllowAny])
def unknown_address(request: Request) -> Response:
    """What answers below /api/v1/ where nothing else does: a problem, and not the portal's page for people."""
    return _problem(404, "not_found", f"The API has no address {request.path}; see /api/v1/docs/.")


# No operation, so not in the schema.
unknown_address.cls.schema = None  # type: ignore[attr-defined]
