"""How much each person decides, and how that held: for those who lead reviewers, by name and never as a ranking."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q
from django.db.models.functions import TruncDate
from django.utils import timezone

from governance import access
from governance.models import User
from labeling.agreement.models import Opinion, Settlement
from labeling.generation.models import TrainingSheet
from labeling.review.models import PairDecision

SEE = "labeling.view_peoples_work"
DAYS = (7, 30, 90)
Action = PairDecision.Action


@dataclass
class Work:
    """What one person did in a period, with all their accounts.

    `standing` of their decisions were not changed since. `settled` opinions of theirs are on items that were settled,
    `same` of them said what became canonical.
    """

    name: str
    approved: int = 0
    edited: int = 0
    rejected: int = 0
    flagged: int = 0
    reopened: int = 0
    days: int = 0
    standing: int = 0
    settled: int = 0
    same: int = 0

    @property
    def decided(self) -> int:
        return self.approved + self.edited + self.rejected + self.flagged

    @property
    def a_day(self) -> float | None:
        """Decisions on an average day with any; None without one."""
        return round(self.decided / self.days, 1) if self.days else None

    @property
    def standing_share(self) -> float | None:
        """Of their decisions, from 0 to 1; None where there is none."""
        return self.standing / self.decided if self.decided else None

    @property
    def agreement(self) -> float | None:
        """Of their settled opinions that said what became canonical, from 0 to 1; chance is not taken off."""
        return self.same / self.settled if self.settled else None


def peoples_work(*, by: User, days: int, training_sheet: TrainingSheet | None = None) -> list[Work]:
    """Everybody who decided or answered in the last `days`, by name, on rows that `by` may see.

    :raises NotPermitted: `by` does not lead reviewers.
    """
    access.require(by, SEE)
    since = timezone.now() - timedelta(days=days)
    found: dict[Any, Work] = {}
    decisions = PairDecision.objects.visible_to(by).filter(decided_at__gte=since).order_by()
    if training_sheet is not None:
        decisions = decisions.filter(pair__training_sheet=training_sheet)
    _add_decisions(found, decisions)
    if training_sheet is None:
        _add_opinions(found, by, since)
    return sorted(found.values(), key=lambda work: work.name.casefold())


def _add_decisions(found: dict[Any, Work], decisions: Any) -> None:
    stands = Q(pair__reviewed_by=F("decided_by"), pair__status=F("new_status"))
    # A flag leaves no reviewer on the pair; it stands until someone decides.
    stands |= Q(action=Action.FLAG, pair__status="flagged")
    counted = decisions.values("decided_by").annotate(
        approved=Count("pk", filter=Q(action=Action.APPROVE)),
        edited=Count("pk", filter=Q(action=Action.EDIT)),
        rejected=Count("pk", filter=Q(action=Action.REJECT)),
        flagged=Count("pk", filter=Q(action=Action.FLAG)),
        reopened=Count("pk", filter=Q(action=Action.REOPEN)),
        standing=Count("pk", filter=stands & ~Q(action=Action.REOPEN)),
        days=Count(TruncDate("decided_at"), distinct=True, filter=~Q(action=Action.REOPEN)),
    )
    rows = {row.pop("decided_by"): row for row in counted}
    accounts = User.objects.in_bulk(list(rows))
    for key, row in rows.items():
        work = _of(found, accounts[key])
        days = row.pop("days")
        work.days = max(work.days, days)  # with two accounts at work on one day it is one day
        for name, count in row.items():
            setattr(work, name, getattr(work, name) + count)


def _add_opinions(found: dict[Any, Work], by: User, since: datetime) -> None:
    here = {"sheet": OuterRef("sheet"), "labelset": OuterRef("labelset"), "item_ref": OuterRef("item_ref")}
    settled = Settlement.objects.filter(**here)
    opinions = Opinion.objects.visible_to(by).filter(Exists(settled), given_at__gte=since).order_by()
    said_so = Exists(settled.filter(content=OuterRef("content")))
    counted = opinions.annotate(same=said_so).values_list("given_by", "same").annotate(count=Count("pk"))
    rows = list(counted)
    accounts = User.objects.in_bulk([account for account, _, _ in rows])
    for account, same, count in rows:
        work = _of(found, accounts[account])
        work.settled += count
        work.same += count if same else 0


def _of(found: dict[Any, Work], account: User) -> Work:
    return found.setdefault(account.person_id or f"account {account.pk}", Work(name=account.display_name))
