"""The label types that every installation starts with."""

from __future__ import annotations

from typing import Any

DEFAULT_LABEL_TYPES = {
    "classification": "Which of a fixed set of classes an item belongs to.",
    "document_type": "What kind of document it is, such as invoice, statement or receipt.",
    "entity_extraction": "Named values read from a text or document, such as a date or an amount.",
    "generation": "A text written from the item, such as a reply.",
    "localization": "Where in a picture or document something is.",
    "pass_fail": "Whether an inspected part passes.",
    "qa": "An answer to a question about the item.",
    "root_cause": "Why something failed.",
    "sentiment": "The attitude that a text expresses.",
    "severity": "How serious a defect or event is.",
    "summarization": "The item in a few sentences.",
}


def seed_label_types(**_: Any) -> None:
    """Create the default label types once; types changed or removed later stay so."""
    from labeling.models import LabelType

    if LabelType.objects.exists() or LabelType.history.exists():
        return
    for slug, description in DEFAULT_LABEL_TYPES.items():
        LabelType.objects.create(slug=slug, description=description)
