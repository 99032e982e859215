"""Every request acts as its user, through the door its path names; files stream under either server."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Iterator

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse

from governance import context
from governance.sign_in.ways import proved_at


class ActingMiddleware:
    """Sets who acts for the length of a request and answers with the request's id.

    A token login is known only inside the view; `governance.api.authentication` then names the person.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        door = "api" if request.path.startswith("/api/") else "admin"
        request_id = uuid.uuid4().hex
        with context.acting(
            user=request.user,  # type: ignore[arg-type]
            door=door,
            request_id=request_id,
            authenticated_at=proved_at(request),
        ):
            response = self.get_response(request)
        response["X-Request-ID"] = request_id
        return response


class StreamingMiddleware:
    """Under ASGI, Django would read a synchronous stream whole into memory; this hands it on piece by piece."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if isinstance(request, ASGIRequest) and isinstance(response, StreamingHttpResponse) and not response.is_async:
            response.streaming_content = _in_threads(iter(response.streaming_content))  # type: ignore[arg-type]
        return response


async def _in_threads(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    def following() -> bytes | None:
        return next(pieces, None)

    while (piece := await sync_to_async(following)()) is not None:
        yield piece
