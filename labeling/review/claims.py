"""Claims: who is at work on a pair, so that two people do not read the same one. A claim runs out by itself."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from governance import access
from governance.models import User
from labeling.generation.models import QAPair
from labeling.review.models import PairClaim
from labeling.review.transitions import REVIEW

CLAIM_MINUTES = 15
TRIES = 20  # where others claim the same pairs at the same moment


def take(*, pair: QAPair, by: User) -> PairClaim:
    """The claim on this pair: taken or renewed by `by`, or that of someone who is at work on it.

    :raises NotPermitted: `by` may not review, or not see the pair.
    """
    access.require(by, REVIEW, pair)
    now = timezone.now()
    until = now + timedelta(minutes=CLAIM_MINUTES)
    mine_or_nobodys = PairClaim.objects.filter(Q(account=by) | Q(until__lte=now), pair=pair)
    if not mine_or_nobodys.update(account=by, until=until):
        try:
            with transaction.atomic():
                return PairClaim.objects.create(pair=pair, account=by, until=until)
        except IntegrityError:  # someone was faster
            pass
    return PairClaim.objects.select_related("account").get(pair=pair)


def take_next(*, pairs: QuerySet[QAPair], by: User, count: int = 1) -> list[QAPair]:
    """The first `count` of `pairs` that nobody else is at work on, claimed by `by`; fewer where there are no more.

    `pairs` are in the order in which they are wanted. Each try is a few statements, however many pairs are asked for.
    :raises NotPermitted: `by` may not review.
    """
    access.require(by, REVIEW)
    free = pairs.exclude(held_by_others(by))
    for _ in range(TRIES):
        wanted = list(free[:count])
        held = _held(pairs, _take_all([pair.pk for pair in wanted], by))
        if held or not wanted:
            return held
    return []


def _held(pairs: QuerySet[QAPair], taken: set[Any]) -> list[QAPair]:
    """Of what was taken what is still wanted: between the look and the claim somebody may have decided it."""
    held = list(pairs.filter(pk__in=taken)) if taken else []
    release_decided(list(taken - {pair.pk for pair in held}))
    return held


@transaction.atomic
def _take_all(ids: list[Any], by: User) -> set[Any]:
    """Those of these pairs that `by` holds now: nobody did, or the claim had run out, or was their own."""
    now = timezone.now()
    until = now + timedelta(minutes=CLAIM_MINUTES)
    mine_or_nobodys = PairClaim.objects.filter(Q(account=by) | Q(until__lte=now), pair__in=ids)
    mine_or_nobodys.update(account=by, until=until)
    claims = [PairClaim(pair_id=pk, account=by, until=until) for pk in ids]
    PairClaim.objects.bulk_create(claims, ignore_conflicts=True)
    return set(PairClaim.objects.filter(pair__in=ids, account=by).values_list("pair", flat=True))


def release(*, pair: QAPair, by: User, taken: str = "") -> None:
    """Let others have it; nothing happens where `by` has no claim.

    `taken` names the claim as a page was given it (`PairClaim.taken`): another page of the same person that has
    renewed it since keeps it, so that a tab which closes takes nothing from one that stays.
    """
    claims = PairClaim.objects.filter(pair=pair, account=by)
    if not taken:
        claims.delete()
    elif moment := _moment(taken):
        claims.filter(until=moment).delete()


def _moment(text: str) -> datetime | None:
    try:
        moment = parse_datetime(text) if len(text) < 40 else None
    except ValueError:  # well formed, and no such day
        return None
    return moment if moment and timezone.is_aware(moment) else None


def release_decided(pairs: list[Any]) -> None:
    """Nobody is at work on what was decided."""
    PairClaim.objects.filter(pair__in=pairs).delete()


def held_by_others(user: User) -> Exists:
    """A condition on pairs: someone else is at work on it."""
    return Exists(PairClaim.objects.filter(pair=OuterRef("pk"), until__gt=timezone.now()).exclude(account=user))


def standing(pairs: QuerySet[QAPair]) -> QuerySet[PairClaim]:
    """Who is at work on these pairs now, the next to run out first."""
    claims = PairClaim.objects.filter(pair__in=pairs.order_by().values("pk"), until__gt=timezone.now())
    return claims.select_related("account", "pair").order_by("until")
