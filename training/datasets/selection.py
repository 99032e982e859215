"""What a version would hold, counted: every candidate is a member or has a reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from training.datasets.candidates import Candidate, pair_candidates
from training.datasets.label_candidates import label_candidates
from training.datasets.models import DatasetVersion


def candidates_of(version: DatasetVersion) -> Iterator[list[Candidate]]:
    """Batches in the order in which members will stand."""
    return label_candidates(version) if version.label_sheet_id else pair_candidates(version)


@dataclass
class Tally:
    """Counts while candidates pass by; members and exclusions add up to the candidates."""

    candidates: int = 0
    sides: Counter[str] = field(default_factory=Counter)
    exclusions: Counter[str] = field(default_factory=Counter)

    def members_of(self, batch: list[Candidate]) -> list[Candidate]:
        """The members among `batch`, counted with the rest."""
        members = [candidate for candidate in batch if not candidate.excluded]
        self.candidates += len(batch)
        self.sides.update(candidate.side for candidate in members)
        self.exclusions.update(candidate.excluded for candidate in batch if candidate.excluded)
        return members

    @property
    def members(self) -> int:
        return self.sides.total()

    def counts(self) -> dict[str, Any]:
        return {
            "candidates": self.candidates,
            "members": self.members,
            "excluded": self.exclusions.total(),
            **{side: self.sides[side] for side in ("train", "validation", "test")},
        }

    def reasons(self) -> dict[str, int]:
        """Reason → count, most frequent first."""
        return dict(self.exclusions.most_common())
