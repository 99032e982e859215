"""Checks evidence from the Workbench's record, with nothing but Python 3.11 or newer.

    python verify.py BUNDLE.zip [--key PUBLIC_KEY_HEX] [--checkpoint checkpoint-00000012.json] [--json]
    python verify.py ARCHIVE.parquet …    (its signed manifest, ARCHIVE.json, lies beside it)

It opens no connection, writes no file and imports nothing of the Workbench, which uses this same file on its own
database. Exit status: 0 everything holds, 1 something does not, 2 nothing could be checked.

A record is a list of entries, one for each change of one row. Three things hold it together:

* Each entry holds the hash of the entry before it of the same row (its chain) and a digest of the changed values.
* All sealed entries are the leaves of one Merkle tree (RFC 6962), in the order in which they were sealed.
* A checkpoint is a signed (Ed25519, RFC 8032) root of that tree, and holds the hash of the checkpoint before it.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import struct
import sys
import zlib
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from hashlib import sha256, sha512
from operator import itemgetter
from pathlib import Path
from typing import Any, BinaryIO

if sys.version_info < (3, 11):  # noqa: UP036  an auditor's Python may be older than the Workbench's
    sys.stderr.write("verify.py needs Python 3.11 or newer.\n")
    raise SystemExit(2)

HASHED_FIELDS = (
    "kind", "object_id", "version", "operation", "recorded_at",
    "actor_id", "door", "request_id", "values_digest", "previous",
)  # fmt: skip
OPERATIONS = ("insert", "update", "delete")
ZEROS = "0" * 64  # what stands before the first of a chain

HASH = re.compile(r"[0-9a-f]{64}")
SALT = re.compile(r"[0-9a-f]{32}")
SIGNATURE = re.compile(r"[0-9a-f]{128}")
KEY_ID = re.compile(r"[0-9a-f]{16}")
MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")


class Refused(ValueError):
    """Something cannot be read as what it claims to be; the message says what, in plain words."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing that does not hold, and where. Faults of a whole file or checkpoint name no entry."""

    problem: str
    entry_id: int | None = None
    kind: str = ""
    object_id: str = ""
    version: int | None = None
    position: int | None = None

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}" if self.place else self.problem

    @property
    def place(self) -> str:
        named = [
            f"entry {self.entry_id}" if self.entry_id is not None else "",
            f"{self.kind} {self.object_id}".strip(),
            f"version {self.version}" if self.version is not None else "",
            f"position {self.position}" if self.position is not None else "",
        ]
        return ", ".join(part for part in named if part)


# -- entries --------------------------------------------------------------------------------------------------


def entry_hash(entry: Mapping[str, Any]) -> str:
    """The hash of an entry's fields, in hex.

    :raises Refused: a field holds a line break or is neither text nor a number, so that the hash would not say
        where one field ends.
    """
    fields = zip(HASHED_FIELDS, _hashed_fields(entry), strict=True)
    text = "\n".join([value if type(value) is str else _as_hashed(name, value) for name, value in fields])
    if text.count("\n") != len(HASHED_FIELDS) - 1:
        raise Refused("a hashed field holds a line break")
    return sha256_hex(text)


_hashed_fields = itemgetter(*HASHED_FIELDS)


def _as_hashed(name: str, value: object) -> str:
    if type(value) is int and name in ("version", "actor_id"):
        return str(value)
    if value is None and name == "actor_id":
        return ""
    raise Refused(f"the field {name} is not text")


def values_digest(salt: str, payload: str) -> str:
    """The digest of an entry's values, in hex. The salt keeps short values from being guessed from it."""
    return sha256_hex(salt + payload)


def sha256_hex(text: str) -> str:
    try:
        return sha256(text.encode()).hexdigest()
    except UnicodeEncodeError:
        raise Refused("a text holds half a character, which no UTF-8 can hold") from None


# -- the tree (RFC 6962, section 2.1) -------------------------------------------------------------------------


def leaf_hash(data: bytes) -> bytes:
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def entry_leaf(entry_hash: str) -> bytes:
    """The leaf of a sealed entry."""
    return leaf_hash(bytes.fromhex(entry_hash))


class Tree:
    """An append-only tree that keeps O(log n) hashes: its size and `frontier` can be stored and resumed."""

    __slots__ = ("_peaks", "size")

    def __init__(self, size: int = 0, frontier: Sequence[str] = ()) -> None:
        if len(frontier) != size.bit_count() or not all(_is(HASH, peak) for peak in frontier):
            raise Refused(f"the frontier of a tree of {size} leaves is {size.bit_count()} hashes")
        self.size = size
        self._peaks = [bytes.fromhex(peak) for peak in frontier]

    @property
    def frontier(self) -> list[str]:
        """The roots of the complete subtrees, largest first, in hex."""
        return [peak.hex() for peak in self._peaks]

    def append(self, leaf: str) -> None:
        """Add the hash of one entry, in hex."""
        node, rest = entry_leaf(leaf), self.size
        while rest & 1:
            node = node_hash(self._peaks.pop(), node)
            rest >>= 1
        self._peaks.append(node)
        self.size += 1

    def root(self) -> str:
        """In hex."""
        if not self._peaks:
            return sha256(b"").hexdigest()
        root = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            root = node_hash(peak, root)
        return root.hex()


class Levels:
    """Every complete subtree over many leaves, computed once, so that paths cost O(log² n). 64 bytes a leaf."""

    def __init__(self, leaves: Iterable[str]) -> None:
        level = b"".join([entry_leaf(leaf) for leaf in leaves])
        self.size = len(level) // 32
        self._levels = [level]
        while len(level) >= 64:
            pairs = range(0, len(level) - 63, 64)
            level = b"".join([sha256(b"\x01" + level[at : at + 64]).digest() for at in pairs])
            self._levels.append(level)

    def root(self, size: int) -> bytes:
        """The root over the first `size` leaves."""
        return self._hash(0, size) if size else sha256(b"").digest()

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """The path that shows that leaf `index` is in the tree of the first `size` leaves (section 2.1.1)."""
        if not 0 <= index < size <= self.size:
            raise ValueError(f"no leaf {index} in a tree of {size} out of {self.size}")
        start, end, path = 0, size, []
        while end - start > 1:
            middle = start + _split(end - start)
            if index < middle:
                path.append(self._hash(middle, end))
                end = middle
            else:
                path.append(self._hash(start, middle))
                start = middle
        return path[::-1]

    def consistency(self, old: int, new: int) -> list[bytes]:
        """The path that shows that the tree of `new` leaves only appended to that of `old` (section 2.1.2)."""
        if not 0 <= old <= new <= self.size:
            raise ValueError(f"no trees of {old} and {new} out of {self.size}")
        start, end, path = 0, new, []
        while old not in (0, end):
            middle = start + _split(end - start)
            if old <= middle:
                path.append(self._hash(middle, end))
                end = middle
            else:
                path.append(self._hash(start, middle))
                start = middle
        if start:
            path.append(self._hash(start, end))
        return path[::-1]

    def _hash(self, start: int, end: int) -> bytes:
        """The root over leaves `start` to `end`, where `start` begins a subtree at least that large."""
        count = end - start
        if count & (count - 1) == 0:
            height = count.bit_length() - 1
            at = 32 * (start >> height)
            return self._levels[height][at : at + 32]
        middle = start + _split(count)
        return node_hash(self._hash(start, middle), self._hash(middle, end))


def _split(count: int) -> int:
    """The largest power of two below `count`."""
    return 1 << ((count - 1).bit_length() - 1)


def check_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether `path` leads from the leaf to the root. Source: RFC 9162, section 2.1.3.2."""
    if not 0 <= index < size:
        return False
    node, here, last = leaf, index, size - 1
    for beside in path:
        if last == 0:
            return False
        if here & 1 or here == last:
            node = node_hash(beside, node)
            while not here & 1 and here:
                here, last = here >> 1, last >> 1
        else:
            node = node_hash(node, beside)
        here, last = here >> 1, last >> 1
    return last == 0 and node == root


def check_consistency(old: int, old_root: bytes, new: int, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Whether the tree of `new` leaves only appended to that of `old`. Source: RFC 9162, section 2.1.4.2."""
    if old == new:
        return not path and old_root == new_root
    if old == 0:
        return not path and old_root == sha256(b"").digest()
    if not 0 < old < new or not path:
        return False
    path = path if old & (old - 1) else [old_root, *path]
    here, last = old - 1, new - 1
    while here & 1:
        here, last = here >> 1, last >> 1
    old_node = new_node = path[0]
    for beside in path[1:]:
        if last == 0:
            return False
        if here & 1 or here == last:
            old_node, new_node = node_hash(beside, old_node), node_hash(beside, new_node)
            while not here & 1 and here:
                here, last = here >> 1, last >> 1
        else:
            new_node = node_hash(new_node, beside)
        here, last = here >> 1, last >> 1
    return last == 0 and old_node == old_root and new_node == new_root


