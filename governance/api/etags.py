"""`ETag`, `If-Match` and `If-None-Match` (RFC 9110): who changes a row says which state of it they saw.

A tag is a digest of what the address answers, so it needs no column and no query; it carries a few bits of each field
as well, so that a refusal can name the fields that differ.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

from django.db import transaction
from rest_framework import status
from rest_framework.permissions import SAFE_METHODS
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from governance.errors import StaleVersion

WHOLE = 24
"""Letters of a tag that are the digest of everything; four more follow for each field."""
A_FIELD = 4
TAG = re.compile(r'(W/)?"([^"]*)"')


class ConditionalRequests:
    """Of a view of rows: a detail carries a tag, and a change of the row is made only on the state that `If-Match`
    names. Without the header nothing is asked."""

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        if not self._is_guarded(request):
            return super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        # The row stays as it was seen until the change is made.
        with transaction.atomic():
            return super().dispatch(request, *args, **kwargs)  # type: ignore[misc]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)  # type: ignore[misc]
        if self._is_guarded(request):
            self._check_unchanged(request.headers["If-Match"])

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        action = getattr(self, "action", None)
        if action == "retrieve" and isinstance(response, Response) and response.status_code == status.HTTP_200_OK:
            tag = tag_of(response.data)
            if _matches(request.headers.get("If-None-Match", ""), tag, weakly=True):
                response = Response(status=status.HTTP_304_NOT_MODIFIED)
            response["ETag"], response["Cache-Control"] = tag, "private, no-cache"
        return super().finalize_response(request, response, *args, **kwargs)  # type: ignore[misc]

    def _is_guarded(self, request: Any) -> bool:
        return bool(getattr(self, "detail", False)) and request.method not in SAFE_METHODS and (
            "If-Match" in request.headers
        )

    def _check_unchanged(self, wanted: str) -> None:
        """:raises StaleVersion: the row is in none of the states that `wanted` names."""
        row = self.get_object()  # type: ignore[attr-defined]
        type(row)._base_manager.select_for_update().filter(pk=row.pk).first()
        shown = self._as_retrieved()
        tag = tag_of(shown)
        if not _matches(wanted, tag, weakly=False):
            differing = _differing(wanted, tag, shown)
            named = f" These fields differ: {', '.join(differing)}." if differing else ""
            raise StaleVersion(
                f"This row is not in the state that If-Match names.{named} GET it again, look at what changed, and "
                "repeat the request with the new ETag.", details={"changed": differing, "etag": tag},
            )  # fmt: skip

    def _as_retrieved(self) -> Any:
        """What a GET of this row answers now."""
        action, self.action = self.action, "retrieve"  # type: ignore[has-type]
        try:
            return self.retrieve(self.request, **self.kwargs).data  # type: ignore[attr-defined]
        finally:
            self.action = action


def tag_of(shown: Any) -> str:
    """The strong tag of an answer."""
    fields = "".join(_digest(value, A_FIELD) for value in shown.values())
    return f'"{_digest(shown, WHOLE)}{fields}"'


def _digest(value: Any, letters: int) -> str:
    digest = hashlib.sha256(JSONRenderer().render(value)).digest()
    return base64.urlsafe_b64encode(digest).decode()[:letters]


def _matches(header: str, tag: str, *, weakly: bool) -> bool:
    """Whether one of the tags in `header` is this one; a weak tag says too little for a change (RFC 9110, 8.8.3.2)."""
    if header.strip() == "*":
        return True
    return any(f'"{text}"' == tag and (weakly or not weak) for weak, text in TAG.findall(header))


def _differing(header: str, tag: str, shown: Any) -> list[str]:
    """Fields whose digests are not those of the tag that was sent, where it is one of this view."""
    sent = TAG.search(header)
    if sent is None or len(sent[2]) != len(tag) - 2:
        return []
    old, new = sent[2][WHOLE:], tag[1:-1][WHOLE:]
    return [
        str(name)
        for place, name in enumerate(shown)
        if old[place * A_FIELD : (place + 1) * A_FIELD] != new[place * A_FIELD : (place + 1) * A_FIELD]
    ]
