"""Canonical labels as JSON Lines: brought in from elsewhere, and written out for people.

One line is `{"item_ref", "data", "confidence", "notes"}`; what is written out says more about each label.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.db import transaction

from governance import access, handing_out
from governance.errors import InvalidInput, WorkbenchError
from governance.exits import exit_for
from governance.models import HandOut, PermittedQuerySet, User
from governance.uses import Classification, Use
from labeling.labels import services
from labeling.labels.entries import Entry
from labeling.labels.errors import ImportRefused
from labeling.labels.models import CanonicalLabel
from labeling.labelsets.models import LabelType
from labeling.schemas.validation import parse_json, validate_answer
from workbench.models import Sheet
from workbench.sheets import selectors as sheets

LINES_LIMIT = 20_000
FAULTS_SHOWN = 20
KEYS = {"item_ref", "data", "confidence", "notes"}


@transaction.atomic
def import_labels(*, sheet: Sheet, label_type: LabelType, text: str, by: User) -> dict[str, CanonicalLabel]:
    """Save every line as a label, or none of them. What the experts saw is unknown: all columns bind.

    :raises ImportRefused: names the lines that cannot be used, and why.
    """
    access.require(by, "labeling.add_canonicallabel", sheet)
    labelset_version = services.labelset_on(sheet, label_type)
    sheet_version = sheets.published_version(sheet)
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not 0 < len(lines) <= LINES_LIMIT:
        raise ImportRefused(f"Expected 1 to {LINES_LIMIT:,} lines of JSON, got {len(lines):,}.", field="text")
    derivation = services.derivation_for(sheet_version, labelset_version, None)
    faults: dict[int, str] = {}
    entries: dict[str, Entry] = {}
    for number, line in lines:
        try:
            values = _values(line)
            validate_answer(values["data"], labelset_version.response_schema)
            if values["item_ref"] in entries:
                raise InvalidInput(f"item {values['item_ref']!r} stands on an earlier line too")
            entries[values["item_ref"]] = Entry(derivation=derivation, **values)
        except WorkbenchError as error:
            faults[number] = error.message
    if not faults and (gone := services.refs_without_item(sheet_version, entries)):
        faults = {0: f"the Sheet has no item {', '.join(map(repr, gone[:FAULTS_SHOWN]))}"}
    if faults:
        raise _refused(faults)
    return services.record_labels(
        sheet=sheet,
        label_type=label_type,
        labelset_version=labelset_version,
        entries=list(entries.values()),
        by=by,
    )


def _values(line: str) -> dict[str, Any]:
    values = parse_json(line)
    if not isinstance(values, dict) or not isinstance(values.get("item_ref"), str) or "data" not in values:
        raise InvalidInput('expected {"item_ref": "…", "data": …}')
    if unknown := sorted(set(values) - KEYS):
        raise InvalidInput(f"unknown key {', '.join(unknown)}; expected {', '.join(sorted(KEYS))}")
    if values.get("confidence", "high") not in CanonicalLabel.Confidence.values:
        raise InvalidInput(f"confidence {values['confidence']!r} is none of high, medium, low")
    if not isinstance(values.get("notes", ""), str):
        raise InvalidInput("notes must be text")
    return values


def _refused(faults: dict[int, str]) -> ImportRefused:
    shown = [f"line {number}: {words}" if number else words for number, words in faults.items()]
    more = f"; and {len(shown) - FAULTS_SHOWN} more" if len(shown) > FAULTS_SHOWN else ""
    return ImportRefused(
        f"Nothing was saved. {'; '.join(shown[:FAULTS_SHOWN])}{more}.",
        field="text",
        details={"lines": {str(number): words for number, words in faults.items()}},
    )


def hand_out_labels(
    *, sheet: Sheet, label_type: LabelType, use: Use | str, by: User
) -> tuple[handing_out.HandedOut, int]:
    """The labels that permit `use` as a file, on record as taken; and how many may not.

    :raises InvalidInput: another use.
    :raises ReauthenticationRequired: `by` last proved who they are too long ago.
    """
    lines, _, excluded = export_lines(sheet=sheet, label_type=label_type, use=use, by=by)
    handing_out.require_proof(by=by, what="Taking labels")
    what = f"{label_type} of {sheet} for {Use(use).label}"
    kind = HandOut.Kind.LABELS
    return handing_out.hand_out_lines(kind=kind, subject=sheet, what=what, lines=lines, by=by), excluded


def export_lines(*, sheet: Sheet, label_type: LabelType, use: Use | str, by: User) -> tuple[Iterator[str], int, int]:
    """Lines of the labels that permit `use` (testing or few-shot), how many they are, and how many may not.

    :raises InvalidInput: another use.
    """
    access.require(by, "labeling.view_canonicallabel", sheet)
    if use not in EXITS:
        raise InvalidInput(f"{use!r}: labels are exported for {' or '.join(EXITS)}.", field="use")
    labels = CanonicalLabel.objects.filter(sheet=sheet, label_type=label_type, retired_at__isnull=True)
    permitted = labels.permitting(use)
    count = permitted.count()
    return EXITS[use](permitted), count, labels.count() - count


@exit_for(Use.TESTING, name="label-export-testing", description="Canonical labels as JSON Lines, to test")
def _lines_for_testing(rows: PermittedQuerySet) -> Iterator[str]:
    return _lines(rows)


@exit_for(Use.FEW_SHOT, name="label-export-few-shot", description="Canonical labels as JSON Lines for demos")
def _lines_for_few_shot(rows: PermittedQuerySet) -> Iterator[str]:
    return _lines(rows)


EXITS = {Use.TESTING.value: _lines_for_testing, Use.FEW_SHOT.value: _lines_for_few_shot}


def _lines(rows: PermittedQuerySet) -> Iterator[str]:
    ordered = rows.select_related("content", "labelset_version__labelset", "derivation", "labeled_by")
    for label in ordered.order_by("item_ref").iterator(chunk_size=500):
        yield json.dumps(_line(label), ensure_ascii=False) + "\n"


def _line(label: CanonicalLabel) -> dict[str, Any]:
    constraint = label.effective_constraint
    return {
        "item_ref": label.item_ref,
        "label_type": label.label_type_id,
        "data": label.data,
        "confidence": label.confidence,
        "notes": label.notes,
        "version": label.version,
        "labelset": str(label.labelset_version) if label.labelset_version else None,
        "labeled_by": label.labeled_by.display_name,
        "labeled_at": label.labeled_at.isoformat(),
        "data_classification": Classification(constraint.classification).label,
    }
