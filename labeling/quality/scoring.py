"""The quality score of a pair: the plain mean of its parts, each shown. It ranks and filters; it decides nothing."""

from __future__ import annotations

from collections.abc import Sequence

from labeling.generation.models import QAPair
from labeling.quality.kinds import CONFLICT, EXACT, NEAR, Detector
from labeling.quality.models import Finding, PairCheck

PARTS = {
    "fits": "Answer fits its schema",
    "sure": "Model's confidence",
    "unique": "No duplicate",
    "clean": "No personal data, secret or toxic word",
}
HALF = 0.5


def rescore(pairs: Sequence[QAPair]) -> None:
    """Write the parts and the score of these pairs anew, where they changed. They were checked before."""
    open_ones: dict[object, list[Finding]] = {}
    standing = [Finding.State.OPEN, Finding.State.ACCEPTED]
    for finding in Finding.objects.filter(pair__in=pairs, state__in=standing):
        open_ones.setdefault(finding.pair_id, []).append(finding)
    checks = {check.pair_id: check for check in PairCheck.objects.filter(pair__in=pairs).defer("signature")}
    changed, scored = [], []
    for pair in pairs:
        if (check := checks.get(pair.pk)) is None:
            continue
        parts = _parts(pair, check, open_ones.get(pair.pk, []))
        score = round(sum(parts.values()) / len(parts), 4)
        if check.parts != parts:
            check.parts = parts
            changed.append(check)
        if pair.quality_score != score:
            pair.quality_score = score
            scored.append(pair)
    PairCheck.objects.bulk_update(changed, ["parts"], batch_size=200)
    QAPair.objects.bulk_update(scored, ["quality_score"], batch_size=200)


def _parts(pair: QAPair, check: PairCheck, findings: Sequence[Finding]) -> dict[str, float]:
    parts = {"fits": float(check.fits), "unique": 1.0, "clean": 1.0}
    if pair.reviewed_by_id is not None:
        parts["sure"] = 1.0
    elif pair.ai_confidence is not None:
        parts["sure"] = round(pair.ai_confidence, 4)
    for finding in findings:
        if finding.kind == EXACT:
            parts["unique"] = 0.0
        elif finding.kind in (NEAR, CONFLICT):
            parts["unique"] = min(parts["unique"], HALF)
        elif finding.detector == Detector.TOXIC_WORDS:
            parts["clean"] = min(parts["clean"], HALF)
        elif finding.proposes:
            parts["clean"] = 0.0
    return parts
