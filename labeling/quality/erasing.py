"""What follows here when content is erased: nothing that was computed from it stays."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Q

from governance.models import User
from governance.record import emptying
from labeling.labels.models import Content
from labeling.quality.models import PairCheck


def follow_erasure(kind: str, digests: Sequence[str], reason: str, by: User) -> None:
    """Registered with `emptying.on_emptied`; runs in the transaction of the erasure. Findings hold no values."""
    if kind != Content._meta.label_lower:
        return
    for some in emptying.parts(digests):
        PairCheck.objects.filter(Q(pair__prompt__in=some) | Q(pair__answer__in=some)).delete()
