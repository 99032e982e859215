"""What rows hold, made readable: differences, JSON, chat messages, entries of a history."""

import difflib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from governance.uses import Classification, Use, uses_in

WORDWISE_LIMIT = 20_000  # characters; beyond this the comparison goes by line, which stays quick
JSON_DEPTH = 20
FOLDED_FROM = 600  # characters
LINE = 160  # characters
ENTRIES = 12
COLUMNS = 5
MASKS = frozenset({"uses", "allowed_uses", "prohibited_uses", "grants_uses"})
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)")
NOTHING = {"permitted_until": "no end", "until": "no end", "needed": "nobody"}
NAMES = {
    "data_classification": "classification", "usage_reason": "reason", "what_if": "what it would change",
    "effects": "rows that lose or gain a use", "what": "rows", "lost": "lose it", "gained": "gain it",
    "object_id": "row", "ids": "rows", "found_by": "found by column", "base_url": "address", "digest": "SHA-256",
    "max_classification": "highest classification", "exclusions": "left out",
}  # fmt: skip
EMPTY = mark_safe('<span class="muted">empty</span>')


def word_diff(before: Any, after: Any) -> SafeString:
    """The whole text with what went as <del> and what came as <ins>; nothing is left out."""
    old, new = _plain(before), _plain(after)
    pattern = r"[^\n]*\n|[^\n]+" if max(len(old), len(new)) > WORDWISE_LIMIT else r"\s+|\w+|[^\w\s]"
    left, right = re.findall(pattern, old), re.findall(pattern, new)
    matcher = difflib.SequenceMatcher(None, left, right, autojunk=False)
    pieces = format_html_join(
        "",
        "{}",
        (
            (_piece(tag, "".join(left[a:b]), "".join(right[c:d])),)
            for tag, a, b, c, d in matcher.get_opcodes()
        ),
    )
    return format_html('<span class="diff">{}</span>', pieces)


def _piece(tag: str, old: str, new: str) -> SafeString:
    if tag == "equal":
        return format_html("{}", old)
    removed = format_html("<del>{}</del>", old) if old else ""
    added = format_html("<ins>{}</ins>", new) if new else ""
    return format_html("{}{}", removed, added)


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, indent=1, default=str)
    return str(value)


def json_pretty(value: Any, depth: int = 0) -> SafeString:
    """JSON as definition lists and numbered lists; beyond 20 levels as its text."""
    if depth >= JSON_DEPTH:
        return format_html("<code>{}</code>", json.dumps(value, ensure_ascii=False, default=str))
    body = _json_body(value, depth)
    return body if depth else format_html('<div class="json">{}</div>', body)


def shown(value: Any) -> SafeString:
    """Content of a request in words: what would change as a table of before and after, anything else by name."""
    if not (isinstance(value, Mapping) and {"before", "after"} <= value.keys()):
        return format_html('<div class="json">{}</div>', _in_words("", value))
    before, after = value["before"], value["after"]
    rows = format_html_join("", '<tr><th scope="row">{}</th><td>{}</td><td>{}</td></tr>', (
        (name_in_words(name), _in_words(name, before.get(name)), _changed(name, before.get(name), after.get(name)))
        for name in {**before, **after}
    ))  # fmt: skip
    rest = {name: item for name, item in value.items() if name not in {"before", "after"}}
    return format_html(
        '<div class="json"><div class="table-scroll" tabindex="0"><table><thead><tr><th scope="col">Value</th>'
        '<th scope="col">Now</th><th scope="col">Proposed</th></tr></thead><tbody>{}</tbody></table></div></div>{}',
        rows, shown(rest) if rest else "",
    )  # fmt: skip


def asked(payload: Mapping[str, Any], now: Mapping[str, Any]) -> SafeString:
    """What a request asks for, beside what is so now: values that stay as they are need not be read twice."""
    both = [name for name in payload if name in now]
    rest = {name: value for name, value in payload.items() if name not in now}
    before, after = {name: now[name] for name in both}, {name: payload[name] for name in both}
    return shown(rest or payload) if before == after else shown({"before": before, "after": after, **rest})


def value_in_words(name: str, value: Any) -> SafeString:
    """One value under the name of its column: nothing that a program writes stays as it wrote it."""
    value = getattr(value, "shown", value)
    if value is None or value == "":
        return format_html("{}", "—")
    words = _in_words(name, value) if isinstance(value, bool | int | Mapping | list | tuple) else value
    return format_html('<div class="json">{}</div>' if isinstance(value, Mapping | list | tuple) else "{}", words)


