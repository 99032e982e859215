"""Rows as numbers: numbers and dates standardised, text hashed. Learned from the labelled rows only."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

    Matrix: TypeAlias = NDArray[np.float64]

Row = dict[str, Any]
TEXT_LIMIT = 4_000  # characters of one value that are compared
DAY = 86_400.0


def _as_number(value: Any) -> float:
    """NaN for what is no finite number."""
    is_number = isinstance(value, int | float) and math.isfinite(value)
    return float(value) if is_number else math.nan


def _as_days(value: Any) -> float:
    """Days since 1970 of an ISO 8601 date or moment; NaN for anything else."""
    if not isinstance(value, str) or not value[:4].isdigit():
        return math.nan
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return math.nan
    return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() / DAY


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text[:TEXT_LIMIT]


READERS = {"number": _as_number, "date": _as_days}


def kind_of(values: Iterable[Any]) -> str:
    """`number`, `date` or `text` as all present values agree; empty where none is present."""
    present = [value for value in values if value is not None]
    if not present:
        return ""
    for kind, read in READERS.items():
        if not any(math.isnan(read(value)) for value in present):
            return kind
    return "text"


@dataclass
class Features:
    """How rows become comparable. `similarities` is the only question asked of it."""

    kinds: dict[str, str]
    means: Matrix = field(init=False)
    scales: Matrix = field(init=False)
    numbers: Matrix = field(init=False)
    texts: list[csr_matrix] = field(init=False)

    @classmethod
    def of(cls, rows: Sequence[Row], columns: Iterable[str]) -> Features:
        kinds = {name: kind_of(row.get(name) for row in rows) for name in columns}
        features = cls({name: kind for name, kind in kinds.items() if kind})
        raw = features._raw_numbers(rows)
        known = ~np.isnan(raw)
        count = np.maximum(known.sum(axis=0), 1)
        features.means = np.where(known, raw, 0.0).sum(axis=0) / count
        spread = np.where(known, raw - features.means, 0.0)
        scales = np.sqrt((spread**2).sum(axis=0) / count)
        features.scales = np.where(scales > 0, scales, 1.0)
        features.numbers = features._standardised(rows)
        features.texts = features._hashed(rows)
        return features

    @property
    def number_columns(self) -> list[str]:
        return [name for name, kind in self.kinds.items() if kind in READERS]

    @property
    def text_columns(self) -> list[str]:
        return [name for name, kind in self.kinds.items() if kind == "text"]

    def similarities(self, rows: Sequence[Row]) -> Matrix:
        """`[len(rows), labelled rows]`, each in [0, 1]: the mean over columns, 1 where all are alike.

        Numbers: 1 / (1 + root mean square of their differences in standard deviations); a missing number is
        taken for the mean. Text: cosine of hashed words and character n-grams.
        """
        numbers, texts = len(self.number_columns), len(self.text_columns)
        total = np.zeros((len(rows), self.numbers.shape[0]))
        if numbers:
            total += numbers / (1.0 + self._distances(self._standardised(rows)))
        for mine, theirs in zip(self._hashed(rows), self.texts, strict=True):
            total += np.asarray((mine @ theirs.T).todense())
        return np.clip(total / max(numbers + texts, 1), 0.0, 1.0)

    def _distances(self, asked: Matrix) -> Matrix:
        """Root mean square difference of each asked row to each labelled row."""
        squares = (asked**2).sum(axis=1)[:, None] + (self.numbers**2).sum(axis=1)[None, :]
        return np.sqrt(np.maximum(squares - 2 * asked @ self.numbers.T, 0.0) / asked.shape[1])

    def _raw_numbers(self, rows: Sequence[Row]) -> Matrix:
        columns = [[READERS[self.kinds[name]](row.get(name)) for row in rows] for name in self.number_columns]
        return np.array(columns, dtype=np.float64).reshape(len(columns), len(rows)).T

    def _standardised(self, rows: Sequence[Row]) -> Matrix:
        return np.nan_to_num((self._raw_numbers(rows) - self.means) / self.scales, nan=0.0)

    def _hashed(self, rows: Sequence[Row]) -> list[csr_matrix]:
        return [_hash([_as_text(row.get(name)) for row in rows]) for name in self.text_columns]


def _hash(texts: Sequence[str]) -> csr_matrix:
    """Unit vectors: half words, half character n-grams within words; empty text is the zero vector."""
    from scipy.sparse import hstack
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.preprocessing import normalize

    words = HashingVectorizer(n_features=2**16, alternate_sign=False, lowercase=True)
    parts = HashingVectorizer(n_features=2**16, alternate_sign=False, analyzer="char_wb", ngram_range=(3, 4))
    return normalize(hstack([words.transform(texts), parts.transform(texts)]).tocsr())
