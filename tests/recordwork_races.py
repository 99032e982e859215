"""People who decide on one request at the same moment.

`python -m tests.recordwork_races TIMES` migrates the database of the environment, lets each race run so many times with
two threads, and prints as JSON what came out and what should not have.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any

ALLOWED_BEFORE, ALLOWED_AFTER = 1, 31
SLOW = 0.1  # seconds
Race = tuple[Callable[[], object], Callable[[], object]]


@dataclass
class Outcome:
    """One race: how each of the two fared (`done` or the error's name), and what stands in the database."""

    fared: list[str]
    state: str
    signatures: int
    transitions: int
    problems: list[str] = field(default_factory=list)


class Desk:
    """The cast, and a fresh Sheet with a request to relax it for each race."""

    def __init__(self) -> None:
        from governance.models import Person, User
        from governance.roles import group_for
        from workbench.models import Connection

        self.names, self.random = count(), random.Random(7)

        def account(name: str, *roles: str, person: Any = None, **fields: Any) -> Any:
            person = person or Person.objects.create(name=name)
            user = User.objects.create_user(name, person=person, is_staff=True, **fields)
            user.groups.add(*[group_for(role) for role in roles])
            return user

        self.officers = group_for("compliance-officer")
        self.steward = account("steward", "data-steward")
        self.one = account("one", "compliance-officer")
        self.other = account("other", "compliance-officer")
        self.second_account = account("one again", "compliance-officer", person=self.one.person)
        self.chief = account("chief", "compliance-officer", "data-steward", is_superuser=True)
        self.deputy = account("deputy", "viewer")
        self.deputy.groups.add(self.readers())
        self.root = account("root", is_superuser=True)
        self.connection = Connection.objects.create(name="catalog", owner=self.steward)

    def readers(self) -> Any:
        """A group that sees every row and signs nothing by itself."""
        from django.contrib.auth.models import Group, Permission

        group = Group.objects.create(name="readers")
        group.permissions.add(Permission.objects.get(codename="read_every_row"))
        return group

    def ask(self, *, by: Any = None, signatures: int = 1) -> Any:
        """A request to permit every use of a Sheet that permits one."""
        from governance import constraints
        from governance.constraints import Terms
        from governance.models import GatePolicy
        from workbench.models import Sheet

        by = by or self.steward
        GatePolicy.objects.filter(gate=constraints.RELAX_GATE).update(approvals={"compliance-officer": signatures})
        self.sheet = Sheet.objects.create(
            name=f"sheet {next(self.names)}", owner=by, connection=self.connection, item_key="id",
            allowed_uses=ALLOWED_BEFORE,
        )  # fmt: skip
        terms = Terms(
            allowed_uses=ALLOWED_AFTER, prohibited_uses=0, data_classification=self.sheet.data_classification,
            usage_reason="asked for",
        )  # fmt: skip
        return constraints.request_relaxation(row=self.sheet, terms=terms, by=by)

    def decide(self, request: Any, by: Any, *, approve: bool = True) -> Callable[[], object]:
        """As a request would do it: with an account and a row read now."""
        from governance import desk
        from governance.models import ApprovalRequest, User

        def signing() -> object:
            account = User.objects.get(pk=by.pk)
            row = ApprovalRequest.objects.get(pk=request.pk)
            return desk.decide(request=row, by=account, approve=approve, comment="seen")

        return signing

    # -- the races: what the two do, and which outcomes are right

    def two_approve(self) -> Outcome:
        request = self.ask()
        found = self.race(request, self.decide(request, self.one), self.decide(request, self.other))
        return expect(found, [(["AlreadyDecided", "done"], "approved", 1)])

    def two_approve_where_two_are_needed(self) -> Outcome:
        request = self.ask(signatures=2)
        found = self.race(request, self.decide(request, self.one), self.decide(request, self.other))
        return expect(found, [(["done", "done"], "approved", 2)])

    def one_person_with_two_accounts(self) -> Outcome:
        request = self.ask(signatures=2)
        found = self.race(request, self.decide(request, self.one), self.decide(request, self.second_account))
        return expect(found, [(["AlreadyDecided", "done"], "pending", 1)])

    def a_superuser_who_asked(self) -> Outcome:
        request = self.ask(by=self.chief)
        found = self.race(request, self.decide(request, self.chief), self.decide(request, self.chief))
        return expect(found, [(["SameApprover", "SameApprover"], "pending", 0)])

    def approval_and_rejection(self) -> Outcome:
        request = self.ask()
        found = self.race(request, self.decide(request, self.one), self.decide(request, self.other, approve=False))
        return expect(found, [(["AlreadyDecided", "done"], "approved", 1), (["AlreadyDecided", "done"], "rejected", 1)])

    def approval_and_withdrawal(self) -> Outcome:
        from governance import desk

        request = self.ask()
        found = self.race(
            request, self.decide(request, self.one), lambda: desk.withdraw(request=request, by=self.steward)
        )
        return expect(
            found, [(["AlreadyDecided", "done"], "approved", 1), (["AlreadyDecided", "done"], "withdrawn", 0)]
        )

    def approval_and_loss_of_the_role(self) -> Outcome:
        request = self.ask()
        found = self.race(request, self.decide(request, self.one), lambda: self.one.groups.remove(self.officers))
        self.one.groups.add(self.officers)
        return expect(found, [(["done", "done"], "approved", 1), (["NotPermitted", "done"], "pending", 0)])

    def approval_and_stricter_terms(self) -> Outcome:
        """Whichever comes first, the stricter terms are what is left: nobody approved loosening those."""
        from governance import constraints
        from governance.constraints import Terms

        request = self.ask()
        terms = Terms(
            allowed_uses=0, prohibited_uses=0, data_classification=self.sheet.data_classification, usage_reason="closed"
        )

        def tighten() -> object:
            time.sleep(SLOW / 2)
            return constraints.tighten(row=self.sheet, terms=terms, by=self.steward)

        with slow_to_sign():
            found = self.race(request, self.decide(request, self.one), tighten, left=0)
        return expect(found, [(["done", "done"], "approved", 1), (["ContentChanged", "done"], "void", 0)])

    def approval_and_expiry(self) -> Outcome:
        from django.utils import timezone

        from governance import desk
        from governance.models import ApprovalRequest

        request = self.ask()
        ends = timezone.now() + timedelta(seconds=SLOW * self.random.uniform(0.5, 1.0))
        ApprovalRequest.objects.filter(pk=request.pk).update(expires_at=ends)

        def expire() -> None:
            time.sleep(max(0.0, (ends - timezone.now()).total_seconds()) + 0.001)
            desk.expire_old_requests()

        with slow_to_sign():
            found = self.race(request, self.decide(request, self.one), expire)
        return expect(found, [(["done", "done"], "approved", 1), (["AlreadyDecided", "done"], "expired", 0)])

    def delegated_approval_and_revocation(self) -> Outcome:
        from governance.approvals import delegations

        request = self.ask()
        lent = delegations.delegate(
            by=self.one, to=self.deputy, role="compliance-officer", until=in_a_day(), reason="on leave"
        )
        found = self.race(
            request, self.decide(request, self.deputy), lambda: delegations.revoke(delegation=lent, by=self.one)
        )
        return expect(found, [(["done", "done"], "approved", 1), (["NotPermitted", "done"], "pending", 0)])

    def deputy_and_who_lent_the_right(self) -> Outcome:
        """Two are needed, and these two count once."""
        from governance.approvals import delegations

        request = self.ask(signatures=2)
        lent = delegations.delegate(
            by=self.one, to=self.deputy, role="compliance-officer", until=in_a_day(), reason="on leave"
        )
        found = self.race(request, self.decide(request, self.deputy), self.decide(request, self.one))
        delegations.revoke(delegation=lent, by=self.one)
        return expect(found, [(["AlreadyDecided", "done"], "pending", 1)])

    def approval_and_linking_with_who_asked(self) -> Outcome:
        """A signature given first stands where it was the last one needed; linked first, it is refused."""
        from governance.people import linking

        request, signer = self.ask(), self.fresh_officer()
        found = self.race(
            request, self.decide(request, signer),
            lambda: linking.link(account=signer, other=self.steward, by=self.root, reason="the same badge"),
        )  # fmt: skip
        linking.part(account=signer, by=self.root, reason="the next race")
        return expect(found, [(["done", "done"], "approved", 1), (["SameApprover", "done"], "pending", 0)])

    def first_approval_and_linking_with_who_asked(self) -> Outcome:
        """Where another signature is still missing, nothing of the linked account counts, whichever came first."""
        from governance.people import linking

        request, signer = self.ask(signatures=2), self.fresh_officer()
        found = self.race(
            request, self.decide(request, signer),
            lambda: linking.link(account=signer, other=self.steward, by=self.root, reason="the same badge"),
        )  # fmt: skip
        if any(not hasattr(one, "withdrawal") for one in request.approvals.all()):
            found.problems.append("a signature of the person who asked counts")
        linking.part(account=signer, by=self.root, reason="the next race")
        return expect(found, [(["done", "done"], "pending", 1), (["SameApprover", "done"], "pending", 0)])

    def fresh_officer(self) -> Any:
        from governance.models import Person, User

        name = f"officer {next(self.names)}"
        user = User.objects.create_user(name, person=Person.objects.create(name=name), is_staff=True)
        user.groups.add(self.officers)
        return user

    def last_approval_and_withdrawal_of_the_first(self) -> Outcome:
        from governance import desk

        request = self.ask(signatures=2)
        self.decide(request, self.one)()
        signed = request.approvals.get()
        found = self.race(
            request, self.decide(request, self.other),
            lambda: desk.take_back(approval=signed, by=self.one, reason="on second thoughts"),
        )  # fmt: skip
        return expect(found, [(["ApprovalInUse", "done"], "approved", 2), (["done", "done"], "pending", 2)])

    def two_withdrawals_of_one_signature(self) -> Outcome:
        from governance import desk

        request = self.ask(signatures=2)
        self.decide(request, self.one)()
        signed = request.approvals.get()

        def take_back() -> object:
            return desk.take_back(approval=signed, by=self.one, reason="on second thoughts")

        return expect(self.race(request, take_back, take_back), [(["AlreadyDecided", "done"], "pending", 1)])

    def race(self, request: Any, *both: Callable[[], object], left: int = ALLOWED_AFTER) -> Outcome:
        """Let both go at once, and look at what stands afterwards; an approval leaves `left` permitted."""
        from governance.models import ApprovalRequest, ConstraintChange

        start, fared = threading.Barrier(len(both)), []
        threads = [threading.Thread(target=_take_part, args=(start, one, fared)) for one in both]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        request = ApprovalRequest.objects.get(pk=request.pk)
        signed = list(request.approvals.select_related("withdrawal"))
        changes = ConstraintChange.objects.filter(object_id=self.sheet.pk, new_allowed=ALLOWED_AFTER).count()
        found = Outcome(sorted(fared), request.state, len(signed), changes)
        found.problems += self.broken(request, signed, changes, left)
        return found

    def broken(self, request: Any, signed: list[Any], changes: int, left: int) -> list[str]:
        """What may never be, whoever was faster."""
        self.sheet.refresh_from_db()
        approvals = [one for one in signed if one.verdict == "approve" and not hasattr(one, "withdrawal")]
        rules = {
            "the step was made more than once": changes <= 1,
            "the step was made and the request is not approved, or the other way round":
                (changes == 1) == (request.state == "approved"),
            "the step was made without enough signatures":
                changes == 0 or len({one.person_id for one in approvals}) >= sum(request.needed.values()),
            "a signature is on another fingerprint": all(one.fingerprint == request.fingerprint for one in signed),
            "the row is not what was decided last":
                self.sheet.allowed_uses == (left if request.state == "approved" else min(left, ALLOWED_BEFORE)),
        }  # fmt: skip
        return [rule for rule, holds in rules.items() if not holds]


def in_a_day() -> Any:
    from django.utils import timezone

    return timezone.now() + timedelta(days=1)


@contextmanager
def slow_to_sign() -> Iterator[None]:
    """The moment between looking at the content and signing, made long enough for others to come in between."""
    from governance import desk

    quick = desk.fingerprint

    def slow(*given: Any) -> str:
        found = quick(*given)
        time.sleep(SLOW)
        return found

    desk.fingerprint = slow
    try:
        yield
    finally:
        desk.fingerprint = quick


def _take_part(start: threading.Barrier, work: Callable[[], object], fared: list[str]) -> None:
    from django.db import connection

    from governance.errors import WorkbenchError

    start.wait(60)
    try:
        work()
        fared.append("done")
    except WorkbenchError as error:
        fared.append(type(error).__name__)
    except Exception as error:  # noqa: BLE001 - whatever else comes out is told as what it is
        fared.append(f"unexpected {type(error).__name__}: {error}"[:200])
    finally:
        connection.close()


def expect(found: Outcome, right: list[tuple[list[str], str, int]]) -> Outcome:
    """Note when the race ended in none of these: how both fared, the request's state, the signatures."""
    if (found.fared, found.state, found.signatures) not in right:
        found.problems.append(f"{found.fared}, {found.state}, {found.signatures} signatures: none of {right}")
    return found


RACES = (
    "two_approve", "two_approve_where_two_are_needed", "one_person_with_two_accounts", "a_superuser_who_asked",
    "approval_and_rejection", "approval_and_withdrawal", "approval_and_loss_of_the_role",
    "approval_and_stricter_terms", "approval_and_expiry", "delegated_approval_and_revocation",
    "deputy_and_who_lent_the_right", "approval_and_linking_with_who_asked",
    "first_approval_and_linking_with_who_asked", "last_approval_and_withdrawal_of_the_first",
    "two_withdrawals_of_one_signature",
)  # fmt: skip


def main() -> None:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    desk, times = Desk(), int(sys.argv[1])
    told = {}
    for name in RACES:
        ended: Counter[str] = Counter()
        problems = []
        for _ in range(times):
            found = getattr(desk, name)()
            ended[f"{' + '.join(found.fared)} → {found.state}"] += 1
            problems += found.problems
        told[name] = {"ended": dict(ended), "problems": problems[:5]}
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
