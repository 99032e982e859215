"""The report of an evidence bundle: one HTML page without a script, to read and to print. Knows nothing of Django."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from governance.record import verifier
from governance.record.bundle import parsed_checkpoint, shown_erasure

SHOWN_ENTRIES = 2000
SHOWN_CHARACTERS = 1200
# Characters that nobody sees and that change how their neighbours are read: controls, marks of writing direction.
INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]")

Words = Callable[[str, str, Any], str | None]


def report_html(
    *,
    about: Mapping[str, str],
    entries: Iterable[Mapping[str, Any]],
    erasures: Iterable[Mapping[str, Any]],
    checkpoint: Mapping[str, str] | None,
    key: Mapping[str, str],
    titles: Mapping[tuple[str, str], str] | None = None,
    words: Words | None = None,
) -> bytes:
    """The report of a bundle.

    :param about, entries, erasures: as for `write_bundle`.
    :param checkpoint: the last one, or None if nothing is sealed yet.
    :param key: the one that signs the bundle.
    :param titles: what people call an object, by (kind, object id).
    :param words: a value as people read it, from kind, column and value; None leaves it as it is stored.
    """
    last = parsed_checkpoint(checkpoint) if checkpoint else None
    told = _Told(
        size=last.size if last else 0,
        erasures={row["entry_id"]: shown_erasure(row) for row in erasures},
        titles=titles or {},
        words=words or (lambda *_: None),
    )
    counts = _Counts()
    changes = "".join(_objects(entries, counts, told))
    page = PAGE.format(
        style=STYLE,
        title=html.escape(INVISIBLE.sub("?", about["question"])),
        question=_visible(about["question"]),
        made_by=_visible(about["made_by"]),
        made_at=_moment(about["made_at"]),
        counts=_figures(counts),
        seal=_seal(about, last, key),
        changes=changes or '<p class="none">No entry answers the question.</p>',
        left_out=_left_out(counts),
        key_id=html.escape(key["key_id"]),
    )
    return page.encode()


@dataclass
class _Told:
    """What the rows of the report need beside the entries: the size of the sealed tree, and words for people."""

    size: int
    erasures: Mapping[int, Mapping[str, Any]]
    titles: Mapping[tuple[str, str], str]
    words: Words


@dataclass
class _Counts:
    entries: int = 0
    objects: int = 0
    sealed: int = 0
    erased: int = 0
    unattributed: int = 0


def _objects(entries: Iterable[Mapping[str, Any]], counts: _Counts, told: _Told) -> Iterator[str]:
    """One section for each object."""
    for (kind, object_id), chain in groupby(entries, key=lambda entry: (entry["kind"], entry["object_id"])):
        counts.objects += 1
        rows = []
        for entry in chain:
            counts.entries += 1
            counts.sealed += _is_sealed(entry, told)
            counts.erased += entry["payload"] is None
            counts.unattributed += not entry["door"]
            if counts.entries <= SHOWN_ENTRIES:
                rows.append(_row(entry, told))
        if rows:
            title = told.titles.get((kind, object_id))
            name = f"<h3>{_visible(title)}</h3> " if title else ""
            identity = f"<code>{_visible(kind)}</code> <code>{_visible(object_id)}</code>"
            yield OBJECT.format(name=name, identity=identity, rows="".join(rows))


def _is_sealed(entry: Mapping[str, Any], told: _Told) -> bool:
    return entry["position"] is not None and entry["position"] < told.size


def _row(entry: Mapping[str, Any], told: _Told) -> str:
    values = _values(entry)
    none = "erased" if entry["payload"] is None else "none given"
    sealed = f"sealed at {entry['position']:,}" if _is_sealed(entry, told) else '<b class="open">not sealed yet</b>'
    return ROW.format(
        version=entry["version"],
        when=_moment(entry["recorded_at"], zone=""),
        operation=_visible(entry["operation"]),
        changes=_changes(entry, values, told),
        reason=_visible(values.get("reason") or "") or f'<span class="none">{none}</span>',
        who=_who(entry, values),
        sealed=sealed,
        entry_id=entry["id"],
        hash=html.escape(entry["entry_hash"][:16]),
    )


def _values(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The payload, if it can be read: a damaged record is reported on too."""
    try:
        values = json.loads(entry["payload"] or "{}")
    except (ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def _who(entry: Mapping[str, Any], values: Mapping[str, Any]) -> str:
    account = f'<span class="muted">account {entry["actor_id"]}</span>' if entry["actor_id"] not in (None, "") else ""
    through = f"through {_visible(entry['door'])}" if entry["door"] else '<b class="wrong">no person known</b>'
    return "<br>".join(part for part in (_visible(values.get("actor") or ""), account, through) if part)


def _changes(entry: Mapping[str, Any], values: Mapping[str, Any], told: _Told) -> str:
    if entry["payload"] is None:
        return _erased(told.erasures.get(entry["id"]))
    images = [values.get(name) for name in ("old", "new")]
    old, new = (image if isinstance(image, dict) else {} for image in images)
    columns = [*new, *(column for column in old if column not in new)]
    if not columns:
        return f'<span class="value">{_cut(entry["payload"])}</span>'
    lines = [_change(entry["kind"], column, old, new, told.words) for column in columns]
    return f"<dl>{''.join(lines)}</dl>"


def _erased(erasure: Mapping[str, Any] | None) -> str:
    if erasure is None:
        return '<b class="wrong">gone, and no erasure is on record</b>'
    return (
        f'<b class="open">erased</b> {_moment(erasure["erased_at"])} by {_visible(erasure["actor_name"])}: '
        f'{_visible(erasure["reason"])} <span class="none">The entry and its place remain.</span>'
    )


def _change(kind: str, column: str, old: Mapping[str, Any], new: Mapping[str, Any], words: Words) -> str:
    sides = [
        f"<{tag}>{_value(words(kind, column, image[column]), image[column])}</{tag}>"
        for tag, image in (("del", old), ("ins", new))
        if column in image
    ]
    return f"<div><dt>{_visible(column)}</dt><dd>{' <i>→</i> '.join(sides)}</dd></div>"


def _value(said: str | None, value: Any) -> str:
    if said is not None:
        return _cut(said)
    if value is None or value == "":
        return '<span class="none">empty</span>'
    return _cut(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _cut(text: str) -> str:
    if len(text) <= SHOWN_CHARACTERS:
        return _visible(text)
    rest = f"the first {SHOWN_CHARACTERS:,} of {len(text):,} characters; all are in entries.jsonl"
    return f'{_visible(text[:SHOWN_CHARACTERS])}… <span class="none">({rest})</span>'


def _visible(text: object) -> str:
    """Text of people as HTML in which nothing hides and nothing reorders what stands beside it."""
    shown = INVISIBLE.sub(lambda found: f"\0{ord(found[0]):04X}\0", str(text))
    escaped = re.sub("\0([0-9A-F]+)\0", r'<span class="hidden">U+\1</span>', html.escape(shown))
    return f"<bdi>{escaped}</bdi>" if escaped and not escaped.isascii() else escaped


def _moment(text: str, zone: str = " UTC") -> str:
    """A recorded moment with its fraction of a second in small; anything else as it is."""
    if not verifier.MOMENT.fullmatch(text):
        return _visible(text)
    return f'<time datetime="{text}">{text[:10]} <span>{text[11:19]}<small>{text[19:26]}{zone}</small></span></time>'


def _figures(counts: _Counts) -> str:
    figures = [
        (counts.entries, "entries", ""),
        (counts.objects, "objects", ""),
        (counts.sealed, "sealed", ""),
        (counts.entries - counts.sealed, "not sealed yet", "open"),
        (counts.erased, "with erased values", "open"),
        (counts.unattributed, "by no known person", "wrong"),
    ]
    return "".join(
        f'<li class="{mark if number else ""}"><b>{number:,}</b> {label}</li>' for number, label, mark in figures
    )


def _seal(about: Mapping[str, str], last: verifier.Checkpoint | None, key: Mapping[str, str]) -> str:
    lines = [("Installation", f"<code>{_visible(about['site'])}</code>")]
    if last is None:
        lines.append(("Checkpoint", '<b class="open">none: nothing of this record is sealed yet</b>'))
    else:
        lines += [
            ("Checkpoint", f"number {last.number:,}, over {last.size:,} entries, sealed {_moment(last.sealed_at)}"),
            ("Root", f"<code>{last.root}</code>"),
        ]
    lines += [
        ("Signed by key", f"<code>{html.escape(key['key_id'])}</code>, in use since {_moment(key['introduced_at'])}"),
        ("Public key", f"<code>{html.escape(key['public_key'])}</code>"),
    ]
    return "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in lines)


def _left_out(counts: _Counts) -> str:
    if counts.entries <= SHOWN_ENTRIES:
        return ""
    return (
        f'<p class="notice">This page shows the first {SHOWN_ENTRIES:,} of {counts.entries:,} entries. All of them '
        "are in <code>entries.jsonl</code>, and all were counted above.</p>"
    )


OBJECT = """
<section class="object">
<header>{name}<p>{identity}</p></header>
<table>
<thead><tr><th scope="col">Version</th><th scope="col">When (UTC)</th><th scope="col">What changed</th>
<th scope="col">Why</th><th scope="col">Who</th><th scope="col">In the record</th></tr></thead>
<tbody>{rows}</tbody>
</table>
</section>
"""

ROW = """
<tr><td data-name="Version"><b>{version}</b> {operation}</td><td data-name="When (UTC)">{when}</td>
<td data-name="What changed">{changes}</td><td data-name="Why" class="value">{reason}</td>
<td data-name="Who">{who}</td>
<td data-name="In the record">{sealed}<br><span class="muted">entry {entry_id}<br><code>{hash}…</code></span></td></tr>
"""

STYLE = """
:root { --ink: #16202e; --muted: #5a6675; --line: #dfe3e9; --paper: #fff; --soft: #f6f7f9; --primary: #2f54c8;
  --good: #137a4b; --good-soft: #e2f4ea; --open: #8a5a00; --open-soft: #fdf1d7; --wrong: #b3261e;
  --wrong-soft: #fce8e6; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 32px 24px 48px; max-width: 1240px; color: var(--ink); background: var(--paper);
  font: 14px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  font-variant-numeric: tabular-nums; -webkit-print-color-adjust: exact; print-color-adjust: exact; }
h1 { margin: 4px 0 8px; font-size: 26px; line-height: 1.25; max-width: 40em; }
h2 { margin: 32px 0 8px; font-size: 16px; }
h3 { display: inline; margin: 0; font-size: 14px; }
p { margin: 0 0 8px; max-width: 75ch; }
code, pre { font-family: ui-monospace, "SFMono-Regular", Menlo, Consolas, monospace; font-size: 12px;
  overflow-wrap: anywhere; }
pre { margin: 8px 0 12px; padding: 8px 12px; background: var(--soft); border: 1px solid var(--line);
  border-radius: 7px; white-space: pre-wrap; }
small { font-size: 11px; color: var(--muted); }
time span { white-space: nowrap; }
.brand { color: var(--primary); font-weight: 600; }
.muted, .none { color: var(--muted); }
.none { font-style: italic; }
.open, .wrong { padding: 0 5px; border-radius: 5px; font-weight: 600; white-space: nowrap; }
.open { color: var(--open); background: var(--open-soft); }
.wrong { color: var(--wrong); background: var(--wrong-soft); }
.hidden { padding: 0 3px; border: 1px solid var(--wrong); border-radius: 3px; color: var(--wrong); font-size: 11px; }
.notice { margin-top: 16px; padding: 8px 12px; color: var(--open); background: var(--open-soft); border-radius: 7px; }
.figures { display: flex; flex-wrap: wrap; gap: 8px; margin: 16px 0 0; padding: 0; list-style: none; }
.figures li { flex: 1 1 120px; padding: 8px 12px; border: 1px solid var(--line); border-radius: 9px;
  color: var(--muted); font-weight: 400; background: none; }
.figures b { display: block; color: var(--ink); font-size: 20px; line-height: 1.2; }
.figures .open { border-color: var(--open); color: var(--open); background: var(--open-soft); }
.figures .wrong { border-color: var(--wrong); color: var(--wrong); background: var(--wrong-soft); }
.seal { margin: 16px 0 0; border: 1px solid var(--line); border-radius: 9px; }
.seal div { display: grid; grid-template-columns: 130px 1fr; gap: 12px; padding: 6px 12px; }
.seal div + div { border-top: 1px solid var(--line); }
.seal dt { color: var(--muted); }
.seal dd { margin: 0; }
.object { margin-top: 16px; border: 1px solid var(--line); border-radius: 9px; overflow: hidden; }
.object header { padding: 8px 12px; background: var(--soft); border-bottom: 1px solid var(--line);
  break-after: avoid; }
.object header p { display: inline; color: var(--muted); max-width: none; }
table { width: 100%; border-collapse: collapse; table-layout: fixed; }
th, td { padding: 8px 12px; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
th { color: var(--muted); font-size: 12px; font-weight: 600; border-bottom: 1px solid var(--line); }
th:nth-child(1) { width: 8%; } th:nth-child(2) { width: 11%; } th:nth-child(4) { width: 17%; }
th:nth-child(5) { width: 14%; } th:nth-child(6) { width: 13%; }
tbody tr + tr td { border-top: 1px solid var(--line); }
tbody tr { break-inside: avoid; }
td dl { margin: 0; }
td dl div { display: grid; grid-template-columns: minmax(120px, 27%) 1fr; gap: 8px; }
td dl div + div { margin-top: 4px; }
td dt { color: var(--muted); font-size: 12px; line-height: 20px; }
td dd { margin: 0; white-space: pre-wrap; }
.value { white-space: pre-wrap; }
dd i { color: var(--muted); font-style: normal; }
del { color: var(--wrong); background: var(--wrong-soft); text-decoration: line-through; }
ins { color: var(--good); background: var(--good-soft); text-decoration: none; }
del, ins { padding: 0 3px; border-radius: 3px; box-decoration-break: clone; -webkit-box-decoration-break: clone; }
del .none, ins .none { color: inherit; }
footer { margin-top: 32px; }
footer ul, footer ol { margin: 8px 0; padding-left: 20px; max-width: 75ch; }
footer li { margin-bottom: 4px; }
.columns { display: grid; grid-template-columns: 1fr 1fr; gap: 0 32px; }
@media screen and (max-width: 800px) {
  body { padding: 16px 12px 32px; }
  h1 { font-size: 20px; }
  .columns { display: block; }
  .seal div { display: block; }
  thead { display: none; }
  table, tbody, tr, td { display: block; }
  tbody tr { padding: 8px 0; }
  tbody tr + tr { border-top: 1px solid var(--line); }
  td, tbody tr + tr td { padding: 3px 12px; border: 0; }
  td::before { content: attr(data-name); display: block; color: var(--muted); font-size: 12px; }
}
@media screen and (prefers-color-scheme: dark) {
  :root { --ink: #e6ebf2; --muted: #9aa7b6; --line: #2a3442; --paper: #11161d; --soft: #181f29; --primary: #8aa6ff;
    --good: #6fd3a0; --good-soft: #15352a; --open: #f0c26a; --open-soft: #3a2e14; --wrong: #ff9b92;
    --wrong-soft: #43201e; color-scheme: dark; }
}
@page { size: A4 landscape; margin: 14mm 12mm 16mm;
  @bottom-left { content: "Evidence from the record"; font: 9px sans-serif; color: #5a6675; }
  @bottom-right { content: counter(page) " / " counter(pages); font: 9px sans-serif; color: #5a6675; } }
@media print {
  body { padding: 0; max-width: none; font-size: 10.5px; }
  code, pre, small, th, td dt { font-size: 9px; }
  td dt { line-height: 15px; }
  h1 { font-size: 20px; }
  h2 { font-size: 13px; margin-top: 20px; break-after: avoid; }
  h3 { font-size: 11px; }
  .object { overflow: visible; }
  .figures li { flex-basis: 90px; }
  footer, .seal { break-inside: avoid; }
}
"""

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Evidence: {title}</title>
<style>{style}</style>
</head>
<body>
<header>
<p class="brand">Workbench · evidence from the record</p>
<h1>{question}</h1>
<p class="muted">Asked by {made_by}. Made {made_at}.</p>
<ul class="figures">{counts}</ul>
<dl class="seal">{seal}</dl>
</header>
<main>
<h2>What was recorded</h2>
{changes}{left_out}
</main>
<footer>
<h2>How to check this</h2>
<div class="columns">
<div>
<p>This page is for reading; the proof lies beside it. With the whole archive, Python 3.11 or newer and no network:</p>
<pre>python verify.py BUNDLE.zip --key PUBLIC_KEY_HEX</pre>
<ol>
<li>Take <code>verify.py</code> from where you already trust it: it comes with every release of the Workbench.</li>
<li>Take the public key from what the installation published, not from this page; its short name should be
<code>{key_id}</code>.</li>
<li>If you kept checkpoint files, add <code>--checkpoint</code> and their names: a record that was written anew since
is found by them.</li>
</ol>
</div>
<div>
<p><b>The check shows</b> that no byte of the archive changed since it was signed, that the entries of each object
follow one another from the first without a gap, and that each sealed entry stands in the signed record at its
place.</p>
<p><b>It cannot show</b> that nothing else answers the question, that what people entered is true, or that an account
was used by its owner. Entries that are not sealed yet rest on the signature of this archive alone.</p>
</div>
</div>
</footer>
</body>
</html>
"""
