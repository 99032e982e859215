"""What follows when content is erased: labels that held it are retired, and what a model wrote for it goes as well."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils import timezone

from governance import context
from governance.models import User
from governance.record import emptying
from labeling.generation.models import QAPair
from labeling.labels.models import ERASED, CanonicalLabel, Content
from labeling.labels.recording import BATCH, keep_versions


def follow_erasure(kind: str, digests: Sequence[str], reason: str, by: User) -> None:
    """Registered with `emptying.on_emptied`; runs in the transaction of the erasure."""
    if kind != Content._meta.label_lower:
        return
    for some in emptying.parts(digests):
        _retire(some, reason, by)
        _forget_raw_answers(some)


def _retire(digests: Sequence[str], reason: str, by: User) -> None:
    """A label without its answer is nobody's ground truth any more."""
    rows = CanonicalLabel.objects.filter(content__in=digests, retired_at__isnull=True)
    labels = list(rows.select_for_update(of=("self",)).order_by("pk"))
    now = timezone.now()
    for label in labels:
        label.retired_at = label.last_modified_at = now
        label.last_modified_by = by
    CanonicalLabel.objects.bulk_update(labels, ["retired_at", "last_modified_at", "last_modified_by"], batch_size=BATCH)
    with context.because(f"its content was erased: {reason}", by=by):
        keep_versions(labels)


def _forget_raw_answers(digests: Sequence[str]) -> None:
    """The text from which a model's answer was read says the same as the answer."""
    rows = QAPair.objects.filter(answer__in=digests, model_facts__has_key="raw")
    pairs = list(rows.select_for_update(of=("self",)).order_by("pk"))
    for pair in pairs:
        pair.model_facts = pair.model_facts | {"raw": ERASED}
    QAPair.objects.bulk_update(pairs, ["model_facts"], batch_size=BATCH)
