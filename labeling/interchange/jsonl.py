"""JSON Lines: one label a line, `{"item_ref", "data", "confidence", "notes"}`, and on the way out who gave it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from governance.errors import InvalidInput, WorkbenchError
from governance.uploads import text_of
from labeling.interchange.port import PROVENANCE, Format, Incoming, Misfit, Outgoing, Tally
from labeling.interchange.shapes import Shape
from labeling.schemas.validation import parse_json

KEYS = ("item_ref", "data", "confidence", "notes")


class JsonLines(Format):
    """Carries everything; an import does not take over who gave a label, and when."""

    slug, label, suffix, content_type = "jsonl", "JSON Lines", ".jsonl", "application/jsonl"
    cannot = frozenset({"provenance"})

    def left_out(self, label: Outgoing, shape: Shape) -> Iterable[str]:
        return ()

    def read(self, content: bytes, shape: Shape, losses: Counter[str]) -> Iterator[Incoming | Misfit]:
        text = text_of(content, expected="JSON Lines in UTF-8", field="file")
        for number, line in enumerate(text.split("\n"), 1):
            if line.strip():
                yield _entry(f"line {number:,}", line, losses)

    def write(self, labels: Iterable[Outgoing], shape: Shape, tally: Tally) -> Iterator[bytes]:
        for label in labels:
            tally.written += 1
            yield (json.dumps(_line(label), ensure_ascii=False) + "\n").encode()


def _line(label: Outgoing) -> dict[str, Any]:
    said = {"data": label.data, "confidence": label.confidence, "notes": label.notes}
    return {"item_ref": label.item_ref, **said, **label.provenance}


def _entry(where: str, line: str, losses: Counter[str]) -> Incoming | Misfit:
    try:
        values = _values(line)
    except WorkbenchError as error:
        return Misfit(where, "", error.message)
    if any(key in values for key in PROVENANCE):
        losses["provenance"] += 1
    return Incoming(where=where, **{key: values[key] for key in KEYS if key in values})


def _values(line: str) -> dict[str, Any]:
    values = parse_json(line)
    if not isinstance(values, dict) or not isinstance(values.get("item_ref"), str) or "data" not in values:
        raise InvalidInput('expected {"item_ref": "…", "data": …}')
    if unknown := sorted(set(values) - {*KEYS, *PROVENANCE}):
        raise InvalidInput(f"unknown key {', '.join(unknown)[:200]}; expected {', '.join(KEYS)}")
    return values
