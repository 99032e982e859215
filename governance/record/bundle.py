"""Writing an evidence bundle: one archive that answers one question and can be checked without the Workbench.

What it holds and how it is checked is decided in `verifier.py`, which travels in it. Knows nothing of Django.
"""

from __future__ import annotations

import html
import json
import re
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import IO, Any, BinaryIO

from governance.record import verifier
from governance.record.verifier import Levels, Part

IN_MEMORY = 16 * 2**20  # bytes of entries before they go to a temporary file
BLOCK = 2**20
COLUMNS = ("id", *verifier.HASHED_FIELDS, "entry_hash", "salt", "payload")

README = """\
Evidence from the record of a Workbench
=======================================

Open report.html to read it. To check it you need Python 3.11 or newer, and no network:

    python verify.py BUNDLE.zip --key PUBLIC_KEY_HEX

Take verify.py and the public key from where you already trust them, not from this archive: verify.py comes with
every release of the Workbench, and the key is on the Workbench's page about its record and in every checkpoint file
that was handed out. This bundle says that it was signed by key {key_id},
and that its verify.py has the SHA-256
{verifier}.

With checkpoint files that you kept:

    python verify.py BUNDLE.zip --checkpoint checkpoint-00000012.json

It ends with 0 where all holds and the key vouches for it, 1 where something does not hold, 2 where nothing could be
checked, and 3 where all holds in itself but no key was given: then nobody has shown who signed it.

What is in it
-------------
report.html        what was asked, and every entry, to read and to print
entries.jsonl      every entry, one a line, with the values that changed and its place in the tree
erasures.jsonl     whose values were erased since, by whom and why
checkpoints.json   the signed states of the whole record
consistency.json   shows that each later state only appended to the earlier ones
keys.json          the public keys, oldest first; each is endorsed by the one before, or says why not
manifest.json      the digest of every file above; manifest.sig is its signature
verify.py          the program that checks all this

What the check shows
--------------------
* No byte of this archive changed since it was signed.
* Each entry is the one that was recorded, each object's entries follow one another from the first without a gap, and
  each sealed entry is in the record that the checkpoints signed, at its place.
* The record was never rewritten between these checkpoints.

What it cannot show
-------------------
* That the answer is complete. It holds whole chains, but whoever made it chose the objects, and a chain may go on
  after the last entry shown.
* That what people entered is true, or that an account was used by its owner.
* Anything before the first checkpoint, or about entries that are not sealed yet, against someone with full access to
  the installation at that time.
"""


class CannotBundle(ValueError):
    """What was given does not make a bundle; the message says why."""


def write_bundle(
    out: BinaryIO,
    *,
    entries: Iterable[Mapping[str, Any]],
    leaves: Sequence[str],
    checkpoints: Iterable[Mapping[str, str]],
    keys: Iterable[Mapping[str, str]],
    erasures: Iterable[Mapping[str, Any]],
    about: Mapping[str, str],
    report: bytes,
    sign: Callable[[bytes], bytes],
) -> dict[str, Any]:
    """Write the archive to `out`, which need not be seekable, and return its manifest.

    The same content gives the same bytes.

    :param entries: whole chains, with `position` or None; those of one object together, by version. Read once.
    :param leaves: the hashes of all sealed entries by position, up to the last checkpoint at least.
    :param checkpoints: all of them, by number: `body`, `signature`, `key_id`.
    :param keys: all of them, oldest first; the last one signs.
    :param erasures: of these entries: `entry_id`, `erased_at`, `actor_id`, `actor_name`, `reason`.
    :param about: `site`, `made_at`, `made_by`, `question`.
    :param sign: gives the 64 bytes of an Ed25519 signature by the last key.
    :raises CannotBundle: a checkpoint, a key or the signature is not of its form, or something is too large.
    """
    sealed = [{name: checkpoint[name] for name in ("body", "signature", "key_id")} for checkpoint in checkpoints]
    known = [{name: key[name] for name in verifier.Key.__dataclass_fields__} for key in keys]
    public_key = _public_key(known)
    listed = [_parsed(checkpoint) for checkpoint in sealed]
    size = listed[-1].size if listed else 0
    for each in listed:
        if each.size > size:
            raise CannotBundle(f"checkpoint {each.number} covers {each.size} entries, more than the last one's {size}")
    if len(leaves) < size:
        raise CannotBundle(f"checkpoint {listed[-1].number} covers {size} entries; {len(leaves)} leaves were given")
    levels = Levels(leaves[:size])
    paths = [
        {"number": each.number, "path": [node.hex() for node in levels.consistency(each.size, size)]}
        for each in listed
    ]  # fmt: skip
    program = Path(verifier.__file__).read_bytes()
    with tempfile.SpooledTemporaryFile(IN_MEMORY) as lines:
        parts = {
            "README.txt": _Content(_readme(known[-1]["key_id"], program)),
            "report.html": _Content(report),
            "verify.py": _Content(program),
            "keys.json": _Content(_pretty(known)),
            "checkpoints.json": _Content(_pretty(sealed)),
            "consistency.json": _Content(_pretty(paths)),
            "entries.jsonl": _spooled(lines, (_line(_evidence(entry, levels), entry["id"]) for entry in entries)),
            "erasures.jsonl": _Content(b"".join(_line(_erasure(row), row["entry_id"]) for row in erasures)),
        }
        manifest = {
            "format": verifier.MANIFEST_FORMAT,
            **{name: about[name] for name in ("site", "made_at", "made_by", "question")},
            "key_id": known[-1]["key_id"],
            "files": {name: parts[name].sha256 for name in verifier.FILES if name in parts},
        }
        text = _pretty(manifest)
        parts["manifest.json"] = _Content(text)
        parts["manifest.sig"] = _Content(_signed(text, sign, public_key))
        _write(out, parts)
    return manifest


