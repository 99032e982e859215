"""Whose pairs are whose: what was given to somebody comes first for them, and last for others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import Group
from django.db.models import Case, Count, Exists, OuterRef, QuerySet, When

from governance import access
from governance.models import User
from governance.models.collections import memberships
from labeling.generation.models import QAPair, TrainingSheet
from labeling.review.models import PairAssignment
from labeling.review.selectors import OPEN, next_behind, next_open
from labeling.review.transitions import REVIEW

MOST_PEOPLE = 200


def mine(pairs: QuerySet[QAPair], user: User) -> QuerySet[QAPair]:
    """Those of `pairs` that were given to `user`."""
    return pairs.filter(Exists(_given().filter(account=user)))


def nobodys(pairs: QuerySet[QAPair]) -> QuerySet[QAPair]:
    """Those of `pairs` that were given to nobody."""
    return pairs.filter(~Exists(_given()))


def given(pairs: QuerySet[QAPair]) -> QuerySet[QAPair]:
    """Those of `pairs` that were given to somebody."""
    return pairs.filter(Exists(_given()))


def in_order_for(user: User, pairs: QuerySet[QAPair]) -> QuerySet[QAPair]:
    """By whose they are, then by position: those of `user`, nobody's, those of others."""
    whose = Case(When(Exists(_given().filter(account=user)), then=0), When(~Exists(_given()), then=1), default=2)
    return pairs.order_by(whose, "position")


def _given() -> QuerySet[PairAssignment]:
    return PairAssignment.objects.filter(pair=OuterRef("pk"))


def next_for(user: User, sheet: TrainingSheet, pairs: QuerySet[QAPair], *, after: int, order: str) -> QAPair | None:
    """The next undecided pair for `user`: their own, then nobody's, then those of others; then what they skipped.

    `pairs` are of `sheet`; `after` is the position of the pair that they have just seen.
    """
    if not PairAssignment.objects.filter(pair__training_sheet=sheet).exists():
        return next_open(pairs, after=after, order=order)
    groups = [mine(pairs, user), nobodys(pairs), given(pairs).exclude(pk__in=mine(pairs, user).order_by().values("pk"))]
    place = _group_of(sheet, after, user)
    found = next_behind(groups[place], after=after, order=order) if after >= 0 else None
    rest = (next_open(group, after=-1, order=order) for group in [*groups[place + 1 :], *groups])
    return found or next((one for one in rest if one is not None), None)


def _group_of(sheet: TrainingSheet, position: int, user: User) -> int:
    """Whose the pair at this position is: 0 theirs, 1 nobody's, 2 another's; before the first one, -1."""
    if position < 0:
        return -1
    holder = PairAssignment.objects.filter(pair__training_sheet=sheet, pair__position=position)
    account = holder.values_list("account_id", flat=True).first()
    return 1 if account is None else 0 if account == user.pk else 2


def open_counts(user: User) -> dict[Any, int]:
    """By Training Sheet under review: how many undecided pairs were given to `user`."""
    sheets = TrainingSheet.objects.visible_to(user).filter(status=TrainingSheet.Status.READY)
    waiting = PairAssignment.objects.filter(
        account=user, pair__status__in=OPEN, pair__training_sheet__in=sheets.order_by().values("pk")
    )
    counted = waiting.order_by().values_list("pair__training_sheet").annotate(count=Count("pk"))
    return dict(counted)


def may_be_given(account: User, sheet: TrainingSheet) -> bool:
    """Whether this account may see and decide pairs of the Training Sheet."""
    return account.is_active and account.has_perm(REVIEW) and access.can_see(account, sheet)


def reviewers_of(sheet: TrainingSheet) -> list[User]:
    """Accounts that pairs of this Training Sheet can be given to, by user name; the first `MOST_PEOPLE`."""
    known = access.accounts_that_may_see(sheet)[:MOST_PEOPLE]
    return [account for account in known if may_be_given(account, sheet)]


def reviewers_in(group: Group, sheets: Sequence[TrainingSheet]) -> list[User]:
    """Members of this group now who may be given pairs of each of these Training Sheets."""
    members = memberships().filter(group_id=group.pk).values("user_id")
    known = User.objects.filter(pk__in=members, is_active=True).order_by("username")[:MOST_PEOPLE]
    return [account for account in known if all(may_be_given(account, sheet) for sheet in sheets)]