# -- Ed25519 (RFC 8032, section 5.1), checking only -----------------------------------------------------------

Point = tuple[int, int, int, int]  # extended coordinates X, Y, Z, T with x = X/Z, y = Y/Z, xy = T/Z

_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_ROOT_OF_MINUS_ONE = pow(2, (_P - 1) // 4, _P)
_NEUTRAL: Point = (0, 1, 1, 0)
_BASE = bytes.fromhex("58" + "66" * 31)  # the base point, y = 4/5, as it is encoded


def ed25519_verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` is one of `message` by that key.

    Stricter than the RFC asks, so that one message has one signature: no s beyond the group's order, no point in a
    second encoding, no key of small order, and the equation without the cofactor.
    """
    if len(public_key) != 32 or len(signature) != 64:
        return False
    scalar = int.from_bytes(signature[32:], "little")
    multiples = _multiples_of_negative(public_key)
    if scalar >= _ORDER or multiples is None:
        return False
    challenge = int.from_bytes(sha512(signature[:32] + public_key + message).digest(), "little") % _ORDER
    point = _add(_multiply(_multiples(_decode(_BASE)), scalar), _multiply(multiples, challenge))
    return _encode(point) == signature[:32]


def _add(one: Point, two: Point) -> Point:
    a = (one[1] - one[0]) * (two[1] - two[0])
    b = (one[1] + one[0]) * (two[1] + two[0])
    c = 2 * one[3] * two[3] % _P * _D
    d = 2 * one[2] * two[2]
    e, f, g, h = (b - a) % _P, (d - c) % _P, (d + c) % _P, (b + a) % _P
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


@lru_cache(maxsize=256)
def _multiples(point: Point | None) -> tuple[tuple[Point, ...], ...]:
    """For each of the 64 hex digits of a scalar, lowest first: the point times 0 to 15 at that digit's place."""
    if point is None:
        raise ValueError("not a point")
    rows = []
    for _ in range(64):
        row = [_NEUTRAL]
        for _ in range(15):
            row.append(_add(row[-1], point))
        rows.append(tuple(row))
        point = _add(row[-1], point)
    return tuple(rows)


@lru_cache(maxsize=256)
def _multiples_of_negative(public_key: bytes) -> tuple[tuple[Point, ...], ...] | None:
    """None for what is no key: not on the curve, encoded in a second way, or of small order."""
    point = _decode(public_key)
    if point is None:
        return None
    x, y, z, t = point
    multiples = _multiples((-x % _P, y, z, -t % _P))
    eightfold = multiples[0][8]
    is_small = eightfold[0] == 0 and eightfold[1] == eightfold[2]
    return None if is_small else multiples


def _multiply(multiples: tuple[tuple[Point, ...], ...], scalar: int) -> Point:
    result = _NEUTRAL
    for row in multiples:
        if digit := scalar & 15:
            result = _add(result, row[digit])
        scalar >>= 4
    return result


def _decode(data: bytes) -> Point | None:
    """Section 5.1.3."""
    number = int.from_bytes(data, "little")
    y, sign = number & ((1 << 255) - 1), number >> 255
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _ROOT_OF_MINUS_ONE % _P
    if (x * x - square) % _P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = _P - x
    return x, y, 1, x * y % _P


def _encode(point: Point) -> bytes:
    """Section 5.1.2."""
    inverse = pow(point[2], -1, _P)
    x, y = point[0] * inverse % _P, point[1] * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")


# -- keys -----------------------------------------------------------------------------------------------------

Verify = Callable[[bytes, bytes, bytes], bool]  # public key, message, signature


@dataclass(frozen=True, kw_only=True)
class Key:
    """One public key of an installation; `endorsement` is the key before it vouching for it."""

    key_id: str
    public_key: str
    introduced_at: str
    previous_key_id: str = ""
    endorsement: str = ""
    reason: str = ""


def key_id_of(public_key: str) -> str:
    """The short name of a key. For people to compare; trust goes by the whole key."""
    return sha256(bytes.fromhex(public_key)).hexdigest()[:16]


def endorsement_text(*, key_id: str, public_key: str, introduced_at: str) -> bytes:
    """What a key signs to make the next one its successor."""
    return f"workbench record key v1\n{key_id}\n{public_key}\n{introduced_at}\n".encode()


def parse_key(value: Any) -> Key:
    """:raises Refused: it is not a key."""
    return Key(**_shaped(value, _KEY_SHAPE, "a key"))


def check_keys(keys: Sequence[Key], *, verify: Verify = ed25519_verify) -> Iterator[Fault]:
    """What is wrong with the succession of keys, oldest first. A key that replaces a lost one is no fault."""
    seen: set[str] = set()
    for index, key in enumerate(keys):
        before = keys[index - 1] if index else None
        for problem in _key_problems(key, before, verify):
            yield Fault(problem=f"key {key.key_id}: {problem}")
        if key.key_id in seen:
            yield Fault(problem=f"key {key.key_id}: it is listed twice")
        seen.add(key.key_id)


def _key_problems(key: Key, before: Key | None, verify: Verify) -> Iterator[str]:
    if key_id_of(key.public_key) != key.key_id:
        yield "its id is not that of its public key"
    if key.previous_key_id and (before is None or key.previous_key_id != before.key_id):
        yield f"it names {key.previous_key_id} as the key before it, which is not listed there"
    elif key.endorsement:
        if before is None or not _is_endorsed(key, before, verify):
            yield "its endorsement is not by the key before it"
    elif before is not None and not key.reason.strip():
        yield "it was introduced without endorsement and without a reason"


def _is_endorsed(key: Key, before: Key, verify: Verify = ed25519_verify) -> bool:
    if not key.endorsement or key.previous_key_id != before.key_id:
        return False
    text = endorsement_text(key_id=key.key_id, public_key=key.public_key, introduced_at=key.introduced_at)
    return verify(bytes.fromhex(before.public_key), text, bytes.fromhex(key.endorsement))


def unendorsed(keys: Sequence[Key]) -> list[Key]:
    """The keys that replaced a lost one: nothing but their reason ties them to the keys before."""
    return [key for key in keys[1:] if not key.endorsement]


def vouched_for(keys: Sequence[Key], trusted: Collection[str], *, verify: Verify = ed25519_verify) -> list[Key]:
    """The keys that are trusted (public keys in hex) or follow from a trusted one by endorsement."""
    found: list[Key] = []
    for index, key in enumerate(keys):
        before = keys[index - 1] if index else None
        follows = before is not None and found[-1:] == [before] and _is_endorsed(key, before, verify)
        if key.public_key in trusted or follows:
            found.append(key)
    return found


# -- checkpoints ----------------------------------------------------------------------------------------------

_BODY = re.compile(
    r"workbench record checkpoint v1\n"
    r"(?P<site>[0-9a-f]{1,64})\n"
    r"(?P<number>[1-9][0-9]{0,17})\n"
    r"(?P<size>0|[1-9][0-9]{0,17})\n"
    rf"(?P<root>{HASH.pattern})\n"
    rf"(?P<previous>{HASH.pattern})\n"
    rf"(?P<sealed_at>{MOMENT.pattern})\n"
    rf"(?P<key_id>{KEY_ID.pattern})\n"
)


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A signed state of the whole record; the fields are those of its body."""

    site: str
    number: int
    size: int
    root: str
    previous: str
    sealed_at: str
    key_id: str
    body: str
    signature: str

    @property
    def digest(self) -> str:
        """What the next checkpoint names as `previous`."""
        return sha256_hex(self.body)


def checkpoint_body(*, site: str, number: int, size: int, root: str, previous: str, sealed_at: str, key_id: str) -> str:
    """What is signed. :raises Refused: a field is not of its form."""
    fields = (site, number, size, root, previous, sealed_at, key_id)
    body = "workbench record checkpoint v1\n" + "".join(f"{text}\n" for text in fields)
    parse_checkpoint(body)
    return body


def parse_checkpoint(body: str, signature: str = "") -> Checkpoint:
    """The fields of a checkpoint's body. :raises Refused: it is not one."""
    match = _BODY.fullmatch(body)
    if match is None:
        raise Refused(f"not the body of a checkpoint: {_plain(body)}")
    return Checkpoint(
        site=match["site"],
        number=int(match["number"]),
        size=int(match["size"]),
        root=match["root"],
        previous=match["previous"],
        sealed_at=match["sealed_at"],
        key_id=match["key_id"],
        body=body,
        signature=signature,
    )


def check_checkpoints(
    checkpoints: Iterable[Checkpoint], keys: Sequence[Key], *, site: str | None = None, verify: Verify = ed25519_verify
) -> Iterator[Fault]:
    """What is wrong with the signatures and the succession of checkpoints, in order of their numbers.

    `verify` may be a faster check than the one here.
    """
    order = {key.key_id: index for index, key in enumerate(keys)}
    before: Checkpoint | None = None
    for checkpoint in checkpoints:
        # Keys that alternate are a fault already, and would make each signature cost as much as a new key.
        signed_wrong = list(_replaced_key_problems(checkpoint, before, order)) or _signature_problems(
            checkpoint, keys, order, verify
        )
        for problem in (*signed_wrong, *_succession_problems(checkpoint, before, site)):
            yield Fault(problem=f"checkpoint {checkpoint.number}: {problem}")
        before = checkpoint


def _signature_problems(
    checkpoint: Checkpoint, keys: Sequence[Key], order: Mapping[str, int], verify: Verify
) -> Iterator[str]:
    if checkpoint.key_id not in order:
        yield f"it is signed by key {checkpoint.key_id}, which is not among the keys"
        return
    public_key = bytes.fromhex(keys[order[checkpoint.key_id]].public_key)
    signed = _is(SIGNATURE, checkpoint.signature) and verify(
        public_key, checkpoint.body.encode(), bytes.fromhex(checkpoint.signature)
    )
    if not signed:
        yield f"its signature is not by key {checkpoint.key_id}"


def _succession_problems(this: Checkpoint, before: Checkpoint | None, site: str | None) -> Iterator[str]:
    if site is not None and this.site != site:
        yield f"it belongs to another installation ({this.site})"
    if before is None:
        if this.number == 1 and this.previous != ZEROS:
            yield "it is the first, yet names a checkpoint before it"
        return
    if this.number <= before.number:
        yield f"it comes after checkpoint {before.number}"
    elif this.number == before.number + 1 and this.previous != before.digest:
        yield f"it does not continue checkpoint {before.number}"
    if this.size < before.size:
        yield f"it covers {this.size} entries, fewer than the {before.size} of checkpoint {before.number}"


def _replaced_key_problems(this: Checkpoint, before: Checkpoint | None, order: Mapping[str, int]) -> Iterator[str]:
    if before is not None and order.get(this.key_id, 0) < order.get(before.key_id, 0):
        yield f"it is signed by key {this.key_id}, which key {before.key_id} had replaced before"


# -- checks of a whole record ---------------------------------------------------------------------------------


@dataclass
class _Link:
    """The last entry of a chain so far. Its hash is both what it says and what follows from its fields: an entry
    whose hash was edited is named itself, and not the one after it."""

    key: tuple[str, str]
    version: int
    entry_id: int | None
    hashes: set[str]


def check_chains(entries: Iterable[Mapping[str, Any]]) -> Iterator[Fault]:
    """What is wrong with the chains of objects and the values of their entries.

    `entries` hold the hashed fields, `entry_hash`, `salt` and `payload`; also `erased` (true if an erasure is on
    record), and `id` and `position` to be named by. Entries of one object stand together, by version. One entry is
    held at a time. A chain that lacks its end, or is missing as a whole, is found by `check_range` only.
    """
    last: _Link | None = None
    for entry in entries:
        key = (entry["kind"], entry["object_id"])
        before = last if last is not None and last.key == key else None
        hashes, problems = _own_problems(entry)
        for problem in (*problems, *_link_problems(entry, before)):
            yield _fault(entry, problem)
        version = entry["version"] if type(entry["version"]) is int else 0
        if before is not None and before.version == version:
            before.hashes |= hashes
        else:
            last = _Link(key, version, entry.get("id"), hashes)


def _fault(entry: Mapping[str, Any], problem: str) -> Fault:
    return Fault(
        problem=problem,
        entry_id=entry.get("id"),
        kind=entry["kind"],
        object_id=entry["object_id"],
        version=entry["version"],
        position=entry.get("position"),
    )


def _own_problems(entry: Mapping[str, Any]) -> tuple[set[str], list[str]]:
    """The hashes the next entry may name, and what is wrong with this entry by itself."""
    hashes, problems = {entry["entry_hash"]}, []
    try:
        computed = entry_hash(entry)
    except Refused as refusal:
        problems.append(f"it cannot be hashed: {refusal}")
    else:
        if computed != entry["entry_hash"]:
            problems.append("its hash does not match its fields: one of them, or the hash, was changed")
        hashes.add(computed)
    if not _is(MOMENT, entry["recorded_at"]):
        problems.append("recorded_at is not a moment in UTC with microseconds")
    if entry["operation"] not in OPERATIONS:
        problems.append(f"its operation is none of {', '.join(OPERATIONS)}")
    return hashes, [*problems, *_values_problems(entry)]


def _values_problems(entry: Mapping[str, Any]) -> Iterator[str]:
    salt, payload, is_erased = entry["salt"], entry["payload"], entry.get("erased")
    if salt is None and payload is None:
        if not is_erased:
            yield "its values are gone, and no erasure is on record"
    elif is_erased:
        yield "an erasure is on record, but its values are still there"
    elif not _is(SALT, salt) or not isinstance(payload, str):
        yield "its values are not a salt of 32 hex digits and a text"
    elif not _digests_to(salt, payload, entry["values_digest"]):
        yield "its values (old, new, name or reason) are not those that were recorded"


def _digests_to(salt: str, payload: str, digest: str) -> bool:
    try:
        return values_digest(salt, payload) == digest
    except Refused:
        return False


def _link_problems(entry: Mapping[str, Any], before: _Link | None) -> Iterator[str]:
    version, expected = entry["version"], before.version + 1 if before else 1
    if type(version) is not int or version < 1:
        yield "its version is not 1, 2, …"
    elif version > expected:
        one = version == expected + 1
        yield f"version {expected} is missing" if one else f"versions {expected} to {version - 1} are missing"
    elif before is None:
        if entry["previous"] != ZEROS:
            yield "it is the first version, yet names an entry before it"
    elif version == before.version:
        yield f"this version stands twice (also as entry {before.entry_id})"
    elif version < before.version:
        yield f"it stands after version {before.version}"
    elif entry["previous"] not in before.hashes:
        yield f"it does not continue version {before.version}: either was changed, with its hash"


def check_range(
    leaves: Iterable[tuple[int, str | None, str]], checkpoints: Iterable[Checkpoint], start: Tree | None = None
) -> Iterator[Fault]:
    """What is wrong with the tree over all sealed entries, recomputed once, against each checkpoint's root.

    `leaves` are (position, the entry's hash now or None if it is gone, the hash as it was sealed), by position from
    0, or from the size of `start`, the tree at an earlier checkpoint. Where the sealed hashes come from a copy outside
    the database, a changed entry is named even if the database's own copy was changed with it.
    """
    tree = start or Tree()
    roots = _Roots(checkpoints, tree)
    expected, broken, first_uncovered = tree.size, "", None
    for position, now, sealed in leaves:
        if not broken and (fault := roots.compare()):
            yield fault
            broken = "an earlier one does not"
        if position != expected:
            yield Fault(position=position, problem=_gap(position, expected))
            broken = broken or f"the positions are not whole from {min(position, expected)} on"
        expected = max(expected, position + 1)
        if not _is(HASH, sealed):
            yield Fault(position=position, problem="its sealed copy is not a hash")
            broken = broken or f"position {position} has no hash"
        elif now != sealed:
            yield Fault(position=position, problem=_difference(now))
        if not broken:
            tree.append(sealed)
        if not roots.waiting and first_uncovered is None:
            first_uncovered = position
    if not broken and (fault := roots.compare()):
        yield fault
        broken = "an earlier one does not"
    if first_uncovered is not None:
        yield Fault(position=first_uncovered, problem="from here on, sealed entries are under no checkpoint")
    if roots.waiting:
        yield Fault(problem=_unreached(roots.waiting, expected, broken))


class _Roots:
    """The checkpoints that a growing tree has not reached yet."""

    def __init__(self, checkpoints: Iterable[Checkpoint], tree: Tree) -> None:
        self.waiting, self.tree, self.holds_until = deque(checkpoints), tree, tree.size

    def compare(self) -> Fault | None:
        """The first checkpoint of the tree's size that does not hold."""
        while self.waiting and self.waiting[0].size <= self.tree.size:
            checkpoint = self.waiting.popleft()
            name = f"checkpoint {checkpoint.number}"
            if checkpoint.size < self.tree.size:
                return Fault(problem=f"{name}: it covers fewer entries than the one before it")
            if checkpoint.root != self.tree.root():
                return Fault(
                    problem=f"{name}: the hashes at positions {self.holds_until} to {checkpoint.size - 1} do not give "
                    "the root that was signed: one was changed in both places, or two changed places"
                )
            self.holds_until = checkpoint.size
        return None


def _gap(position: int, expected: int) -> str:
    if position < expected:
        return f"it stands again or too late: position {expected} was expected"
    one = position == expected + 1
    missing = f"position {expected} is" if one else f"positions {expected} to {position - 1} are"
    return f"{missing} missing before it"


def _difference(now: str | None) -> str:
    return "the sealed entry is gone" if now is None else "the entry's hash is not the one that was sealed"


def _unreached(waiting: Sequence[Checkpoint], size: int, broken: str) -> str:
    first, last = waiting[0], waiting[-1]
    named = f"checkpoint {first.number}" if first is last else f"checkpoints {first.number} to {last.number}"
    if broken:
        return f"{named}: cannot hold, because {broken}"
    return f"{named}: covers {last.size} entries, but only {size} are there; the last {last.size - size} are missing"


# -- reading what strangers wrote -----------------------------------------------------------------------------

MAX_LINE = 64 * 2**20  # bytes of one entry
MAX_LIST = 64 * 2**20  # bytes of a file that is read as a whole
MAX_OUTSIDE_COPY = 2**30
MAX_CONTAINERS = 1_000_000
MAX_KEYS = 1000  # a new key costs much more time than a signature by a known one
_STRINGS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\Z)', re.DOTALL)


def _is(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _plain(text: object, most: int = 200) -> str:
    """Text of a stranger, fit for a terminal: no control characters, and not endless."""
    shown = "".join(char if char.isprintable() else "?" for char in str(text)[: most + 1])
    return shown if len(shown) <= most else shown[:most] + "…"


def parse_json(data: bytes, what: str) -> Any:
    """JSON without what readers understand differently. :raises Refused: it is not that."""
    try:
        text = data.decode()
        _refuse_crowds(text)
        return json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_no_number,
            parse_constant=_no_number,
        )
    except Refused as refusal:
        raise Refused(f"{what}: {refusal}") from None
    except RecursionError:
        raise Refused(f"{what}: it is nested too deeply") from None
    except ValueError as error:  # also UnicodeDecodeError
        raise Refused(f"{what}: it is not JSON in UTF-8 ({_plain(error, 100)})") from None


def _refuse_crowds(text: str) -> None:
    """Millions of empty lists fit into a small file and not into memory."""
    if text.count("[") + text.count("{") > MAX_CONTAINERS:
        outside = _STRINGS.sub("", text)
        if outside.count("[") + outside.count("{") > MAX_CONTAINERS:
            raise Refused(f"it holds more than {MAX_CONTAINERS:,} lists and objects")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise Refused("an object names one field twice")
    return made


def _integer(text: str) -> int:
    if len(text) > 18:
        raise Refused("it holds a number of more than 18 digits")
    return int(text)


def _no_number(text: str) -> Any:
    raise Refused(f"it holds {_plain(text, 20)}, which is no whole number")


Shape = Mapping[str, Callable[[Any], bool]]


def _shaped(value: Any, shape: Shape, what: str) -> dict[str, Any]:
    """The value, if it is an object of exactly these fields. :raises Refused: it is not."""
    if not isinstance(value, dict):
        raise Refused(f"{what} is not an object")
    if odd := sorted(value.keys() ^ shape.keys()):
        state = "is missing" if odd[0] in shape else "is unknown"
        raise Refused(f"{what}: the field {_plain(odd[0], 40)} {state}")
    for name, fits in shape.items():
        if not fits(value[name]):
            raise Refused(f"{what}: the field {name} is not of its form")
    return value


def _list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise Refused(f"{what} is not a list")
    return value


def _text(value: Any) -> bool:
    try:
        return isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:
        return False


def _number(value: Any) -> bool:
    return type(value) is int and value >= 0


def _like(pattern: re.Pattern[str]) -> Callable[[Any], bool]:
    return lambda value: _is(pattern, value)


def _or(empty: object, fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value == empty or fits(value)


def _path(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= 128 and all(_is(HASH, node) for node in value)


_KEY_SHAPE: Shape = {
    "key_id": _like(KEY_ID),
    "public_key": _like(HASH),
    "introduced_at": _like(MOMENT),
    "previous_key_id": _or("", _like(KEY_ID)),
    "endorsement": _or("", _like(SIGNATURE)),
    "reason": _text,
}
_CHECKPOINT_SHAPE: Shape = {"body": _text, "signature": _like(SIGNATURE), "key_id": _like(KEY_ID)}
_OUTSIDE_SHAPE: Shape = {
    **_CHECKPOINT_SHAPE,
    "public_key": _like(HASH),
    "leaves": lambda value: isinstance(value, list) and all(_is(HASH, leaf) for leaf in value),
}
_CONSISTENCY_SHAPE: Shape = {"number": _number, "path": _path}
_ERASURE_SHAPE: Shape = {
    "entry_id": _number, "erased_at": _like(MOMENT), "actor_id": _text, "actor_name": _text, "reason": _text,
}  # fmt: skip
_ENTRY_SHAPE: Shape = {
    "id": _number,
    **dict.fromkeys(HASHED_FIELDS, _text),
    "version": _number,
    "entry_hash": _like(HASH),
    "salt": _or(None, _text),
    "payload": _or(None, _text),
    "position": _or(None, _number),
    "proof": _or(None, _path),
}
MANIFEST_FORMAT = "workbench evidence v1"
_MANIFEST_SHAPE: Shape = {
    "format": lambda value: value == MANIFEST_FORMAT,
    "site": _text,
    "made_at": _text,
    "made_by": _text,
    "question": _text,
    "key_id": _like(KEY_ID),
    "files": lambda value: isinstance(value, dict) and all(_is(HASH, digest) for digest in value.values()),
}


@dataclass(frozen=True)
class OutsideCopy:
    """A checkpoint as it was handed out when it was made: `leaves` are the hashes it newly sealed."""

    checkpoint: Checkpoint
    public_key: str
    leaves: list[str]


def parse_outside_copy(data: bytes, what: str) -> OutsideCopy:
    """:raises Refused: it is not a checkpoint, or its signature is not by the key that it names."""
    value = _shaped(parse_json(data, what), _OUTSIDE_SHAPE, what)
    checkpoint = _listed_checkpoint({name: value[name] for name in _CHECKPOINT_SHAPE})
    key = Key(key_id=value["key_id"], public_key=value["public_key"], introduced_at="")
    if key_id_of(key.public_key) != key.key_id:
        raise Refused(f"{what}: the public key is not key {key.key_id}")
    if faults := list(_signature_problems(checkpoint, [key], {key.key_id: 0}, ed25519_verify)):
        raise Refused(f"{what}: {faults[0]}")
    return OutsideCopy(checkpoint, key.public_key, value["leaves"])


def _listed_checkpoint(value: Any) -> Checkpoint:
    fields = _shaped(value, _CHECKPOINT_SHAPE, "a checkpoint")
    checkpoint = parse_checkpoint(fields["body"], fields["signature"])
    if checkpoint.key_id != fields["key_id"]:
        raise Refused(f"checkpoint {checkpoint.number}: its body names another key than it does")
    return checkpoint


# -- the archive: a ZIP in which every byte is decided by the names and contents ------------------------------

FILES = (
    "README.txt", "report.html", "verify.py", "manifest.json", "manifest.sig",
    "keys.json", "checkpoints.json", "consistency.json", "entries.jsonl", "erasures.jsonl",
)  # fmt: skip
MAX_ARCHIVE = 2**32 - 2**16  # beyond it ZIP needs another form
_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_DATE, _MODE = 33, 0o100644 << 16  # 1 January 1980; a plain file


@dataclass(frozen=True)
class Part:
    """One file of the archive; `offset` is where its content begins."""

    name: str
    size: int
    crc: int
    sha256: str
    offset: int


def local_header(name: str, size: int, crc: int) -> bytes:
    encoded = name.encode("ascii")
    return _LOCAL.pack(b"PK\3\4", 10, 0, 0, 0, _DATE, crc, size, size, len(encoded), 0) + encoded


def directory(parts: Sequence[Part]) -> bytes:
    """What stands at the end of the archive."""
    listed = b"".join(_directory_line(part) for part in parts)
    start = parts[-1].offset + parts[-1].size
    return listed + _END.pack(b"PK\5\6", 0, 0, len(parts), len(parts), len(listed), start, 0)


def _directory_line(part: Part) -> bytes:
    name = part.name.encode("ascii")
    head = part.offset - _LOCAL.size - len(name)
    fields = (0x0314, 10, 0, 0, 0, _DATE, part.crc, part.size, part.size, len(name), 0, 0, 0, 0, _MODE, head)
    return _CENTRAL.pack(b"PK\1\2", *fields) + name


def read_archive(file: BinaryIO) -> Iterator[Part | Fault]:
    """The files of the archive in their order, and each place where its bytes are not those it would be made of.

    Nothing is unpacked: content is stored as it is, so that nothing grows, overlaps or hides.
    :raises Refused: what follows cannot be read.
    """
    length = file.seek(0, io.SEEK_END)
    if length > MAX_ARCHIVE:
        raise Refused(f"the file is larger than {MAX_ARCHIVE:,} bytes")
    file.seek(0)
    parts: list[Part] = []
    for name in FILES:
        header = file.read(_LOCAL.size + len(name))
        part = _read_part(file, name, header, length)
        if header != local_header(name, part.size, part.crc):
            yield Fault(problem=f"{name}: its content or its head in the archive was changed")
        parts.append(part)
        yield part
    if file.read() != directory(parts):
        yield Fault(problem="the archive's directory, or what follows it, is not as it was made")


def _read_part(file: BinaryIO, name: str, header: bytes, length: int) -> Part:
    offset = file.tell()
    if len(header) < _LOCAL.size + len(name) or header[:4] != b"PK\3\4" or header[_LOCAL.size :] != name.encode():
        raise Refused(f"not an evidence bundle as it was made: {name} is not where it belongs (byte {offset})")
    size = _LOCAL.unpack(header[: _LOCAL.size])[8]
    if size > length - offset:
        raise Refused(f"{name} is cut off: {size:,} bytes were to follow, {length - offset:,} do")
    crc, digest, left = 0, sha256(), size
    while left:
        block = file.read(min(left, 2**20))
        if not block:
            raise Refused(f"{name} ended while it was read")
        crc, left = zlib.crc32(block, crc), left - len(block)
        digest.update(block)
    return Part(name, size, crc, digest.hexdigest(), offset)


# -- the bundle -----------------------------------------------------------------------------------------------


@dataclass
class Outcome:
    """What the check of one bundle found. `trusted` is None when there was no key to compare with."""

    most: int
    faults: list[Fault] = field(default_factory=list)
    fault_count: int = 0
    first_entry: Fault | None = None
    notes: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    trusted: bool | None = None

    @property
    def holds(self) -> bool:
        return self.fault_count == 0

    def add(self, fault: Fault) -> None:
        self.fault_count += 1
        if len(self.faults) < self.most:
            self.faults.append(fault)
        if self.first_entry is None and fault.version is not None:
            self.first_entry = fault


def check_bundle(
    file: BinaryIO, *, trusted_keys: Collection[str] = (), held: Sequence[OutsideCopy] = (), most: int = 20
) -> Outcome:
    """Check everything in a bundle. Never raises for what a bundle may hold.

    `trusted_keys` are public keys in hex; `held` are checkpoints that somebody kept outside, whose keys are trusted
    too. At most `most` faults are listed; all are counted.
    """
    check = _BundleCheck(file, {*trusted_keys, *(copy.public_key for copy in held)}, held, Outcome(most))
    try:
        check.run()
    except Refused as refusal:
        check.outcome.add(Fault(problem=str(refusal)))
    return check.outcome


class _BundleCheck:
    def __init__(self, file: BinaryIO, trusted: set[str], held: Sequence[OutsideCopy], outcome: Outcome) -> None:
        self.file, self.trusted, self.held, self.outcome = file, trusted, held, outcome
        self.parts: dict[str, Part] = {}
        self.keys: list[Key] = []
        self.checkpoints: list[Checkpoint] = []
        self.erased: dict[int, dict[str, Any]] = {}

    def run(self) -> None:
        for found in read_archive(self.file):
            if isinstance(found, Fault):
                self.outcome.add(found)
            else:
                self.parts[found.name] = found
        if self.parts["verify.py"].sha256 != sha256(Path(__file__).read_bytes()).hexdigest():
            self.outcome.notes.append("The verify.py in the bundle is not this program; it may be another version.")
        manifest = self._manifest()
        for step in (
            self._check_keys, self._check_manifest, self._check_checkpoints, self._check_consistency,
            self._check_held, self._check_trust, self._read_erasures, self._check_entries,
        ):  # fmt: skip
            try:
                step(manifest)
            except Refused as refusal:
                self.outcome.add(Fault(problem=str(refusal)))

    def fault(self, problem: str) -> None:
        self.outcome.add(Fault(problem=problem))

    def read(self, name: str, most: int = MAX_LIST) -> bytes:
        part = self.parts[name]
        if part.size > most:
            raise Refused(f"{name} is larger than {most:,} bytes")
        self.file.seek(part.offset)
        return self.file.read(part.size)

    def lines(self, name: str) -> Iterator[tuple[str, Any]]:
        """Each line's name and value. A line that cannot be read is a fault, and the next one follows."""
        part = self.parts[name]
        self.file.seek(part.offset)
        left, number = part.size, 0
        while left:
            line, number = self.file.readline(min(left, MAX_LINE + 1)), number + 1
            left -= len(line)
            what = f"{name}, line {number}"
            if not line.endswith(b"\n"):
                raise Refused(f"{what}: it is longer than {MAX_LINE:,} bytes, or cut off")
            here = self.file.tell()
            try:
                yield what, parse_json(line, what)
            except Refused as refusal:
                self.fault(str(refusal))
            self.file.seek(here)

    def _manifest(self) -> dict[str, Any]:
        data = self.read("manifest.json", 2**20)
        manifest = _shaped(parse_json(data, "manifest.json"), _MANIFEST_SHAPE, "manifest.json")
        facts = ("question", "made_at", "made_by", "site", "key_id")
        self.outcome.facts.update({name: manifest[name] for name in facts})
        return manifest

    def _check_keys(self, manifest: dict[str, Any]) -> None:
        listed = _list(parse_json(self.read("keys.json", 2**20), "keys.json"), "keys.json")
        if len(listed) > MAX_KEYS:
            raise Refused(f"keys.json: it holds more than {MAX_KEYS:,} keys")
        self.keys = [parse_key(value) for value in listed]
        for fault in check_keys(self.keys):
            self.outcome.add(fault)
        for key in unendorsed(self.keys):
            self.outcome.notes.append(
                f"Key {key.key_id} was introduced without endorsement on {key.introduced_at}: {_plain(key.reason)}"
            )

    def _check_manifest(self, manifest: dict[str, Any]) -> None:
        names = set(FILES) - {"manifest.json", "manifest.sig"}
        if manifest["files"].keys() != names:
            self.fault("manifest.json: it does not name exactly the files of a bundle")
        for name in FILES:
            if name in names and manifest["files"].get(name) != self.parts[name].sha256:
                self.fault(f"{name}: its content is not the one that was signed")
        signature = self.read("manifest.sig", 128).decode("ascii", "replace")
        key = next((key for key in self.keys if key.key_id == manifest["key_id"]), None)
        if key is None:
            self.fault(f"manifest.json: signed by key {manifest['key_id']}, which is not among the keys")
            return
        self.outcome.facts["public_key"] = key.public_key
        signed = _is(SIGNATURE, signature) and ed25519_verify(
            bytes.fromhex(key.public_key), self.read("manifest.json", 2**20), bytes.fromhex(signature)
        )
        if not signed:
            self.fault(f"manifest.json: its signature is not by key {key.key_id}")

    def _check_checkpoints(self, manifest: dict[str, Any]) -> None:
        listed = _list(parse_json(self.read("checkpoints.json"), "checkpoints.json"), "checkpoints.json")
        self.checkpoints = [_listed_checkpoint(value) for value in listed]
        for fault in check_checkpoints(self.checkpoints, self.keys, site=manifest["site"]):
            self.outcome.add(fault)
        if not self.checkpoints:
            self.outcome.notes.append("Nothing of this record was sealed yet: no checkpoint covers these entries.")
            return
        last = self.checkpoints[-1]
        self.outcome.facts["checkpoint"] = {
            "number": last.number, "size": last.size, "root": last.root, "sealed_at": last.sealed_at,
            "key_id": last.key_id,
        }  # fmt: skip
        order = [key.key_id for key in self.keys]
        used = [name for name in (last.key_id, manifest["key_id"]) if name in order]
        if len(used) == 2 and order.index(used[1]) < order.index(used[0]):
            self.fault(f"manifest.json: signed by key {used[1]}, which key {used[0]} had replaced before")

    def _check_consistency(self, manifest: dict[str, Any]) -> None:
        what = "consistency.json"
        listed = [_shaped(value, _CONSISTENCY_SHAPE, what) for value in _list(parse_json(self.read(what), what), what)]
        if [line["number"] for line in listed] != [checkpoint.number for checkpoint in self.checkpoints]:
            raise Refused(f"{what}: it does not list the same checkpoints as checkpoints.json")
        for line, old in zip(listed, self.checkpoints, strict=True):
            new = self.checkpoints[-1]
            path = [bytes.fromhex(node) for node in line["path"]]
            roots = bytes.fromhex(old.root), bytes.fromhex(new.root)
            if not check_consistency(old.size, roots[0], new.size, roots[1], path):
                self.fault(
                    f"checkpoint {new.number}: it is not shown to be a continuation of checkpoint {old.number}; "
                    "what was sealed then may have been changed"
                )

    def _check_held(self, manifest: dict[str, Any]) -> None:
        listed = {checkpoint.number: checkpoint for checkpoint in self.checkpoints}
        for held in (copy.checkpoint for copy in self.held):
            if held.site != manifest["site"]:
                self.fault(f"the checkpoint {held.number} you hold belongs to another installation")
            elif held.number > max(listed, default=0):
                self.outcome.notes.append(
                    f"The checkpoint {held.number} you hold is newer than this bundle; only its key was used."
                )
            elif held.number not in listed:
                self.fault(f"the checkpoint {held.number} you hold is not in the bundle, so nothing ties it to it")
            elif held.body != listed[held.number].body:
                self.fault(
                    f"checkpoint {held.number}: the bundle's is not the one you hold; the record was written anew"
                )
            else:
                self.outcome.notes.append(f"The checkpoint {held.number} you hold is in the bundle, unchanged.")

    def _check_trust(self, manifest: dict[str, Any]) -> None:
        if not self.trusted:
            return
        vouched = {key.key_id for key in vouched_for(self.keys, self.trusted)}
        self.outcome.trusted = manifest["key_id"] in vouched
        if not self.outcome.trusted:
            self.fault(
                f"the bundle is signed by key {manifest['key_id']}, and no key you gave vouches for it; if it replaced "
                "a lost key, have its owner confirm it and give it with --key as well"
            )

    def _read_erasures(self, manifest: dict[str, Any]) -> None:
        if self.parts["erasures.jsonl"].size > MAX_LIST:
            raise Refused(f"erasures.jsonl is larger than {MAX_LIST:,} bytes")
        for what, value in self.lines("erasures.jsonl"):
            try:
                erasure = _shaped(value, _ERASURE_SHAPE, what)
            except Refused as refusal:
                self.fault(str(refusal))
            else:
                self.erased[erasure["entry_id"]] = erasure

    def _check_entries(self, manifest: dict[str, Any]) -> None:
        counts = dict.fromkeys(("entries", "objects", "sealed", "not_sealed", "erased", "unattributed"), 0)
        self.outcome.facts.update(counts)
        for fault in check_chains(self._entries()):
            self.outcome.add(fault)
        for entry_id in self.erased:
            self.fault(f"erasures.jsonl: entry {entry_id} is not in the bundle")
        if unattributed := self.outcome.facts["unattributed"]:
            self.outcome.notes.append(f"{unattributed:,} entries name nobody: written past the application.")

    def _entries(self) -> Iterator[dict[str, Any]]:
        """The entries in their order, each with its place in the tree checked."""
        facts, before, finished = self.outcome.facts, None, set()
        for what, value in self.lines("entries.jsonl"):
            try:
                entry = _shaped(value, _ENTRY_SHAPE, what)
            except Refused as refusal:
                self.fault(str(refusal))
                continue
            is_next = before is not None and (before["kind"], before["object_id"]) == (
                entry["kind"], entry["object_id"],
            )  # fmt: skip
            if not is_next:
                name = sha256(f"{entry['kind']}\n{entry['object_id']}".encode()).digest()[:16]
                if name in finished:
                    self.outcome.add(_fault(entry, "its object stands in the bundle a second time"))
                finished.add(name)
            for problem in self._place_problems(entry, before if is_next else None):
                self.outcome.add(_fault(entry, problem))
            erasure = self.erased.pop(entry["id"], None)
            entry["erased"] = erasure is not None
            if erasure and facts["erased"] < self.outcome.most:
                self.outcome.notes.append(
                    f"The values of entry {entry['id']} were erased on {_plain(erasure['erased_at'], 40)} by "
                    f"{_plain(erasure['actor_name'], 80)}: {_plain(erasure['reason'])}"
                )
            facts["entries"] += 1
            facts["objects"] += not is_next
            facts["sealed" if entry["position"] is not None else "not_sealed"] += 1
            facts["erased"] += entry["erased"]
            facts["unattributed"] += not entry["door"]
            before = entry
            yield entry

    def _place_problems(self, entry: dict[str, Any], before: dict[str, Any] | None) -> Iterator[str]:
        position, proof = entry["position"], entry["proof"]
        if (position is None) != (proof is None):
            yield "it has a position without a proof, or a proof without a position"
        elif position is None:
            return
        elif not self.checkpoints:
            yield "it claims to be sealed, but there is no checkpoint"
        else:
            last = self.checkpoints[-1]
            path = [bytes.fromhex(node) for node in proof]
            leaf = entry_leaf(entry["entry_hash"])
            if not check_inclusion(leaf, position, last.size, path, bytes.fromhex(last.root)):
                yield f"it is not shown to be what was sealed there under checkpoint {last.number}"
            elif before is not None and before["position"] is None:
                yield "it is sealed, while the version before it is not"


# -- archives: sealed ranges in Parquet files --------------------------------------------------------------------

ARCHIVE_FORMAT = "workbench record archive v1"
# Every column is required, plain and uncompressed, so that a page is read by the few lines below.
ARCHIVE_COLUMNS: Mapping[str, type] = {
    "position": int, "id": int, "kind": str, "object_id": str, "version": int, "operation": str, "recorded_at": str,
    "actor_id": str, "door": str, "request_id": str, "values_digest": str, "previous": str, "entry_hash": str,
    "salt": str, "payload": str,
}  # fmt: skip
MAX_COLUMN = 2**30  # bytes of one column of some hundred entries
_INT64, _BYTES = 2, 6  # of Parquet's physical types
_PLAIN, _UNCOMPRESSED, _DATA_PAGE = 0, 0, 0
_ARCHIVE_SHAPE: Shape = {
    "format": lambda value: value == ARCHIVE_FORMAT,
    "site": _text,
    "number": _number,
    "first": _number,
    "last": _number,
    "frontier": _path,
    "checkpoint": lambda value: isinstance(value, dict),
    "erasures": lambda value: isinstance(value, list),
    "keys": lambda value: isinstance(value, list),
    "sha256": _like(HASH),
    "made_at": _like(MOMENT),
    "key_id": _like(KEY_ID),
}
_SIGNED_SHAPE: Shape = {"manifest": _text, "signature": _like(SIGNATURE)}


class _Thrift:
    """Reads Thrift's compact protocol: structs as {field: value}. :raises Refused: the bytes are not that."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def byte(self) -> int:
        if self.at >= len(self.data):
            raise Refused("its structure is cut off")
        self.at += 1
        return self.data[self.at - 1]

    def number(self) -> int:
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
            if shift > 63:
                raise Refused("its structure holds a number that is too long")

    def signed(self) -> int:
        value = self.number()
        return value >> 1 ^ -(value & 1)

    def binary(self) -> bytes:
        length = self.number()
        if length > len(self.data) - self.at:
            raise Refused("its structure is cut off")
        self.at += length
        return self.data[self.at - length : self.at]

    def struct(self, depth: int = 0) -> dict[int, Any]:
        fields: dict[int, Any] = {}
        field = 0
        while head := self.byte():
            field = field + (head >> 4) if head >> 4 else self.signed()
            fields[field] = self.value(head & 15, depth)
        return fields

    def value(self, kind: int, depth: int, *, listed: bool = False) -> Any:
        if depth > 16:
            raise Refused("its structure is nested too deeply")
        if kind in (1, 2):
            return self.byte() == 1 if listed else kind == 1
        if kind == 3:
            return self.byte()
        if kind in (4, 5, 6):
            return self.signed()
        if kind == 8:
            return self.binary()
        if kind in (9, 10):
            head = self.byte()
            length = head >> 4 if head >> 4 < 15 else self.number()
            if length > len(self.data) - self.at:
                raise Refused("its structure holds a list that is too long")
            return [self.value(head & 15, depth + 1, listed=True) for _ in range(length)]
        if kind == 12:
            return self.struct(depth + 1)
        raise Refused("its structure holds a value of an unknown kind")


def archive_rows(file: BinaryIO) -> Iterator[dict[str, Any]]:
    """The entries of an archive, in the order of the file. :raises Refused: it is not one as it was made."""
    try:
        for group in _row_groups(file):
            chunks = [chunk[3] for chunk in group[1]]
            names = [b".".join(chunk[3]).decode("ascii", "replace") for chunk in chunks]
            if names != list(ARCHIVE_COLUMNS):
                raise Refused("its columns are not those of an archive")
            columns = [
                _column(file, chunk, group[3], kind)
                for chunk, kind in zip(chunks, ARCHIVE_COLUMNS.values(), strict=True)
            ]
            for values in zip(*columns, strict=True):
                yield dict(zip(names, values, strict=True))
    except (KeyError, TypeError, AttributeError, struct.error) as error:
        raise Refused(f"it is no Parquet file as an archive is written ({type(error).__name__})") from None


def _row_groups(file: BinaryIO) -> list[dict[int, Any]]:
    length = file.seek(0, io.SEEK_END)
    file.seek(max(0, length - 8))
    tail = file.read(8)
    size = int.from_bytes(tail[:4], "little")
    if length < 12 or tail[4:] != b"PAR1" or size > min(length - 8, MAX_LIST):
        raise Refused("it is no Parquet file, or it is cut off")
    file.seek(length - 8 - size)
    groups: list[dict[int, Any]] = _Thrift(file.read(size)).struct()[4]
    return groups


def _column(file: BinaryIO, chunk: dict[int, Any], count: int, kind: type) -> list[Any]:
    if chunk[1] != (_INT64 if kind is int else _BYTES) or chunk[4] != _UNCOMPRESSED or chunk[7] > MAX_COLUMN:
        raise Refused("a column is of another type or compressed, or larger than an archive's")
    file.seek(chunk[9])
    values: list[Any] = []
    data, at = file.read(chunk[7]), 0
    while len(values) < count:
        header = _Thrift(data[at:])
        page = header.struct()
        if page[1] != _DATA_PAGE or page[5][2] != _PLAIN:
            raise Refused("a page is not plain")
        start = at + header.at
        at = start + page[3]
        values += _plain_values(data[start:at], page[5][1], kind)
    if len(values) != count:
        raise Refused("a column holds another number of values than the others")
    return values


def _plain_values(data: bytes, count: int, kind: type) -> list[Any]:
    if kind is int:
        return list(struct.unpack(f"<{count}q", data))
    values, at = [], 0
    for _ in range(count):
        (length,) = struct.unpack_from("<I", data, at)
        if length > len(data) - at - 4:
            raise Refused("a value is cut off")
        try:
            values.append(data[at + 4 : at + 4 + length].decode())
        except UnicodeDecodeError:
            raise Refused("a value is not UTF-8") from None
        at += 4 + length
    return values


def check_archive(
    file: BinaryIO, signed: bytes, *, trusted_keys: Collection[str] = (), held: Sequence[OutsideCopy] = (),
    most: int = 20, verify: Verify = ed25519_verify,
) -> Outcome:  # fmt: skip
    """Check an archive with the signed manifest that lies beside it: every entry, its values, and that the range is
    what was sealed. Never raises for what they may hold."""
    outcome = Outcome(most)
    trusted = {*trusted_keys, *(copy.public_key for copy in held)}
    try:
        manifest = _archive_manifest(signed, trusted, held, outcome, verify)
        _check_archive_rows(file, manifest, outcome)
    except Refused as refusal:
        outcome.add(Fault(problem=str(refusal)))
    return outcome


def parse_archive_manifest(signed: bytes) -> tuple[dict[str, Any], bytes, str]:
    """The manifest, the bytes that were signed, and the signature. :raises Refused: it is none."""
    outer = _shaped(parse_json(signed, "the manifest"), _SIGNED_SHAPE, "the manifest")
    body = outer["manifest"].encode()
    return _shaped(parse_json(body, "the manifest"), _ARCHIVE_SHAPE, "the manifest"), body, outer["signature"]


def _archive_manifest(
    signed: bytes, trusted: set[str], held: Sequence[OutsideCopy], outcome: Outcome, verify: Verify
) -> dict[str, Any]:
    manifest, body, signature = parse_archive_manifest(signed)
    if len(manifest["keys"]) > MAX_KEYS:
        raise Refused(f"the manifest holds more than {MAX_KEYS:,} keys")
    keys = [parse_key(value) for value in manifest["keys"]]
    checkpoint = _listed_checkpoint(manifest["checkpoint"])
    for fault in (*check_keys(keys, verify=verify), *check_checkpoints([checkpoint], keys, site=manifest["site"],
                                                                       verify=verify)):  # fmt: skip
        outcome.add(fault)
    key = next((key for key in keys if key.key_id == manifest["key_id"]), None)
    if key is None or not verify(bytes.fromhex(key.public_key), body, bytes.fromhex(signature)):
        outcome.add(Fault(problem=f"the manifest's signature is not by key {manifest['key_id']}"))
    if checkpoint.size != manifest["last"] + 1:
        outcome.add(Fault(problem=f"checkpoint {checkpoint.number} does not end where the archive does"))
    for copy in held:
        if copy.checkpoint.number == checkpoint.number and copy.checkpoint.body != checkpoint.body:
            outcome.add(Fault(problem=f"checkpoint {checkpoint.number} is not the one you hold: written anew"))
    if trusted:
        outcome.trusted = manifest["key_id"] in {key.key_id for key in vouched_for(keys, trusted, verify=verify)}
        if not outcome.trusted:
            outcome.add(Fault(problem=f"it is signed by key {manifest['key_id']}, and no key you gave vouches for it"))
    outcome.facts.update(
        {name: manifest[name] for name in ("site", "number", "first", "last", "made_at", "key_id")}
        | {"public_key": key.public_key if key else "", "entries": 0, "erased": 0}
    )
    names = ("number", "size", "root", "sealed_at")
    outcome.facts["checkpoint"] = {name: getattr(checkpoint, name) for name in names}
    return manifest


def _check_archive_rows(file: BinaryIO, manifest: dict[str, Any], outcome: Outcome) -> None:
    digest = sha256()
    file.seek(0)
    while block := file.read(2**20):
        digest.update(block)
    if digest.hexdigest() != manifest["sha256"]:
        outcome.add(Fault(problem="the file's content is not the one that was signed"))
    shaped = [_shaped(value, _ERASURE_SHAPE, "an erasure") for value in manifest["erasures"]]
    erased = {erasure["entry_id"] for erasure in shaped}
    tree = Tree(manifest["first"], manifest["frontier"])
    for row in archive_rows(file):
        entry = archived_entry(row)
        entry["erased"] = entry["id"] in erased
        problems = [] if entry["position"] == tree.size else [f"position {tree.size} was expected"]
        _, own = _own_problems(entry)
        for problem in (*problems, *own):
            outcome.add(_fault(entry, problem))
        if not _is(HASH, entry["entry_hash"]):
            raise Refused(f"position {tree.size} has no hash")
        tree.append(entry["entry_hash"])
        outcome.facts["entries"] += 1
        outcome.facts["erased"] += entry["erased"]
    if tree.root() != outcome.facts["checkpoint"]["root"] or tree.size != manifest["last"] + 1:
        number = outcome.facts["checkpoint"]["number"]
        outcome.add(Fault(problem=f"its entries are not what was sealed: they do not give checkpoint {number}'s root"))


def archived_entry(row: Mapping[str, Any]) -> dict[str, Any]:
    """One row of an archive as the checks above read entries."""
    actor = row["actor_id"]
    return {
        **row, "actor_id": int(actor) if actor.isdigit() and len(actor) <= 18 else None if not actor else actor,
        "salt": row["salt"] or None, "payload": row["payload"] or None,
    }  # fmt: skip


# -- the command line -----------------------------------------------------------------------------------------


SIGNED, BROKEN, NOT_CHECKED, SIGNER_UNKNOWN = range(4)
STATUS = {
    SIGNED: "everything holds, signed by a key that you gave or that it vouches for",
    BROKEN: "something does not hold",
    NOT_CHECKED: "nothing could be checked",
    SIGNER_UNKNOWN: "everything holds in itself, and no key was given to show who signed it",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status, one of `STATUS`."""
    options = _parser().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        keys = [_trusted_key(text) for text in options.key]
        held = [_outside_copy(Path(path)) for path in options.checkpoint]
        with Path(options.bundle).open("rb") as file:
            outcome = _checked(file, Path(options.bundle), keys, held, max(1, options.faults))
    except (OSError, Refused) as error:
        sys.stderr.write(f"Nothing could be checked: {_plain(error, 400)}\n")
        return NOT_CHECKED
    except KeyboardInterrupt:
        sys.stderr.write("Stopped before everything was checked.\n")
        return NOT_CHECKED
    sys.stdout.write(as_json(outcome) if options.json else as_text(options.bundle, outcome))
    if not outcome.holds:
        return BROKEN
    return SIGNED if outcome.trusted else SIGNER_UNKNOWN


def _checked(file: BinaryIO, path: Path, keys: list[str], held: list[OutsideCopy], most: int) -> Outcome:
    if path.suffix != ".parquet":
        return check_bundle(file, trusted_keys=keys, held=held, most=most)
    beside = path.with_suffix(".json")
    if beside.stat().st_size > MAX_LIST:
        raise Refused(f"{beside} is larger than {MAX_LIST:,} bytes")
    return check_archive(file, beside.read_bytes(), trusted_keys=keys, held=held, most=most)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="verify.py", description="Check an evidence bundle from the Workbench's record, without any network.",
        epilog="Exit status: " + "; ".join(f"{number} {words}" for number, words in STATUS.items()) + ".",
    )
    parser.add_argument("bundle", metavar="BUNDLE.zip", help="or ARCHIVE.parquet, with ARCHIVE.json beside it")
    parser.add_argument(
        "--key", action="append", default=[], metavar="PUBLIC_KEY_HEX",
        help="a public key that you trust, 64 hex digits; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--checkpoint", action="extend", nargs="+", default=[], metavar="FILE",
        help="checkpoint files that you kept; their keys are trusted too",
    )  # fmt: skip
    parser.add_argument("--faults", type=int, default=20, metavar="N", help="how many faults to list (20)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser


def _trusted_key(text: str) -> str:
    key = text.strip().lower()
    if not _is(HASH, key) or _multiples_of_negative(bytes.fromhex(key)) is None:
        raise Refused(f"--key {_plain(text, 80)} is not an Ed25519 public key in 64 hex digits")
    return key


def _outside_copy(path: Path) -> OutsideCopy:
    if path.stat().st_size > MAX_OUTSIDE_COPY:
        raise Refused(f"{path} is larger than {MAX_OUTSIDE_COPY:,} bytes")
    return parse_outside_copy(path.read_bytes(), str(path))


def as_json(outcome: Outcome) -> str:
    first = outcome.first_entry
    return json.dumps(
        {
            "holds": outcome.holds,
            "trusted": outcome.trusted,
            "fault_count": outcome.fault_count,
            "first_broken_entry": asdict(first) if first else None,
            "faults": [asdict(fault) for fault in outcome.faults],
            "notes": outcome.notes,
            "facts": outcome.facts,
        },
        indent=2,
    ) + "\n"  # fmt: skip


def as_text(name: str, outcome: Outcome) -> str:
    what = "Archive" if "first" in outcome.facts else "Evidence bundle"
    lines = [f"{what} {_plain(name)}", *_facts_as_text(outcome.facts), ""]
    if outcome.holds:
        lines.append("HOLDS." if outcome.trusted else "HOLDS IN ITSELF; who signed it is not shown, see below.")
        lines.append("Every byte is as it was made, every chain is whole, every sealed entry is what was signed.")
    else:
        lines.append(f"DOES NOT HOLD: {outcome.fault_count:,} {'fault' if outcome.fault_count == 1 else 'faults'}.")
        if outcome.first_entry:
            lines.append(f"First broken entry: {_plain(outcome.first_entry.place)}.")
        lines += [f"  {number}. {_plain(fault, 600)}" for number, fault in enumerate(outcome.faults, start=1)]
        if more := outcome.fault_count - len(outcome.faults):
            lines.append(f"  … and {more:,} more; --faults lists more of them.")
    lines += ["", *_trust_as_text(outcome)]
    if outcome.notes:
        lines += ["", "To know:", *(f"  - {note}" for note in outcome.notes)]
    return "\n".join(lines) + "\n"


def _facts_as_text(facts: Mapping[str, Any]) -> Iterator[str]:
    if "question" in facts:
        yield f"  Question    {_plain(facts['question'], 1000)}"
        yield f"  Made        {_plain(facts['made_at'])} by {_plain(facts['made_by'])}"
        yield f"  Record of   installation {_plain(facts['site'])}"
    if "first" in facts:
        yield f"  Archive     {facts['number']}, made {_plain(facts['made_at'])}"
        yield f"  Record of   installation {_plain(facts['site'])}"
        yield f"  Entries     {facts['entries']:,}, positions {facts['first']:,} to {facts['last']:,}"
        yield f"  Erased      the values of {facts['erased']:,}"
    elif "entries" in facts:
        newer = f", {facts['not_sealed']:,} not yet" if facts["not_sealed"] else ""
        erased = f"; the values of {facts['erased']:,} were erased" if facts["erased"] else ""
        yield (
            f"  Entries     {facts['entries']:,} about {facts['objects']:,} objects; "
            f"{facts['sealed']:,} sealed{newer}{erased}"
        )
    if checkpoint := facts.get("checkpoint"):
        yield f"  Checkpoint  {checkpoint['number']}, over {checkpoint['size']:,} entries, of {checkpoint['sealed_at']}"
        yield f"  Root        {checkpoint['root']}"


def _trust_as_text(outcome: Outcome) -> Iterator[str]:
    key_id, public_key = outcome.facts.get("key_id"), outcome.facts.get("public_key")
    if outcome.trusted:
        yield f"Signed by key {key_id}, which a key that you gave vouches for."
    elif outcome.trusted is None and public_key:
        yield "No key was given, so the key comes from the bundle itself. Compare it with what the installation"
        yield "published, or run again with --key, or with --checkpoint and a file that you kept."
        yield f"  Key id      {key_id}"
        yield f"  Public key  {public_key}"


if __name__ == "__main__":
    sys.exit(main())
