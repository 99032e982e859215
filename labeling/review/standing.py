"""Standing rules: pairs made later are dealt among the same people in turn, without a hand.

A rule acts in the name of whoever set it, and never further than their hand could reach: it deals pairs that they may
see, to people who may see and decide them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone

from governance import access, context, jobs
from governance.errors import InvalidInput, ReasonRequired
from governance.models import Job, User
from labeling.generation.models import QAPair, TrainingSheet
from labeling.labelsets.models import LabelType
from labeling.review import assignments
from labeling.review.assigning import ASSIGN, KIND, MOST_NAMED
from labeling.review.errors import NotAReviewer, RuleEnded
from labeling.review.models import AssignmentRule
from labeling.review.selectors import OPEN
from labeling.review.transitions import REVIEW
from workbench.models import Sheet

SET = "labeling.add_assignmentrule"
END = "labeling.change_assignmentrule"


@transaction.atomic
def set_rule(
    *, sheet: Sheet, label_type: LabelType, people: Sequence[User], reason: str, by: User
) -> AssignmentRule:
    """Deal pairs that are made from a Sheet for a label type from now on; in place of a rule that does so now.

    Pairs that are there already stay with whom they are.
    :raises NotPermitted: `by` may not assign, or not change the Sheet.
    :raises NotAReviewer: somebody may not review, or not see the Sheet.
    :raises ReasonRequired: no reason was given.
    """
    sheet = Sheet.objects.select_for_update().get(pk=sheet.pk)
    access.require(by, SET, sheet, action="change")
    reason = _reason(reason, "Say why these people are dealt what is made; it goes on record.")
    _check(people, sheet)
    for before in AssignmentRule.objects.in_force().filter(sheet=sheet, label_type=label_type):
        _end(before, by, f"replaced: {reason}")
    with context.because(reason, by=by):
        rule = AssignmentRule.objects.create(sheet=sheet, label_type=label_type, reason=reason, set_by=by)
        rule.people.set(people)
    return rule


@transaction.atomic
def end_rule(*, rule: AssignmentRule, by: User, reason: str) -> AssignmentRule:
    """End a standing rule; what it has dealt stays dealt.

    :raises NotPermitted: `by` may not assign, or not change the Sheet.
    :raises RuleEnded: it was ended before.
    :raises ReasonRequired: no reason was given.
    """
    rule = AssignmentRule.objects.select_for_update(of=("self",)).select_related("sheet").get(pk=rule.pk)
    access.require(by, END, rule.sheet, action="change")
    if rule.ended_at is not None:
        raise RuleEnded(f"The rule for {rule} ended on {rule.ended_at:%Y-%m-%d %H:%M}; set a new one.")
    return _end(rule, by, _reason(reason, "Say why the rule ends; it goes on record."))


def _end(rule: AssignmentRule, by: User, reason: str) -> AssignmentRule:
    rule.ended_by, rule.ended_at, rule.end_reason = by, timezone.now(), reason
    with context.because(reason, by=by):
        rule.save(update_fields=["ended_by", "ended_at", "end_reason"])
    return rule


def _reason(reason: str, message: str) -> str:
    if not reason.strip():
        raise ReasonRequired(message, field="reason")
    return reason.strip()


def _check(people: Sequence[User], sheet: Sheet) -> None:
    if not 0 < len(people) <= MOST_NAMED:
        raise InvalidInput(f"Name 1 to {MOST_NAMED} people; this has {len(people)}.", field="people")
    for account in people:
        if not account.is_active or not account.has_perm(REVIEW) or not access.can_see(account, sheet):
            raise NotAReviewer(
                f"“{account.username}” is no account that may review pairs and see Sheet “{sheet}”. Choose somebody "
                "who may, or share the Sheet with them.",
                field="people",
            )


def rule_for(sheet: TrainingSheet) -> AssignmentRule | None:
    """The rule in force for pairs of this Training Sheet, made after it was set or not."""
    rows = AssignmentRule.objects.in_force().filter(sheet=sheet.sheet_id, label_type=sheet.label_type_id)
    return rows.select_related("set_by").first()


def hindrance(rule: AssignmentRule, sheet: TrainingSheet) -> str:
    """Why the rule deals no pairs of this Training Sheet now, as a sentence; empty where it does."""
    by = rule.set_by
    if not by.is_active or not by.has_perm(ASSIGN):
        return f"{by.display_name}, who set the rule, may no longer assign pairs. Set it anew."
    if not access.can_see(by, sheet):
        return f"{by.display_name}, who set the rule, may not see this Training Sheet. Share it with them."
    if not _reviewers(rule, sheet):
        return "None of its people may see this Training Sheet. Share it with them."
    return ""


def _reviewers(rule: AssignmentRule, sheet: TrainingSheet) -> list[User]:
    people = rule.people.order_by("username")
    return [account for account in people if assignments.may_be_given(account, sheet)]


@transaction.atomic
def deal_new(training_sheet: TrainingSheet) -> Job | None:
    """Have what is nobody's and was made after the rule was set dealt by a worker; None where nothing is to be dealt.

    Asked when pairs are ready for review, and when they are shared: before, their people may not see them.
    """
    if training_sheet.status != TrainingSheet.Status.READY:
        return None
    found = rule_for(training_sheet)
    if found is None:
        return None
    rule = AssignmentRule.objects.select_for_update(of=("self",)).select_related("set_by", "sheet").get(pk=found.pk)
    if rule.ended_at is not None or hindrance(rule, training_sheet):
        return None
    due = QAPair.objects.filter(training_sheet=training_sheet, status__in=OPEN, created_at__gte=rule.set_at)
    ids = [str(key) for key in assignments.nobodys(due).order_by("position").values_list("pk", flat=True)]
    return _deal(rule, training_sheet, ids) if ids else None


def _deal(rule: AssignmentRule, sheet: TrainingSheet, ids: list[str]) -> Job:
    """Whose turn is next goes on over Training Sheets, so that many small ones do not all begin with the same one."""
    people = [account.pk for account in _reviewers(rule, sheet)]
    start = rule.dealt % len(people)
    payload: dict[str, Any] = {
        "pairs": ids, "people": people[start:] + people[:start], "keep": True,
        "because": f"dealt by the standing rule of {rule.set_at:%Y-%m-%d}: {rule.reason}",
    }  # fmt: skip
    rule.dealt += len(ids)
    with context.because(f"{len(ids)} pairs of “{sheet}” dealt", by=rule.set_by):
        rule.save(update_fields=["dealt"])
    return jobs.enqueue(KIND, subject=sheet, by=rule.set_by, payload=payload)
