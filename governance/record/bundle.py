"""Writing an evidence bundle: one archive that answers one question and can be checked without the Workbench.

What it holds and how it is checked is decided in `verifier.py`, which travels in it. Knows nothing of Django.
"""

from __future__ import annotations

import json
import tempfile
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
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
    listed = [parsed_checkpoint(checkpoint) for checkpoint in sealed]
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
            "erasures.jsonl": _Content(b"".join(_line(shown_erasure(row), row["entry_id"]) for row in erasures)),
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


def shown_erasure(row: Mapping[str, Any]) -> dict[str, Any]:
    """One erasure as it stands in the bundle."""
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


def parsed_checkpoint(checkpoint: Mapping[str, str]) -> verifier.Checkpoint:
    """:raises CannotBundle: it is not of its form."""
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
