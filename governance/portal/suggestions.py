"""A text field that suggests names: plain HTML, no script; what is not in its list can still be typed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django import forms
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from governance import access

MOST = 500  # names in one page

Names = Iterable[tuple[str, str]]


class SuggestingInput(forms.TextInput):
    """`names()` gives pairs of a value and what it stands for; it is asked each time the field is drawn."""

    def __init__(self, names: Callable[[], Names], attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"autocomplete": "off"} | (attrs or {}))
        self.names = names

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        list_id = f"{(attrs or {}).get('id', name)}-names"
        field = super().render(name, value, (attrs or {}) | {"list": list_id}, renderer)
        options = format_html_join("", '<option value="{}">{}</option>', self.names())
        return format_html('{}<datalist id="{}">{}</datalist>', field, list_id, options)


def people() -> Names:
    """Accounts that one may share with, by user name, with the name that pages show."""
    return [(account.username, account.display_name) for account in access.accounts_to_share_with()[:MOST]]


def groups() -> Names:
    """Roles and teams that one may share with."""
    offered = access.groups_to_share_with().select_related("role")[:MOST]
    return [(group.name, "role" if hasattr(group, "role") else "team") for group in offered]
