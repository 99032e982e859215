"""Template tags of the portal; each one hands plain data to a function of `governance.portal`."""

from collections.abc import Sequence
from typing import Any

from django import template
from django.contrib import admin
from django.db.models import JSONField
from django.urls import NoReverseMatch, reverse

from governance.portal import content, marks, svg
from governance.portal.strip import strip_for

register = template.Library()

register.simple_tag(marks.chip)
register.simple_tag(marks.use_strip)
register.simple_tag(marks.progress)
register.simple_tag(marks.bars)
register.simple_tag(svg.sparkline)
register.simple_tag(content.word_diff)
register.simple_tag(content.value_in_words)
register.filter(content.in_a_line)
register.simple_tag(content.difference)
register.simple_tag(content.messages_thread)
register.simple_tag(content.history_entries)


@register.simple_tag
def json_pretty(value: Any) -> str:
    """Definition lists for a JSON value."""
    return content.json_pretty(value)


@register.simple_tag(takes_context=True)
def readonly_contents(context: Any, field: Any) -> str:
    """A read-only value of a form, JSON in words; a row is linked only where its page opens for this person."""
    row = _row_in(field)
    desk = admin.site._registry.get(type(row)) if row is not None else None
    if desk is not None and not desk.has_view_permission(context["request"], row):
        return str(row)
    document = _document_in(field)
    return content.shown(document) if document else field.contents()


def _document_in(field: Any) -> Any:
    """The value of a read-only field that holds JSON; None for any other."""
    name, row = field.field["field"], field.form.instance
    known = {one.name for one in row._meta.concrete_fields if isinstance(one, JSONField)}
    return getattr(row, name) if name in known else None


def _row_in(field: Any) -> Any:
    """The row that a read-only field points at, if it is a foreign key."""
    name = field.field["field"]
    known = {one.name for one in field.form.instance._meta.concrete_fields if one.is_relation}
    return getattr(field.form.instance, name) if name in known else None


@register.filter
def thousands(value: Any) -> str:
    """1204 as 1,204; text such as "99.2 %" stays as it is, None is empty."""
    return f"{value:,}" if isinstance(value, int) else str("" if value is None else value)


@register.filter
def percent(value: float | None) -> str:
    """0.254 as 25 %; a dash where there is none."""
    return "—" if value is None else f"{value:.0%}".replace("%", " %")


@register.filter
def initials(user: Any) -> str:
    """Two letters for the avatar: of first and last name, else of the login name."""
    parts = [part for part in (user.get_full_name() or "").split() if part]
    if len(parts) > 1:
        return parts[0][0] + parts[-1][0]
    return (parts[0] if parts else user.get_username())[:2]


@register.filter
def per_second(rate: float | str | None) -> str:
    """A number as "3.1 per second"; text stays as it is."""
    return f"{rate:.1f} per second" if isinstance(rate, int | float) else str(rate or "")


@register.filter
def time_left(seconds: float | str | None) -> str:
    """Seconds as "1 min 8 s left"; text stays as it is."""
    if not isinstance(seconds, int | float):
        return str(seconds or "")
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s left"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s left"
    return f"{whole // 3600} h {whole % 3600 // 60} min left"


@register.filter
def chosen(choices: Sequence[dict[str, Any]]) -> str:
    """The words of the chosen filter option, empty while it shows everything (the first option)."""
    return next((str(choice["display"]) for choice in list(choices)[1:] if choice.get("selected")), "")


@register.simple_tag(takes_context=True)
def search_address(context: template.Context) -> str:
    """Where the search box sends to: `search_url` of the context as a URL name or a path."""
    target = context.get("search_url") or "admin:search"
    try:
        return reverse(target)
    except NoReverseMatch:
        return target if target.startswith("/") else "/admin/search/"


@register.filter
def direction_tone(direction: str) -> str:
    """The chip kind of a constraint change's direction."""
    return {"tightened": "prohibited", "relaxed": "permitted"}.get(direction, "attention")


@register.filter
def model_name(row: Any) -> str:
    """What kind of row this is, in words."""
    return str(row._meta.verbose_name)


@register.filter
def strip(row: Any) -> Any:
    """The use strip's data of a governed row."""
    return strip_for(row)
