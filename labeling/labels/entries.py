"""One answer on its way to becoming a canonical label."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from governance.constraints import Terms
from governance.models import Derivation
from labeling.labels.models import CanonicalLabel


@dataclass(frozen=True, kw_only=True)
class Entry:
    """`terms`: the label's own constraint, on top of what it derives from; None means no more than that."""

    item_ref: str
    data: Any
    derivation: Derivation
    seen_digest: str = ""
    confidence: str = CanonicalLabel.Confidence.HIGH
    notes: str = ""
    terms: Terms | None = field(default=None)
