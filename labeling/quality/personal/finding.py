"""All rules of personal data on one text."""

from __future__ import annotations

from labeling.quality.personal import births, common, national, phones
from labeling.quality.personal.port import Hit, without_overlap

# Numbers with check digits come first: what they claim is no phone number as well.
RULES = (*common.RULES, *national.RULES)
LABELS = {rule.kind: rule.label for rule in RULES} | {phones.KIND: phones.LABEL, births.KIND: births.LABEL}


def find_personal_data(text: str) -> list[Hit]:
    """Personal data in `text`, in its order, no two on the same characters."""
    found = [hit for rule in RULES for hit in rule.find(text)]
    return without_overlap([*found, *births.find(text), *phones.find(text)])
