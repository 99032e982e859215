"""Quality checks and their findings: every write that a person asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from governance import access, constraints, context, jobs
from governance.constraints import Terms
from governance.errors import InvalidInput, ReasonRequired, WorkbenchError
from governance.models import ConstraintChange, Job, User
from labeling.generation.models import QAPair, TrainingSheet
from labeling.quality import kinds
from labeling.quality.errors import FindingDecided, NothingProposed, NotReadyToCheck
from labeling.quality.models import Finding
from labeling.quality.scoring import rescore

CHECK_KIND, DECIDE_KIND = "labeling.check_quality", "labeling.decide_findings"
ADD, CHANGE = "labeling.add_finding", "labeling.change_finding"
ACCEPT, DISMISS = "accept", "dismiss"
ACTIONS = (ACCEPT, DISMISS)
AT_ONCE, AT_MOST, DECIDE_BATCH = 100, 20_000, 100
REPORTED = 50
State = Finding.State


@transaction.atomic
def start_check(*, training_sheet: TrainingSheet, by: User) -> Job:
    """Check the pairs of a Training Sheet, as a job; the one that runs already, where there is one.

    :raises NotReadyToCheck: its pairs are still being made.
    :raises NotPermitted: `by` may not start checks, or not see it.
    """
    sheet = TrainingSheet.objects.select_for_update().get(pk=training_sheet.pk)
    access.require(by, ADD, sheet)
    if sheet.status == TrainingSheet.Status.GENERATING:
        raise NotReadyToCheck(f"The pairs of “{sheet}” are still being made. Check them once they are there.")
    waiting = Job.objects.filter(
        kind=CHECK_KIND, subject_id=sheet.pk, requested_by=by, state__in=[Job.State.QUEUED, Job.State.RUNNING]
    )
    return waiting.first() or jobs.enqueue(
        CHECK_KIND, subject=sheet, by=by, payload={"training_sheet": str(sheet.pk)}
    )


@transaction.atomic
def accept_finding(*, finding: Finding, by: User, reason: str = "") -> Finding:
    """Make the constraint of the pair as strict as the finding proposes, at once and on record.

    Never looser: what the pair prohibits stays prohibited. Where it is as strict already only the finding is closed.

    :raises NothingProposed: the finding proposes no constraint.
    :raises FindingDecided: it was decided meanwhile.
    :raises NotPermitted: `by` may not decide findings, not tighten, or not see the pair.
    """
    locked = _locked(finding, by)
    if not locked.proposes:
        raise NothingProposed(
            f"“{kinds.label_of(locked.kind)}” proposes no constraint. Decide about the pair, or dismiss the finding."
        )
    access.require(by, "governance.tighten_constraint", locked.pair)
    locked.constraint_change = _tighten(locked, by, reason)
    return _decide(locked, State.ACCEPTED, by, reason)


def accept_all(*, pair: QAPair, by: User) -> list[Finding]:
    """Accept every open proposal on one pair.

    :raises FindingDecided: none is open any more.
    """
    proposals = Finding.objects.visible_to(by).filter(pair=pair, state=State.OPEN).order_by("pk")
    with transaction.atomic():
        found = [accept_finding(finding=one, by=by) for one in proposals if one.proposes]
    if not found:
        raise FindingDecided("No open finding on this pair proposes a constraint: they were decided, or are gone.")
    return found


@transaction.atomic
def dismiss_finding(*, finding: Finding, by: User, reason: str) -> Finding:
    """Say that the finding is none, on record. A later check keeps to it as long as the pair says the same.

    :raises ReasonRequired: no reason was given.
    :raises FindingDecided: it was decided meanwhile.
    """
    locked = _locked(finding, by)
    if not reason.strip():
        raise ReasonRequired("Say why this finding is none; it goes on record.", field="reason")
    return _decide(locked, State.DISMISSED, by, reason.strip())


def _locked(finding: Finding, by: User) -> Finding:
    """The open finding, locked behind its pair: the same order as that of a check."""
    QAPair.objects.select_for_update(of=("self",)).get(pk=finding.pair_id)
    locked = Finding.objects.select_for_update(of=("self",)).select_related("pair").get(pk=finding.pk)
    access.require(by, CHANGE, locked)
    if locked.state != State.OPEN:
        raise FindingDecided(
            f"“{kinds.label_of(locked.kind)}” on {locked.pair.item_ref} is {locked.get_state_display().lower()}; "
            "only open findings are decided. Reload to see who did what.",
            details={"state": locked.state},
        )
    return locked


def _tighten(finding: Finding, by: User, reason: str) -> ConstraintChange | None:
    """None where the pair is as strict already."""
    pair = finding.pair
    why = f"{kinds.label_of(finding.kind)} found by the quality check{f': {reason.strip()}' if reason.strip() else ''}"
    terms = Terms(
        allowed_uses=pair.allowed_uses,
        prohibited_uses=pair.prohibited_uses | finding.proposed_prohibited,
        data_classification=max(pair.data_classification, finding.proposed_classification),
        usage_reason=f"{pair.usage_reason}; {why}" if pair.usage_reason else why,
        permitted_until=pair.permitted_until,
    )
    if terms.constraint == pair.own_constraint:
        return None
    return constraints.tighten(row=pair, terms=terms, by=by)


def _decide(finding: Finding, state: str, by: User, reason: str) -> Finding:
    finding.state, finding.decided_by, finding.decided_at, finding.reason = state, by, timezone.now(), reason
    with context.because(reason or f"finding {state}", by=by):
        finding.save(update_fields=["state", "decided_by", "decided_at", "reason", "constraint_change"])
        rescore([finding.pair])
    return finding


@dataclass
class Outcome:
    """How many findings were decided, were left since they were not open, or were refused; the first 50 with why."""

    decided: int = 0
    left: int = 0
    refused: int = 0
    refusals: list[dict[str, str]] = field(default_factory=list)

    def refuse(self, finding: Finding, error: WorkbenchError) -> None:
        self.refused += 1
        if len(self.refusals) < REPORTED:
            said = {"finding": str(finding.pk), "item_ref": finding.pair.item_ref, "error": error.message}
            self.refusals.append(said)

    def as_json(self) -> dict[str, Any]:
        return {"decided": self.decided, "left": self.left, "refused": self.refused, "refusals": self.refusals}


def decide_many(*, findings: QuerySet[Finding], action: str, by: User, reason: str = "") -> Outcome | Job:
    """Accept or dismiss these findings: up to 100 at once, more as a job.

    :raises InvalidInput: no such action, or more than 20,000.
    :raises ReasonRequired: dismissing needs one.
    """
    access.require(by, CHANGE)
    if action not in ACTIONS:
        raise InvalidInput(f"{action!r} is no decision about findings; expected one of: {', '.join(ACTIONS)}.",
                           field="action")  # fmt: skip
    if action == DISMISS and not reason.strip():
        raise ReasonRequired("Say why these findings are none; it goes on record.", field="reason")
    ids = list(findings.visible_to(by).order_by("pk").values_list("pk", flat=True)[: AT_MOST + 1])  # type: ignore[attr-defined]
    if len(ids) > AT_MOST:
        raise InvalidInput(f"More than {AT_MOST:,} findings match. Narrow the filter.", field="findings")
    if len(ids) > AT_ONCE:
        payload = {"findings": [str(pk) for pk in ids], "action": action, "reason": reason}
        with transaction.atomic():
            return jobs.enqueue(DECIDE_KIND, subject=None, by=by, payload=payload)
    outcome = Outcome()
    decide_batch(ids=ids, action=action, by=by, reason=reason, outcome=outcome)
    return outcome


def decide_batch(*, ids: Sequence[Any], action: str, by: User, reason: str, outcome: Outcome) -> None:
    """Each by itself: one that cannot be decided is reported and keeps no other back."""
    rows = Finding.objects.visible_to(by).filter(pk__in=ids).select_related("pair").order_by("pair_id", "pk")
    for finding in rows:
        if finding.state != State.OPEN:
            outcome.left += 1
            continue
        service = accept_finding if action == ACCEPT else dismiss_finding
        try:
            service(finding=finding, by=by, reason=reason)
        except WorkbenchError as error:
            outcome.refuse(finding, error)
        else:
            outcome.decided += 1
