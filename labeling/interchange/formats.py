"""The registry of formats, by the name that doors take."""

from __future__ import annotations

from governance.errors import InvalidInput
from labeling.interchange.coco import Coco
from labeling.interchange.jsonl import JsonLines
from labeling.interchange.label_studio import LabelStudio
from labeling.interchange.port import LOSSES, Format
from labeling.interchange.shapes import Shape
from labeling.interchange.tables import Table
from labeling.interchange.yolo import Yolo

FORMATS: dict[str, Format] = {one.slug: one for one in (JsonLines(), Table(), Coco(), Yolo(), LabelStudio())}
CHOICES = [(slug, one.label) for slug, one in FORMATS.items()]


def format_for(slug: str, shape: Shape) -> Format:
    """:raises InvalidInput: there is no such format, or it has no place for these answers."""
    if slug not in FORMATS:
        raise InvalidInput(f"{slug!r} is no format of labels; expected one of: {', '.join(FORMATS)}.", field="format")
    if why := FORMATS[slug].unfit(shape):
        fitting = ", ".join(one.slug for one in FORMATS.values() if not one.unfit(shape))
        raise InvalidInput(f"{FORMATS[slug].label} does not fit: {why}. Choose one of: {fitting}.", field="format")
    return FORMATS[slug]


def in_words(losses: dict[str, int]) -> list[str]:
    """Each loss with its count, as people read it."""
    return [f"{count:,} {LOSSES[key]}" for key, count in sorted(losses.items()) if count]
