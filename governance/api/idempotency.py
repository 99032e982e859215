"""`Idempotency-Key`: who sends a creating request twice, not knowing whether the first arrived, makes one row.

The key, the work and its answer are one transaction. A second request with the key waits for the first and gets its
answer; what was refused is not kept, so that it can be sent again.
"""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.db import IntegrityError, transaction
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from governance import secrets
from governance.errors import IdempotencyKeyReused, InvalidInput
from governance.models import KeptAnswer

HEADER = "Idempotency-Key"
LONGEST = 200
KEPT_FOR = timedelta(days=1)
KEPT_STATUSES = (201, 202)
SWEPT_AT_ONCE = 100


class Again(Exception):
    """The request was answered before; this is the answer."""

    def __init__(self, answer: KeptAnswer) -> None:
        super().__init__(answer.key)
        self.answer = answer


class IdempotentPosts:
    """Of a view: POSTs that create are done once for each key. Others take no notice of it.

    `keeps_answers` False: the answer must not be kept, so a key is refused.
    """

    keeps_answers = True
    _kept: KeptAnswer | None = None

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        if request.method != "POST" or HEADER not in request.headers:
            return super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        with transaction.atomic():
            response = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
            if self._kept is not None:
                _settle(self._kept, response)
        return response

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)  # type: ignore[misc]
        if request.method == "POST" and HEADER in request.headers:
            self._kept = self._begin(request)

    def handle_exception(self, error: Exception) -> Response:
        if not isinstance(error, Again):
            return super().handle_exception(error)  # type: ignore[misc,no-any-return]
        kept = error.answer
        response = Response(json.loads(secrets.reveal(kept.body)), status=kept.status)
        if kept.location:
            response["Location"] = kept.location
        response["Idempotent-Replayed"] = "true"
        return response

    def _begin(self, request: Request) -> KeptAnswer:
        """The row of this key, new; raises what was answered before."""
        key = request.headers[HEADER]
        if not self.keeps_answers:
            raise InvalidInput(f"{HEADER} cannot be used here: the answer is shown once and not kept.", field=HEADER)
        if not 1 <= len(key) <= LONGEST or not key.isprintable():
            raise InvalidInput(f"{HEADER} must be 1 to {LONGEST} printable characters, best a UUID.", field=HEADER)
        _sweep()
        digest = _digest(request)
        try:
            with transaction.atomic():
                return KeptAnswer.objects.create(user=request.user, key=key, request_digest=digest)
        except IntegrityError:
            before = KeptAnswer.objects.get(user=request.user, key=key)
        if before.request_digest != digest:
            raise IdempotencyKeyReused(
                f"The key {key} was sent with another request. Use a new key for each request.", field=HEADER
            )
        raise Again(before)


def _digest(request: Request) -> str:
    try:
        body = request._request.body
    except RequestDataTooBig as error:
        raise InvalidInput(f"The body is too large to be sent with {HEADER}; send it without.", field=HEADER) from error
    return hashlib.sha256(f"POST {request.get_full_path()}\n".encode() + body).hexdigest()


def _settle(kept: KeptAnswer, response: Any) -> None:
    if response.status_code not in KEPT_STATUSES or not isinstance(response, Response):
        kept.delete()
        return
    kept.status = response.status_code
    kept.location = response.get("Location", "")[:500]
    kept.body = secrets.seal(json.dumps(response.data, cls=JSONEncoder))
    kept.save(update_fields=["status", "location", "body"])


def _sweep() -> None:
    """Forget what was kept for a day, a few at a time."""
    old = KeptAnswer.objects.filter(created_at__lt=timezone.now() - KEPT_FOR).values("pk")[:SWEPT_AT_ONCE]
    KeptAnswer.objects.filter(pk__in=list(old.values_list("pk", flat=True))).delete()
