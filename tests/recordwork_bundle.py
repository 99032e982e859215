"""An evidence bundle of the test database, as it stands, for the stand-alone verifier."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from governance.models import Checkpoint, Erasure, SealedEntry, SigningKey
from governance.record import keys
from governance.record.bundle import write_bundle

KEY_FIELDS = ("key_id", "public_key", "introduced_at", "previous_key_id", "endorsement", "reason")


def bundle_of(path: Path, entries: Iterable[Mapping[str, Any]]) -> str:
    """Write the bundle of these entries (whole chains, as `verification.entries` reads them); returns the public key
    that signed it."""
    key, private = keys.signer()
    about = {"site": keys_site(), "made_at": keys.moment(), "made_by": "a test", "question": "Does it hold?"}
    with path.open("wb") as out:
        write_bundle(
            out,
            entries=entries,
            leaves=list(SealedEntry.objects.order_by("position").values_list("leaf", flat=True)),
            checkpoints=Checkpoint.objects.order_by("number").values("body", "signature", "key_id"),
            keys=SigningKey.objects.order_by("introduced_at").values(*KEY_FIELDS),
            erasures=Erasure.objects.values("entry_id", "erased_at", "actor_id", "actor_name", "reason"),
            about=about,
            report=b"<!DOCTYPE html><title>of a test</title>",
            sign=private.sign,
        )
    return key.public_key


def keys_site() -> str:
    from governance.record import sealing

    return sealing.site_of(Checkpoint.objects.order_by("-number").first())
