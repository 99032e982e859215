"""Why rows do not permit a use, in words, looked up once for all rows that share a derivation."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils import timezone

from governance.derivations import ancestors_of
from governance.models import GovernedRow
from governance.uses import Use, uses_in
from labeling.models import Content, QAPair

ERASED = "its content was erased"


class Causes:
    """Words for prohibitions; thousands of rows share each."""

    def __init__(self) -> None:
        self._known: dict[tuple[UUID, Use], str] = {}
        self._erased: frozenset[str] | None = None

    def of_pair(self, pair: Any, use: Use) -> str:
        """For a pair that does not permit `use`; `label_reason` is annotated."""
        return self._of_pair(pair, use, pair.label_reason or "")

    def of_loaded_pair(self, pair: QAPair, use: Use) -> str:
        """For a pair that was loaded with its canonical label."""
        label = pair.canonical_label
        return self._of_pair(pair, use, label.usage_reason if label else "")

    def _of_pair(self, pair: QAPair, use: Use, label_reason: str) -> str:
        if self._was_erased(pair):
            return prohibited(use, ERASED)
        if pair.own_uses & use.bit and not pair.effective_uses & use.bit:
            return prohibited(use, f"its canonical label ({label_reason or 'without a reason'})")
        return self.of_row(pair, use)

    def of_row(self, row: GovernedRow, use: Use) -> str:
        """For a row that does not permit `use`: its own constraint, else what it was made from."""
        if self._was_erased(row):
            return prohibited(use, ERASED)
        if not row.own_uses & use.bit:
            return prohibited(use, f"on the {row._meta.verbose_name} itself ({row.usage_reason or 'no reason given'})")
        if row.effective_until is not None and row.effective_until <= timezone.now():
            return prohibited(use, f"the {row._meta.verbose_name} was permitted until {row.effective_until:%d %b %Y}")
        key = (row.derivation_id, use)
        if key not in self._known:
            self._known[key] = prohibited(use, "; ".join(_binding(row, use)) or "what it was made from")
        return self._known[key]

    def _was_erased(self, row: Any) -> bool:
        """Erased values are few: they are read once for all rows."""
        if self._erased is None:
            self._erased = frozenset(Content.objects.erased().values_list("pk", flat=True))
        return any(getattr(row, f"{column}_id") in self._erased for column in row.content_columns)


def prohibited(use: Use, why: str) -> str:
    """The wording by which counts of prohibited rows are found again."""
    return f"{use.label} prohibited: {why}"


def is_prohibition(reason: str, use: Use) -> bool:
    return reason.startswith(f"{use.label} prohibited:")


def _gist(reason: str) -> str:
    """A reason up to its colon: "tag PHI" of "tag PHI: patient data must not…"; the page of why has the rest."""
    return reason.split(":", 1)[0]


def _binding(row: GovernedRow, use: Use) -> list[str]:
    """The ancestors that prohibit `use` or have run out."""
    found = []
    for ancestor in ancestors_of(row):
        if use in uses_in(~ancestor.constraint.uses & 31):
            found.append(f"{ancestor.label} ({_gist(ancestor.reason)})" if ancestor.reason else ancestor.label)
        elif ancestor.constraint.until is not None and ancestor.constraint.until <= timezone.now():
            found.append(f"{ancestor.label} (permitted until {ancestor.constraint.until:%d %b %Y})")
    return found
