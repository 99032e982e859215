"""Pages about a row that upper apps offer, such as where it went. Apps register theirs in `AppConfig.ready`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Link = Callable[[str, Any, Any], dict[str, str] | None]
_links: list[Link] = []


def register_link(make: Link) -> None:
    """`make(kind, pk, user)` returns {"label", "url"}, or None where there is no such page for this person."""
    _links.append(make)


def links_of(kind: str, pk: Any, user: Any) -> list[dict[str, str]]:
    found = (make(kind, pk, user) for make in _links)
    return [{"style": "plain", "method": "get", "confirm": ""} | link for link in found if link]
