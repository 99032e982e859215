"""Every kind of finding by its slug: which detector finds it, how it is called, what it proposes."""

from __future__ import annotations

from dataclasses import dataclass

from governance.models import TagRule
from governance.uses import ALL_USES, Classification, Use
from labeling.quality.models import Finding
from labeling.quality.personal.finding import LABELS as PERSONAL
from labeling.quality.secret import LABELS as SECRETS

Detector = Finding.Detector
EXACT, NEAR, CONFLICT = "exact_duplicate", "near_duplicate", "conflicting_answer"
NO_FIT, NO_ANSWER, UNSURE, TOXIC = "answer_does_not_fit", "no_answer", "low_confidence", "toxic_word"

LABELS: dict[str, str] = {
    **PERSONAL,
    **SECRETS,
    EXACT: "same question and answer as another pair",
    NEAR: "nearly the same question as another pair",
    CONFLICT: "same question as another pair, another answer",
    NO_FIT: "answer does not fit its schema",
    NO_ANSWER: "no usable answer",
    UNSURE: "model was less than half sure",
    TOXIC: "word of the toxic word list",
}
TAG = "PII"  # whose rule says what personal data means here


@dataclass(frozen=True)
class Proposal:
    """Uses to prohibit and the classification to have at least."""

    prohibited: int = 0
    classification: int = Classification.PUBLIC


def proposals() -> dict[str, Proposal]:
    """By detector. Personal data: what the tag rule of PII says, else no training and validation, restricted.

    A secret has no use anywhere.
    """
    rule = TagRule.objects.filter(tag=TAG).first()
    shapes_weights = Use.TRAINING.bit | Use.VALIDATION.bit
    personal = (
        Proposal(ALL_USES & ~rule.allowed_uses, rule.data_classification)
        if rule is not None
        else Proposal(shapes_weights, Classification.RESTRICTED)
    )
    return {Detector.PERSONAL_DATA: personal, Detector.SECRET: Proposal(ALL_USES, Classification.RESTRICTED)}


def label_of(kind: str) -> str:
    return LABELS.get(kind, kind.replace("_", " "))