@dataclass
class _Content:
    """The bytes of one file of the archive: in memory, or in a temporary file."""

    data: bytes = b""
    file: IO[bytes] | None = None
    size: int = 0
    crc: int = 0
    sha256: str = ""

    def __post_init__(self) -> None:
        if self.file is None:
            self.size, self.crc, self.sha256 = len(self.data), zlib.crc32(self.data), sha256(self.data).hexdigest()


def _spooled(file: IO[bytes], lines: Iterable[bytes]) -> _Content:
    size, crc, digest = 0, 0, sha256()
    for line in lines:
        size, crc = size + len(line), zlib.crc32(line, crc)
        digest.update(line)
        file.write(line)
    return _Content(file=file, size=size, crc=crc, sha256=digest.hexdigest())


def _write(out: BinaryIO, contents: Mapping[str, _Content]) -> None:
    if (size := sum(content.size for content in contents.values())) > verifier.MAX_ARCHIVE - BLOCK:
        raise CannotBundle(f"the bundle would have {size:,} bytes, more than a ZIP can hold; ask about fewer objects")
    if (size := contents["erasures.jsonl"].size) > verifier.MAX_LIST:
        raise CannotBundle(f"the erasures have {size:,} bytes, more than fit; ask about fewer objects")
    written: list[Part] = []
    at = 0
    for name in verifier.FILES:
        content = contents[name]
        header = verifier.local_header(name, content.size, content.crc)
        part = Part(name, content.size, content.crc, content.sha256, at + len(header))
        out.write(header)
        if content.file is None:
            out.write(content.data)
        else:
            content.file.seek(0)
            while block := content.file.read(BLOCK):
                out.write(block)
        written.append(part)
        at = part.offset + part.size
    out.write(verifier.directory(written))


def _evidence(entry: Mapping[str, Any], levels: Levels) -> dict[str, Any]:
    """One entry as it stands in the bundle. What a later checkpoint seals is not sealed here."""
    position = entry["position"]
    is_sealed = position is not None and position < levels.size
    proof = [node.hex() for node in levels.inclusion(position, levels.size)] if is_sealed else None
    written = {name: entry[name] for name in COLUMNS}
    written["actor_id"] = "" if entry["actor_id"] is None else str(entry["actor_id"])
    return {**written, "position": position if is_sealed else None, "proof": proof}


def _erasure(row: Mapping[str, Any]) -> dict[str, Any]:
    erased_at = row["erased_at"]
    if isinstance(erased_at, datetime):
        erased_at = erased_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {
        "entry_id": row["entry_id"],
        "erased_at": erased_at,
        "actor_id": str(row["actor_id"]),
        "actor_name": row["actor_name"],
        "reason": row["reason"],
    }


def _line(value: Mapping[str, Any], entry_id: object) -> bytes:
    line = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode() + b"\n"
    if len(line) > verifier.MAX_LINE:
        raise CannotBundle(f"entry {entry_id} has {len(line):,} bytes; a bundle holds at most {verifier.MAX_LINE:,}")
    return line


def _pretty(value: object) -> bytes:
    data = json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False).encode() + b"\n"
    if len(data) > verifier.MAX_LIST:
        raise CannotBundle(f"the list of checkpoints has {len(data):,} bytes; a bundle holds {verifier.MAX_LIST:,}")
    return data


def _parsed(checkpoint: Mapping[str, str]) -> verifier.Checkpoint:
    try:
        return verifier.parse_checkpoint(checkpoint["body"], checkpoint["signature"])
    except verifier.Refused as refusal:
        raise CannotBundle(str(refusal)) from None


def _public_key(keys: Sequence[Mapping[str, str]]) -> bytes:
    try:
        return bytes.fromhex([verifier.parse_key(dict(key)) for key in keys][-1].public_key)
    except IndexError:
        raise CannotBundle("there is no key to sign with") from None
    except verifier.Refused as refusal:
        raise CannotBundle(str(refusal)) from None


def _signed(text: bytes, sign: Callable[[bytes], bytes], public_key: bytes) -> bytes:
    signature = sign(text)
    if not verifier.ed25519_verify(public_key, text, signature):
        raise CannotBundle("the signature is not by the last key, so nobody could check the bundle")
    return signature.hex().encode()


def _readme(key_id: str, program: bytes) -> bytes:
    return README.format(key_id=key_id, verifier=sha256(program).hexdigest()).encode()


# -- the report: one page of HTML without a script, to read and to print ---------------------------------------

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
    last = _parsed(checkpoint) if checkpoint else None
    told = _Told(
        size=last.size if last else 0,
        erasures={row["entry_id"]: _erasure(row) for row in erasures},
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
