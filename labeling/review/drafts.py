"""Drafts: what somebody types is kept as typed, over reload, crash and log-out, until they decide or throw it away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.http import QueryDict

from governance import access
from governance.models import User
from labeling.generation.models import QAPair
from labeling.review.models import PairDraft
from labeling.review.transitions import REVIEW
from labeling.schemas import entered as forms


def save(*, pair: QAPair, by: User, entered: Mapping[str, Sequence[str]]) -> PairDraft:
    """Keep what `by` has typed about this pair, in place of what was kept before.

    :raises NotPermitted: `by` may not review, or not see the pair.
    :raises InvalidInput: it is longer than a million characters, or holds a null character.
    """
    access.require(by, REVIEW, pair)
    draft, _ = PairDraft.objects.update_or_create(pair=pair, account=by, defaults={"entered": forms.kept(entered)})
    return draft


def of(pair: QAPair, user: User) -> PairDraft | None:
    """What `user` typed about this pair and did not decide."""
    return PairDraft.objects.filter(pair=pair, account=user).first()


def discard(*, pair: QAPair, by: User) -> None:
    """Throw one's own draft away."""
    PairDraft.objects.filter(pair=pair, account=by).delete()


def as_posted(draft: PairDraft) -> QueryDict:
    """The draft as if its form had been sent."""
    return forms.as_posted(draft.entered)
