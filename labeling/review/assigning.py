"""Giving pairs to people: by hand to one, or dealt in turn to several, such as the members of a group."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Count, QuerySet
from django.utils import timezone

from governance import access, context, jobs
from governance.comments.services import tell_of_work
from governance.errors import InvalidInput, NotPermitted
from governance.models import Job, User
from labeling.generation.models import QAPair, TrainingSheet
from labeling.review import assignments
from labeling.review.errors import NotAReviewer
from labeling.review.models import PairAssignment
from labeling.review.selectors import OPEN
from labeling.review.transitions import REVIEW

ASSIGN = "labeling.add_pairassignment"
KIND = "labeling.assign"
AT_ONCE = 2_000
BATCH = 500
MOST_SHEETS = 50
MOST_NAMED = 100


@dataclass
class Assigned:
    """How many pairs were given to somebody (or, with nobody named, taken back), and how many were left as they are."""

    assigned: int = 0
    left: int = 0

    def as_json(self) -> dict[str, int]:
        return {"assigned": self.assigned, "left": self.left}


def assign_pairs(*, pairs: QuerySet[QAPair], people: Sequence[User], by: User, keep: bool = False) -> Assigned | Job:
    """Deal those of `pairs` that `by` may see and that are undecided to `people` in turn; above 2,000 as a job.

    With nobody named they are taken back. `keep` leaves alone what was given to somebody before.

    :raises NotPermitted: `by` may not assign.
    :raises NotAReviewer: somebody may not see or not decide them.
    :raises InvalidInput: they are of too many Training Sheets, or for too many people.
    """
    access.require(by, ASSIGN)
    visible = QAPair.objects.visible_to(by).filter(pk__in=pairs.order_by().values("pk"))
    sheets = list(TrainingSheet.objects.filter(pk__in=visible.order_by().values("training_sheet"))[: MOST_SHEETS + 1])
    if len(sheets) > MOST_SHEETS or len(people) > MOST_NAMED:
        raise InvalidInput(
            f"Assign pairs of {MOST_SHEETS} Training Sheets to {MOST_NAMED} people at most at once.", field="pairs"
        )
    _check(people, sheets)
    ids = list(visible.order_by("training_sheet", "position").values_list("pk", flat=True))
    named = list(dict.fromkeys(one.pk for one in people))
    if len(ids) > AT_ONCE:
        payload = {"pairs": [str(pk) for pk in ids], "people": named, "keep": keep}
        return jobs.enqueue(KIND, subject=sheets[0], by=by, payload=payload)
    with transaction.atomic():
        started, outcome = timezone.now(), Assigned()
        deal(ids=ids, people=named, by=by, keep=keep, dealt=0, outcome=outcome)
        tell(by=by, since=started)
    return outcome


def members_for(name: str, pairs: QuerySet[QAPair]) -> list[User]:
    """Those members of a group who may see and decide all of these pairs.

    :raises NotAReviewer: there is no such member, or no such group.
    """
    sheets = list(TrainingSheet.objects.filter(pk__in=pairs.order_by().values("training_sheet"))[:MOST_SHEETS])
    group = access.groups_to_share_with().filter(name=name).first()
    people = assignments.reviewers_in(group, sheets) if group is not None and sheets else []
    if not people:
        raise NotAReviewer(
            f"No member of “{name}” may see and decide all of these pairs. Share their Training Sheet with them, or "
            "give them the role Domain expert.",
            field="group",
        )
    return people


def named_people(usernames: Iterable[str]) -> list[User]:
    """Accounts by user name; whether one does not exist or may not review is not told apart.

    :raises NotAReviewer: there is none of this name.
    """
    wanted = list(dict.fromkeys(name.strip() for name in usernames))
    found = {one.username: one for one in User.objects.filter(username__in=wanted, is_active=True)}
    for name in wanted:
        if name not in found:
            raise _not_a_reviewer(name)
    return [found[name] for name in wanted]


def _check(people: Sequence[User], sheets: Sequence[TrainingSheet]) -> None:
    keys = [sheet.pk for sheet in sheets]
    for account in people:
        visible = TrainingSheet.objects.visible_to(account).filter(pk__in=keys)
        if not account.has_perm(REVIEW) or visible.count() < len(keys):
            raise _not_a_reviewer(account.username)


def _not_a_reviewer(name: str) -> NotAReviewer:
    return NotAReviewer(
        f"“{name}” is no account that may see and decide all of these pairs. Choose somebody who may, or share the "
        "Training Sheet with them.",
        field="people",
    )


def deal(
    *, ids: Sequence[Any], people: Sequence[Any], by: User, keep: bool, dealt: int, outcome: Assigned, because: str = ""
) -> None:
    """Give these pairs out in the caller's transaction, one to each in turn; `dealt` were given out before them.

    Pairs are locked in one order, so that two people assigning at once wait for one another.
    """
    visible = QAPair.objects.visible_to(by).filter(pk__in=ids, status__in=OPEN).order_by()
    due = {
        pair.pk: pair for pair in QAPair.objects.select_for_update().filter(pk__in=visible.values("pk")).order_by("pk")
    }
    before = PairAssignment.objects.filter(pair__in=list(due))
    taken = set(before.values_list("pair_id", flat=True)) if keep else set()
    chosen = [key for key in ids if key in due and key not in taken]
    with context.because(because or ("pairs assigned" if people else "pairs taken back"), by=by):
        before.filter(pair__in=chosen).delete()
        PairAssignment.objects.bulk_create(
            PairAssignment(pair=due[key], account_id=people[(dealt + place) % len(people)], assigned_by=by)
            for place, key in enumerate(chosen)
            if people
        )
    outcome.assigned += len(chosen)
    outcome.left += len(ids) - len(chosen)


def tell(*, by: User, since: datetime) -> None:
    """Tell everyone what `by` has given to them since, one notification a Training Sheet."""
    given = PairAssignment.objects.filter(assigned_by=by, assigned_at__gte=since).order_by()
    counted = given.values_list("account", "pair__training_sheet").annotate(count=Count("pk"))
    rows = list(counted)
    accounts = User.objects.in_bulk([account for account, _, _ in rows])
    sheets = TrainingSheet.objects.in_bulk([sheet for _, sheet, _ in rows])
    for account, sheet, count in rows:
        tell_of_work(account=accounts[account], row=sheets[sheet], count=count, by=by)


@jobs.register(KIND, label="Assign pairs")
def assign(running: jobs.Running) -> dict[str, Any]:
    """Go on behind the last batch that committed; everyone is told once, with the last one."""
    by, payload = running.job.requested_by, running.payload
    if by is None:
        raise NotPermitted("Pairs are assigned by people; this job names none.")
    access.require(by, ASSIGN)
    ids = [_key(text) for text in payload["pairs"]]
    outcome = Assigned(**{name: running.job.result.get(name, 0) for name in ("assigned", "left")})
    for start in range(running.job.done, len(ids), BATCH):
        batch = ids[start : start + BATCH]
        with transaction.atomic():
            running.hold()
            deal(
                ids=batch, people=payload["people"], by=by, keep=payload["keep"], dealt=outcome.assigned,
                outcome=outcome, because=payload.get("because", ""),
            )  # fmt: skip
            if start + len(batch) == len(ids):
                tell(by=by, since=running.job.created_at)
            Job.objects.filter(pk=running.job.pk).update(result=outcome.as_json())
            running.progress(start + len(batch), len(ids))
    return outcome.as_json()


def _key(text: str) -> Any:
    return QAPair._meta.pk.to_python(text)
