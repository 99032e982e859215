"""What binds an answer that repeats canonical labels: those labels, and all that binds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from governance.derivations import Key, Origin, derivations_of, key_of, keys_of
from governance.lifting import JOINED
from governance.models import Derivation
from labeling.generation.models import QAPair
from labeling.labels.models import CanonicalLabel
from workbench.endpoints.port import Answer


def bind(pairs: Sequence[QAPair], answers: Mapping[str, Answer]) -> None:
    """Let each pair derive from the labels that its answer was drawn from, so that they bind it from now on.

    `answers` by the id of their pair. As many queries for a batch as for one pair.
    """
    drawn_on = {pair.pk: set(answers[str(pair.pk)].facts.get("labels", ())) for pair in pairs}
    bound = [pair for pair in pairs if drawn_on[pair.pk]]
    if not bound:
        return
    wanted = set().union(*drawn_on.values())
    labels = {str(label.pk): label for label in CanonicalLabel.objects.filter(pk__in=wanted)}
    derivations = {row.derivation_id for row in (*bound, *labels.values())}
    above = keys_of(Derivation.objects.filter(pk__in=derivations))
    origins = [_origin(pair, [labels[key] for key in drawn_on[pair.pk]], above) for pair in bound]
    for pair, derivation in zip(bound, derivations_of(origins), strict=True):
        pair.derivation = derivation


def _origin(pair: QAPair, labels: Sequence[CanonicalLabel], above: Mapping[UUID, frozenset[Key]]) -> Origin:
    keys = above[pair.derivation_id].union(map(key_of, labels), *(above[label.derivation_id] for label in labels))
    return Origin(keys, {**pair.derivation.scope, JOINED: True})
