"""A record made in memory, without a database: chains, checkpoints, keys and erasures that tests can damage."""

from __future__ import annotations

import io
import itertools
import json
import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from zlib import crc32

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from governance.record import verifier
from governance.record.bundle import write_bundle
from governance.record.verifier import Checkpoint, Key, Part, Tree

SITE = "5f0c2a7e91d84b3f"
START = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)


class Record:
    """What an installation holds. Entries are in the order in which they were written; ids start at 1."""

    def __init__(self, seed: int = 7) -> None:
        self.random = random.Random(seed)
        self.clock = (START + timedelta(seconds=step) for step in itertools.count())
        self.entries: list[dict[str, Any]] = []
        self.leaves: list[str] = []
        self.checkpoints: list[Checkpoint] = []
        self.erasures: list[dict[str, Any]] = []
        self.tree = Tree()
        self.keys: list[Key] = []
        self.private = self._introduce(endorse=False)

    # -- what an installation does

    def change(self, object_id: str, kind: str = "labeling.qapair", **fields: Any) -> dict[str, Any]:
        before = [entry for entry in self.entries if (entry["kind"], entry["object_id"]) == (kind, object_id)]
        version = len(before) + 1
        salt = f"{self.random.getrandbits(128):032x}"
        payload = json.dumps(
            {
                "actor": "Ada Lovelace",
                "reason": "checked against the invoice",
                "old": {"status": "unlabeled"} if before else None,
                "new": {"status": "labeled", "answer": f"{object_id} / {version}: naïve “quotes” and <tags>"},
            },
            ensure_ascii=False,
        )
        entry = {
            "id": len(self.entries) + 1,
            "kind": kind,
            "object_id": object_id,
            "version": version,
            "operation": "update" if before else "insert",
            "recorded_at": self._moment(),
            "actor_id": 3,
            "door": "api",
            "request_id": "req-1",
            "previous": before[-1]["entry_hash"] if before else verifier.ZEROS,
            "salt": salt,
            "payload": payload,
            "position": None,
            **fields,
        }
        entry["values_digest"] = verifier.values_digest(entry["salt"], entry["payload"])
        entry["entry_hash"] = verifier.entry_hash(entry)
        self.entries.append(entry)
        return entry

    def seal(self) -> Checkpoint:
        for entry in self.entries:
            if entry["position"] is None:
                entry["position"] = self.tree.size
                self.tree.append(entry["entry_hash"])
                self.leaves.append(entry["entry_hash"])
        last = self.checkpoints[-1] if self.checkpoints else None
        body = verifier.checkpoint_body(
            site=SITE,
            number=last.number + 1 if last else 1,
            size=self.tree.size,
            root=self.tree.root(),
            previous=last.digest if last else verifier.ZEROS,
            sealed_at=self._moment(),
            key_id=self.keys[-1].key_id,
        )
        self.checkpoints.append(verifier.parse_checkpoint(body, self.private.sign(body.encode()).hex()))
        return self.checkpoints[-1]

    def erase(self, entry: dict[str, Any], reason: str = "asked by the person concerned") -> None:
        entry["salt"] = entry["payload"] = None
        entry["erased"] = True
        self.erasures.append(
            {"entry_id": entry["id"], "erased_at": START, "actor_id": 5, "actor_name": "Grace", "reason": reason}
        )

    def rotate(self) -> None:
        self.private = self._introduce(endorse=True)

    def lose_key(self, reason: str) -> None:
        self.private = self._introduce(endorse=False, reason=reason)

    def _introduce(self, *, endorse: bool, reason: str = "") -> Ed25519PrivateKey:
        private = Ed25519PrivateKey.from_private_bytes(self.random.randbytes(32))
        public = private.public_key().public_bytes_raw().hex()
        named = {"key_id": verifier.key_id_of(public), "public_key": public, "introduced_at": self._moment()}
        endorsement = self.private.sign(verifier.endorsement_text(**named)).hex() if endorse else ""
        previous = self.keys[-1].key_id if self.keys else ""
        self.keys.append(Key(**named, previous_key_id=previous, endorsement=endorsement, reason=reason))
        return private

    def _moment(self) -> str:
        return next(self.clock).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    # -- what others read of it

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The entries as they are checked and bundled."""
        return sorted(self.entries, key=lambda entry: (entry["kind"], entry["object_id"], entry["version"]))

    @property
    def sealed(self) -> list[tuple[int, str | None, str]]:
        """Position, hash of the entry now, hash as sealed."""
        now = {entry["position"]: entry["entry_hash"] for entry in self.entries}
        return [(position, now.get(position), leaf) for position, leaf in enumerate(self.leaves)]

    def outside_copy(self, checkpoint: Checkpoint) -> bytes:
        start = max((each.size for each in self.checkpoints if each.number < checkpoint.number), default=0)
        key = next(key for key in self.keys if key.key_id == checkpoint.key_id)
        copy = {
            "body": checkpoint.body,
            "signature": checkpoint.signature,
            "key_id": checkpoint.key_id,
            "public_key": key.public_key,
            "leaves": self.leaves[start : checkpoint.size],
        }
        return json.dumps(copy).encode()

    def bundle(self, **changed: Any) -> bytes:
        given: dict[str, Any] = {
            "entries": self.rows,
            "leaves": self.leaves,
            "checkpoints": [vars(checkpoint) for checkpoint in self.checkpoints],
            "keys": [vars(key) for key in self.keys],
            "erasures": self.erasures,
            "about": {
                "site": SITE,
                "made_at": "2026-11-22T08:00:00.000000Z",
                "made_by": "Compliance officer",
                "question": "Who approved the pairs of invoice 17?",
            },
            "report": b"<!DOCTYPE html><title>report</title>",
            "sign": self.private.sign,
        }
        out = io.BytesIO()
        write_bundle(out, **{**given, **changed})
        return out.getvalue()


def filled(*, objects: int = 12, changes: int = 60, seals: int = 3, seed: int = 7) -> Record:
    """A record of some objects with chains of different length, sealed a few times, all of it."""
    record = Record(seed)
    for number in range(1, changes + 1):
        record.change(str(record.random.randrange(objects)))
        if number * seals // changes > len(record.checkpoints):
            record.seal()
    return record


def contents_of(bundle: bytes) -> dict[str, bytes]:
    """The files of a bundle."""
    found = verifier.read_archive(io.BytesIO(bundle))
    return {part.name: bundle[part.offset : part.offset + part.size] for part in found if isinstance(part, Part)}


def made_of(contents: Mapping[str, bytes], private: Ed25519PrivateKey) -> bytes:
    """A bundle of any contents, whole and signed: what someone with the key could forge."""
    contents = dict(contents)
    manifest = json.loads(contents["manifest.json"])
    if isinstance(manifest.get("files"), dict):
        manifest["files"] = {
            name: sha256(contents[name]).hexdigest() if name in contents else digest
            for name, digest in manifest["files"].items()
        }
        contents["manifest.json"] = json.dumps(manifest).encode()
    contents["manifest.sig"] = private.sign(contents["manifest.json"]).hex().encode()
    return archive_of(contents)


def archive_of(contents: Mapping[str, bytes]) -> bytes:
    out, parts = b"", []
    for name in verifier.FILES:
        data = contents[name]
        out += verifier.local_header(name, len(data), crc32(data))
        parts.append(Part(name, len(data), crc32(data), "", len(out)))
        out += data
    return out + verifier.directory(parts)