def difference(name: str, old: Any, new: Any) -> SafeString:
    """What became of one value: text word by word, a mapping by those of its values that changed."""
    old, new = getattr(old, "shown", old), getattr(new, "shown", new)
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        names = [one for one in {**old, **new} if old.get(one) != new.get(one)]
        return shown({"before": {one: old.get(one) for one in names}, "after": {one: new.get(one) for one in names}})
    if isinstance(old, bool | int | Mapping | list | tuple) or isinstance(new, bool | int | Mapping | list | tuple):
        return _changed(name, old, new)
    return word_diff(old, new)


def in_a_line(value: Any) -> str:
    """A short value for a list: an answer of one field by that field's value alone."""
    if isinstance(value, Mapping):
        if len(value) == 1:
            return in_a_line(next(iter(value.values())))
        return "; ".join(f"{name_in_words(str(name))}: {in_a_line(item)}" for name, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(in_a_line(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def _changed(name: str, old: Any, new: Any) -> Any:
    words = _in_words(name, new)
    return words if old == new else format_html('<span class="diff"><ins>{}</ins></span>', words)


def _in_words(name: str, value: Any) -> Any:
    """A value under its name: masks, levels, moments and switches in words, more than a glance takes in folded."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and name in MASKS:
        value = uses_in(value)
    if value is None or value == "" or value == [] or value == {}:
        return format_html('<span class="muted">{}</span>', NOTHING.get(name, "none"))
    if isinstance(value, int) and "classification" in name:
        return str(Classification(value).label)
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, str):
        return _text_in_words(value)
    if isinstance(value, Mapping):
        return _mapping_in_words(name, value)
    return _list_in_words(name, list(value)) if isinstance(value, list | tuple) else str(value)


def _text_in_words(text: str) -> SafeString:
    if MOMENT.fullmatch(text) and (moment := parse_datetime(text)) is not None:
        return format_html("{}", timezone.localtime(moment).strftime("%d %b %Y %H:%M %Z"))
    if text in Use:
        return format_html("{}", Use(text).label)
    body = format_html('<span class="text">{}</span>' if "\n" in text else "{}", text)
    return body if len(text) <= FOLDED_FROM else _folded(f"{len(text):,} characters", body)


def _mapping_in_words(name: str, value: Mapping[str, Any]) -> SafeString:
    length = len(json.dumps(value, ensure_ascii=False, default=str))
    if name.endswith("schema"):
        return _folded(f"{length:,} characters of JSON", json_pretty(value))
    pairs = ((name_in_words(str(key)), _in_words(str(key), item)) for key, item in value.items())
    body = format_html('<dl class="facts-list">{}</dl>', format_html_join("", "<dt>{}</dt><dd>{}</dd>", pairs))
    return _folded(f"{len(value):,} values", body) if name and length > FOLDED_FROM else body


def _list_in_words(name: str, items: list[Any]) -> SafeString:
    if all(isinstance(one, str | int | float) for one in items) and sum(len(str(one)) for one in items) <= LINE:
        return format_html_join(", ", "{}", ((_in_words("", one),) for one in items))
    body = _table(items) or format_html(
        "<ol>{}</ol>", format_html_join("", "<li>{}</li>", ((_in_words("", one),) for one in items))
    )
    return _folded(f"{len(items):,} entries", body) if len(items) > ENTRIES else body


def _table(items: list[Any]) -> SafeString | None:
    """Rows of the same short values as a table; None where these are none."""
    first = items[0]
    alike = isinstance(first, Mapping) and all(isinstance(one, Mapping) and one.keys() == first.keys() for one in items)
    if not alike or len(first) > COLUMNS:
        return None
    heads = format_html_join("", '<th scope="col">{}</th>', ((name_in_words(str(key)),) for key in first))
    rows = format_html_join("", "<tr>{}</tr>", (
        (format_html_join("", "<td>{}</td>", ((_in_words(str(key), item),) for key, item in one.items())),)
        for one in items
    ))  # fmt: skip
    return format_html(
        '<div class="table-scroll" tabindex="0"><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>',
        heads, rows,
    )  # fmt: skip


def _folded(summary: str, body: SafeString) -> SafeString:
    return format_html("<details><summary>{}</summary>{}</details>", summary, body)


def name_in_words(name: str) -> str:
    """The name of a value as people read it: `allowed_uses` is “Allowed uses”."""
    words = NAMES.get(name, name.replace("_", " "))
    return words[:1].upper() + words[1:]


def _json_body(value: Any, depth: int) -> SafeString:
    if isinstance(value, Mapping) and value:
        pairs = ((key, json_pretty(item, depth + 1)) for key, item in value.items())
        return format_html(
            '<dl class="facts-list">{}</dl>', format_html_join("", "<dt>{}</dt><dd>{}</dd>", pairs)
        )
    if isinstance(value, list | tuple) and value:
        items = ((json_pretty(item, depth + 1),) for item in value)
        return format_html("<ol>{}</ol>", format_html_join("", "<li>{}</li>", items))
    if isinstance(value, str) and value:
        return format_html('<span class="text">{}</span>', value)
    return format_html('<span class="literal">{}</span>', _literal(value))


def _literal(value: Any) -> str:
    """Empty containers, numbers and words as JSON writes them."""
    return json.dumps(value, ensure_ascii=False, default=str)


def messages_thread(messages: Iterable[Mapping[str, Any]]) -> SafeString:
    """Chat messages in order; content is text or a list of parts of type text, image or file."""
    items = format_html_join(
        "",
        '<li class="{}"><span class="role">{}</span>{}{}</li>',
        (
            (_role(message), _role(message), _content(message.get("content")), _tool_calls(message))
            for message in messages
        ),
    )
    return format_html('<ol class="thread">{}</ol>', items)


def _role(message: Mapping[str, Any]) -> str:
    return str(message.get("role", "unknown role"))


def _tool_calls(message: Mapping[str, Any]) -> SafeString | str:
    calls = message.get("tool_calls")
    return json_pretty(calls) if calls else ""


def _content(content: Any) -> SafeString:
    if content is None or content == "":
        return EMPTY
    if isinstance(content, str):
        return format_html('<div class="text">{}</div>', content)
    if isinstance(content, Mapping):
        content = [content]
    return format_html_join("", "{}", ((_part(part),) for part in content))


def _part(part: Any) -> SafeString:
    if not isinstance(part, Mapping):
        return format_html('<div class="text">{}</div>', part)
    kind = part.get("type")
    if kind == "text":
        return format_html('<div class="text">{}</div>', part.get("text", ""))
    if kind in ("image", "image_url", "file"):
        return _attachment(part, is_image=kind != "file")
    return json_pretty(part)


def _attachment(part: Mapping[str, Any], *, is_image: bool) -> SafeString:
    """Our own files are shown; an address elsewhere is only a link, the page loads nothing from outside."""
    nested = part.get("image_url")
    url = str(part.get("url") or (nested.get("url", "") if isinstance(nested, Mapping) else nested) or "")
    name = str(part.get("name") or part.get("filename") or ("image" if is_image else "file"))
    address = urlsplit(url)
    local = bool(url) and not address.scheme and not address.netloc
    if is_image and local:
        return format_html('<p><a href="{}"><img src="{}" alt="{}"></a></p>', url, url, name)
    if local or address.scheme in ("http", "https"):
        return format_html('<p><a href="{}" rel="noreferrer">{}</a></p>', url, name)
    return format_html('<p class="muted">{} (embedded, {} characters)</p>', name, len(url))


def history_entries(records: Sequence[Any]) -> list[dict[str, Any]]:
    """Each simple-history record with its full changes: `{"record", "changes": [{"name", "field", "old", "new"}]}`.

    Records come newest first, as the history page lists them; the last one looks up its predecessor.
    """
    records = list(records)
    older = [*records[1:], records[-1].prev_record] if records else []
    return [
        {"record": record, "changes": _changes(record, previous) if previous else []}
        for record, previous in zip(records, older, strict=True)
    ]


def _changes(record: Any, previous: Any) -> list[dict[str, Any]]:
    delta = record.diff_against(previous, foreign_keys_are_objs=True)
    return [
        {"name": change.field, "field": _field_name(record, change.field), "old": change.old, "new": change.new}
        for change in delta.changes
    ]


def _field_name(record: Any, name: str) -> str:
    return str(record.instance_type._meta.get_field(name).verbose_name)
