"""Immutable JSON values, stored once under the digest of their canonical text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from labeling.labels.errors import ContentErased
from labeling.labels.models import Content
from labeling.schemas.canonical import digest

__all__ = ["content_of", "digest", "erased_among", "keep", "refuse_erased", "require_whole"]

AGAIN = (
    "The {what} was erased on {content.erased_at:%d %b %Y}, so the same value is not kept again. Give another one, "
    "without what was erased."
)


def keep(bodies: Mapping[str, Any]) -> None:
    """Store each body under its digest; one that is there already stays.

    :raises ContentErased: one of them was erased.
    """
    refuse_erased(bodies)
    rows = [Content(digest=key, body=body) for key, body in bodies.items()]
    Content.objects.bulk_create(rows, ignore_conflicts=True, batch_size=500)


def content_of(body: Any) -> Content:
    """The stored value equal to `body`.

    :raises ContentErased: it was erased.
    """
    key = digest(body)
    keep({key: body})
    return Content.objects.get(pk=key)


def erased_among(digests: Iterable[str | None], *, what: str = "value") -> dict[str, ContentErased]:
    """Those of these values that were erased, each with its refusal; one query, which finds nearly always none."""
    wanted = {key for key in digests if key}
    if not wanted:
        return {}
    gone = Content.objects.erased().filter(pk__in=wanted).defer("body")
    return {content.pk: ContentErased(AGAIN.format(what=what, content=content)) for content in gone}


def refuse_erased(digests: Iterable[str | None]) -> None:
    """:raises ContentErased: one of these values was erased."""
    for error in erased_among(digests).values():
        raise error


def require_whole(content: Content, what: str) -> None:
    """:raises ContentErased: it was erased, so that nothing can be decided about it."""
    if content.erased_at is not None:
        raise ContentErased(f"The {what} was erased on {content.erased_at:%d %b %Y}. Give another one, or reject it.")
