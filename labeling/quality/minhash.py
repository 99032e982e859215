"""Near duplicates: MinHash signatures of texts, banded so that only likely pairs are compared.

Source: Broder, On the resemblance and containment of documents, 1997; banding after Leskovec, Rajaraman and Ullman,
Mining of Massive Datasets, 3.4; hash functions (a·x + b) >> 32 after Dietzfelbinger, 1996.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

SHINGLE = 5  # characters
HASHES, BANDS = 100, 20
ROWS = HASHES // BANDS
ALIKE = 0.8  # Jaccard similarity from which two texts are near duplicates; banding finds 99.9 % of those
CANDIDATE = 0.65  # estimated similarity from which the texts themselves are compared: four standard errors below
SHORTEST = 20  # characters; shorter texts are alike by chance
LONGEST = 20_000
COMPARED = 20  # earlier members of a bucket that each is compared with

Signatures = NDArray[np.uint32]  # [n, HASHES]

_random = np.random.default_rng(20_261_122)
_A = _random.integers(1, 2**63, HASHES, dtype=np.uint64) | np.uint64(1)
_B = _random.integers(0, 2**63, HASHES, dtype=np.uint64)


def shingles(text: str) -> frozenset[int]:
    """Hashes of all runs of five characters."""
    data = text[:LONGEST]
    return frozenset(zlib.crc32(data[at : at + SHINGLE].encode()) for at in range(max(0, len(data) - SHINGLE) + 1))


def signature(text: str) -> bytes:
    """100 numbers of 4 bytes; empty for a text that is too short to compare."""
    if len(text) < SHORTEST:
        return b""
    found = np.fromiter(shingles(text), dtype=np.uint64)
    smallest = np.full(HASHES, np.iinfo(np.uint32).max, dtype=np.uint64)
    for start in range(0, len(found), 2_000):
        hashed = (found[start : start + 2_000, None] * _A + _B) >> np.uint64(32)
        smallest = np.minimum(smallest, hashed.min(axis=0))
    return smallest.astype("<u4").tobytes()


def stacked(kept: Sequence[bytes]) -> tuple[Signatures, NDArray[np.bool_]]:
    """Signatures as [n, 100], and which of them there are."""
    whole = np.array([len(one) == HASHES * 4 for one in kept], dtype=bool)
    rows = np.zeros((len(kept), HASHES), dtype=np.uint32)
    if whole.any():
        joined = b"".join(one for one, is_whole in zip(kept, whole, strict=True) if is_whole)
        rows[whole] = np.frombuffer(joined, dtype="<u4").reshape(-1, HASHES)
    return rows, whole


def similarity(left: frozenset[int], right: frozenset[int]) -> float:
    """Jaccard similarity of two sets of shingles, 0 to 1."""
    together = len(left | right)
    return len(left & right) / together if together else 0.0


def candidates(signatures: Signatures, whole: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """(later, earlier) places of texts that are likely near duplicates, each once, in order."""
    seen: set[tuple[int, int]] = set()
    for band in range(BANDS):
        rows = np.ascontiguousarray(signatures[:, band * ROWS : (band + 1) * ROWS])
        buckets: dict[bytes, list[int]] = {}
        for place in np.flatnonzero(whole):
            members = buckets.setdefault(rows[place].tobytes(), [])
            seen.update((int(place), earlier) for earlier in members)
            if len(members) < COMPARED:
                members.append(int(place))
    for later, earlier in sorted(seen):
        if np.mean(signatures[later] == signatures[earlier]) >= CANDIDATE:
            yield later, earlier
