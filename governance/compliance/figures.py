"""What the officer's first page says: what is open, what changed by day, and whether the record holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.apps import apps
from django.db.models import CharField, Count, QuerySet
from django.db.models.functions import Cast, Substr
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from governance import lifting
from governance.compliance import filters
from governance.compliance.questions import changes_url
from governance.models import (
    ApprovalRequest,
    Checkpoint,
    CheckpointPlace,
    ConstraintChange,
    Declassification,
    Delegation,
    GroupGrant,
    HandOut,
    Job,
    MembershipEnd,
    RecordEntry,
    UserGrant,
)
from governance.record import checking, delivering, sealing, triggers

if TYPE_CHECKING:
    from governance.models import User

EXPIRING_DAYS = 30
CHART_DAYS = 30
SHOWN_AT_MOST = 20


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One number of the desk, what it counts, and the list behind it."""

    title: str
    count: int
    words: str
    url: str
    tone: str = "plain"
    order: int = 50


@dataclass(frozen=True, kw_only=True)
class Expiring:
    """One permission that ends soon by itself."""

    label: str
    url: str
    until: datetime


_figures: list[Callable[[User], Figure]] = []


def register_figure(make: Callable[[User], Figure]) -> None:
    """Apps add what officers must see of theirs, such as affected models, in `AppConfig.ready`."""
    _figures.append(make)


def figures_for(user: User) -> list[Figure]:
    makers = (_open_relaxations, _unattributed, _handed_out, *_figures)
    return sorted((make(user) for make in makers), key=lambda one: one.order)


def _open_relaxations(user: User) -> Figure:
    from governance.constraints import RELAX_GATE

    count = ApprovalRequest.objects.filter(gate=RELAX_GATE, state=ApprovalRequest.State.PENDING).count()
    query = urlencode({"gate": RELAX_GATE, "state__exact": ApprovalRequest.State.PENDING})
    return Figure(
        title="Open relaxations", count=count, words="request waits" if count == 1 else "requests wait",
        url=f"{reverse('admin:governance_approvalrequest_changelist')}?{query}",
        tone="attention" if count else "permitted", order=10,
    )  # fmt: skip


def _unattributed(user: User) -> Figure:
    count = unattributed().count()
    return Figure(
        title="Written past every door", count=count, words="entry" if count == 1 else "entries",
        url=f"{reverse('admin:governance_recordentry_changelist')}?door=none",
        tone="prohibited" if count else "permitted", order=20,
    )  # fmt: skip


def _handed_out(user: User) -> Figure:
    since = timezone.now() - timedelta(days=CHART_DAYS)
    count = HandOut.objects.filter(taken_at__gte=since).count()
    query = urlencode({"taken_at__gte": since.date().isoformat()})
    return Figure(
        title="Handed out", count=count, words=f"{'file' if count == 1 else 'files'} in {CHART_DAYS} days",
        url=f"{reverse('admin:governance_handout_changelist')}?{query}",
        order=60,
    )  # fmt: skip


def unattributed() -> QuerySet[RecordEntry]:
    """Changes that no door of the application made: a database console, or a program of someone's own."""
    return RecordEntry.objects.filter(door="")


def expiring(days: int = EXPIRING_DAYS) -> list[Expiring]:
    """Constraints and leave that end within so many days, the next one first; leave that is not in force is none."""
    now = timezone.now()
    end = now + timedelta(days=days)
    soon: list[Expiring] = []
    for model in filters.constrained_models():
        rows: Any = model._default_manager
        lasting = rows.in_force() if model is Declassification else rows
        ending = lasting.filter(permitted_until__gt=now, permitted_until__lte=end)
        soon += map(_expiring, ending.order_by("permitted_until")[:SHOWN_AT_MOST])
    return sorted(soon, key=lambda one: one.until)[:SHOWN_AT_MOST]


