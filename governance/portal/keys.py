"""Single keys of pages: which there are, and which of them one person has chosen, or switched off (WCAG 2.1.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from governance.errors import InvalidInput, NotPermitted
from governance.models import User

TAKEN = {"/": "search", "?": "the help"}  # on every page


@dataclass(frozen=True)
class Key:
    """One thing that a key does on the pages of one place; `default` is the key as long as nobody chose another."""

    place: str
    name: str
    label: str
    default: str

    @property
    def slug(self) -> str:
        return f"{self.place}.{self.name}"


_places: dict[str, str] = {}
_keys: dict[str, Key] = {}


def register(place: str, title: str, keys: Mapping[str, tuple[str, str]]) -> None:
    """Enter the keys of one place: `{name: (what it does, default key)}`."""
    _places[place] = title
    for name, (label, default) in keys.items():
        key = Key(place, name, label, default)
        _keys[key.slug] = key


def places() -> list[tuple[str, list[Key]]]:
    """Every place by its title, with its keys in the order of the page."""
    return [(title, [key for key in _keys.values() if key.place == place]) for place, title in _places.items()]


@dataclass(frozen=True)
class Chosen:
    """The keys of one person."""

    are_on: bool
    by_slug: Mapping[str, str]

    def on(self, place: str) -> dict[str, str]:
        """What each key of a place is, by name, and nothing where keys are off or the person wants none for it."""
        if not self.are_on:
            return {}
        here = [key for key in _keys.values() if key.place == place]
        return {key.name: self.by_slug[key.slug] for key in here if self.by_slug[key.slug]}

    def meanings(self, place: str) -> dict[str, str]:
        """What the help says: key → what it does."""
        return {key: _keys[f"{place}.{name}"].label for name, key in self.on(place).items()}


def of(user: Any) -> Chosen:
    """The keys of a person: chosen, or else the defaults."""
    own = user.keys if isinstance(user.keys, dict) else {}
    return Chosen(user.single_keys, {slug: str(own.get(slug, key.default)) for slug, key in _keys.items()})


@transaction.atomic
def choose(*, user: User, by: User, single_keys: bool | None = None, keys: Mapping[str, str] | None = None) -> Chosen:
    """Switch one's own single keys on or off, or give things other keys; an empty one has none. None: as it is.

    :raises NotPermitted: the account is somebody else's.
    :raises InvalidInput: no such thing, no single key, a key that every page has, or one key for two things.
    """
    user = User.objects.select_for_update().get(pk=user.pk)
    _require_own(user, by)
    chosen = dict(of(user).by_slug) | _checked(keys or {})
    _check_once(chosen)
    user.single_keys = user.single_keys if single_keys is None else single_keys
    user.keys = {slug: key for slug, key in chosen.items() if key != _keys[slug].default}
    user.save(update_fields=["single_keys", "keys"])
    return of(user)


def _require_own(user: User, by: User) -> None:
    if user.pk != by.pk:
        raise NotPermitted("Everybody chooses their own keys.")


def _checked(keys: Mapping[str, str]) -> dict[str, str]:
    return {slug: _checked_key(slug, key) for slug, key in keys.items()}


def _checked_key(slug: str, key: str) -> str:
    if slug not in _keys:
        raise InvalidInput(f"No key does {slug!r}; expected one of: {', '.join(_keys)}.", field="keys")
    key = key.strip().lower()
    if len(key) > 1 or (key and not key.isprintable()):
        raise InvalidInput(f"{_keys[slug].label}: {key!r} is no single key. Give one character, or none.", field=slug)
    if key in TAKEN:
        raise InvalidInput(f"{_keys[slug].label}: {key!r} is {TAKEN[key]} on every page. Choose another.", field=slug)
    return key


def _check_once(chosen: Mapping[str, str]) -> None:
    """One key does one thing in one place."""
    seen: dict[tuple[str, str], Key] = {}
    for slug, pressed in chosen.items():
        key = _keys[slug]
        other = seen.setdefault((key.place, pressed), key)
        if pressed and other is not key:
            raise InvalidInput(
                f"{pressed!r} cannot do both “{other.label}” and “{key.label}”. Give one of them another key.",
                field=slug,
            )