def rights_that_end(days: int = EXPIRING_DAYS) -> list[Expiring]:
    """Shares, memberships and lent rights to sign that end within so many days, the next one first."""
    now = timezone.now()
    soon = {"until__gt": now, "until__lte": now + timedelta(days=days)}
    ends = MembershipEnd.objects.filter(**soon).select_related("user", "group")
    found = [_membership(end) for end in ends[:SHOWN_AT_MOST]]
    lent = Delegation.objects.in_force().filter(**soon).select_related("delegator", "delegate").order_by("until")
    found += [_lent(one) for one in lent[:SHOWN_AT_MOST]]
    for model in apps.get_models():
        if issubclass(model, UserGrant | GroupGrant):
            whom = "user" if issubclass(model, UserGrant) else "group"
            grants: Any = model._default_manager.filter(permission__codename__startswith="view_", **soon)
            grants = grants.select_related("content_object", whom).order_by("until")
            found += [_ending_share(grant, getattr(grant, whom)) for grant in grants[:SHOWN_AT_MOST]]
    return sorted(found, key=lambda one: one.until)[:SHOWN_AT_MOST]


def _ending_share(grant: Any, to: Any) -> Expiring:
    from governance.portal.rows import row_url

    row = grant.content_object
    return Expiring(label=f"{row._meta.verbose_name} {row} shared with {to}", url=row_url(row), until=grant.until)


def _membership(end: MembershipEnd) -> Expiring:
    url = reverse("admin:governance_membershipend_change", args=[end.pk])
    return Expiring(label=f"{end.user} in {end.group}", url=url, until=end.until)


def _lent(one: Delegation) -> Expiring:
    url = reverse("admin:governance_delegation_change", args=[one.pk])
    return Expiring(label=f"right to sign lent: {one}", url=url, until=one.until)


def _expiring(row: Any) -> Expiring:
    kind = row._meta.label_lower
    page = ("admin:governance_declassification_change", []) if kind == lifting.KIND else ("governance:why", [kind])
    url = reverse(page[0], args=[*page[1], row.pk])
    return Expiring(label=f"{row.kind_word} {row}", url=url, until=row.permitted_until)


def changes_by_day(days: int = CHART_DAYS) -> list[dict[str, Any]]:
    """One row for each of the last days with a change, newest first: tightened, relaxed, both, and the list."""
    since = timezone.now() - timedelta(days=days)
    # Minutes of UTC as text, which SQLite cuts by itself; asked for days of a zone, it would call Python for each row.
    counted = (
        ConstraintChange.objects.filter(changed_at__gte=since)
        .order_by()
        .annotate(minute=Substr(Cast("changed_at", CharField()), 1, 16))
        .values("minute", "direction")
        .annotate(count=Count("pk"))
    )
    by_day: dict[Any, dict[str, Any]] = {}
    for row in counted:
        day = timezone.localdate(datetime.fromisoformat(row["minute"]).replace(tzinfo=UTC))
        asked = {"since": day.isoformat(), "until": (day + timedelta(days=1)).isoformat()}
        line = by_day.setdefault(day, {"day": day, "tightened": 0, "relaxed": 0, "both": 0, "url": changes_url(asked)})
        line[row["direction"]] += row["count"]
    return [by_day[day] for day in sorted(by_day, reverse=True)]


@dataclass(frozen=True, kw_only=True)
class ChainStatus:
    """Whether the record is whole, as far as is known without reading all of it."""

    entries: int
    unsealed: int
    checkpoint: Checkpoint | None
    sealed_at: datetime | None
    missing_triggers: int
    check: Job | None
    places: list[CheckpointPlace]

    @property
    def verdict(self) -> tuple[str, str]:
        """In a few words, and the tone."""
        if self.missing_triggers:
            return f"{self.missing_triggers} triggers are missing; changes are refused", "prohibited"
        if self.check is None:
            return "never checked", "attention"
        if self.check.state == Job.State.SUCCEEDED:
            holds = self.check.result.get("holds")
            return ("holds", "permitted") if holds else ("broken", "prohibited")
        if self.check.state == Job.State.FAILED:
            return "the check failed", "prohibited"
        return "being checked", "primary"


def chain_status() -> ChainStatus:
    last = Checkpoint.objects.order_by("-number").first()
    return ChainStatus(
        entries=RecordEntry.objects.count(),
        unsealed=sealing.unsealed(),
        checkpoint=last,
        sealed_at=parse_datetime(last.sealed_at) if last else None,
        missing_triggers=len(triggers.missing()),
        check=Job.objects.filter(kind=checking.KIND).order_by("-created_at").first(),
        places=delivering.known_places(),
    )
