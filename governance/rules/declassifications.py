"""The only code that gives, ends and lets run out a declassification: leave to permit more than the sources do.

It is for what one tool makes, is asked for with a reason, ends, and is approved by a compliance officer who did not
ask for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from governance import access, constraints, context, derivations, desk, jobs, lifting, whatif
from governance.errors import ApprovalPending, InvalidInput, ReasonRequired, TransitionNotAllowed
from governance.models import ApprovalRequest, ConstrainedModel, Declassification, Derivation, DerivationParent
from governance.uses import Classification, Constraint, combine, uses_in

if TYPE_CHECKING:
    from governance.models import User

GATE = "declassify"
EXPIRY = "governance.end-declassifications"
DAYS_AT_MOST = 366

_words: dict[str, Callable[[str], str]] = {}


def name_scope(part: str, words: Callable[[str], str]) -> None:
    """An app says what to call the row behind one part of a scope, such as `template_version`, by its id."""
    _words[part] = words


@dataclass(frozen=True, kw_only=True)
class Leave:
    """What is asked for: uses to permit besides, the classification to come down to, until when, and why."""

    uses: int
    classification: int
    until: datetime
    reason: str


def scope_of(derivation: Derivation) -> dict[str, str]:
    """What leave for these rows would be for.

    :raises InvalidInput: they were made by more than one tool, or by none.
    """
    scope = derivation.scope
    if refusal := why_no_leave(derivation):
        raise InvalidInput(refusal, field="scope")
    return {name: scope[name] for name in (*lifting.TOOLS, "sheet") if name in scope}


def why_no_leave(derivation: Derivation) -> str:
    """Why leave cannot be asked for at these rows, with what to do instead; empty where it can."""
    if lifting.is_made_by_one_tool(derivation.scope):
        return ""
    if not derivation.scope.get(lifting.JOINED) and not lifting.tools_of(derivation.scope):
        return (
            "Leave is given for what a template or a labelset makes, and this was made by neither. Ask that the "
            "constraint of a source be relaxed instead."
        )
    return (
        "This was made from what several tools made, so leave for one of them would not reach it. Ask at a row that "
        "one template or one labelset made, and use that row; or ask that the constraint of a source be relaxed."
    )


def words_of(scope: dict[str, str]) -> str:
    """What a scope is called: “template Triage v2 on Sheet Visits”."""
    return " on ".join(_words[part](key) if part in _words else f"{part} {key}" for part, key in scope.items())


@transaction.atomic
def request_declassification(*, row: Any, leave: Leave, by: User) -> ApprovalRequest:
    """Ask that what the same tool makes from the same sources permit more than they do. `row` is one it made.

    :raises InvalidInput: nothing would be gained, the end is missing, past or too far, or the scope is none.
    :raises ReasonRequired: no reason was given.
    :raises ApprovalPending: it is asked for already.
    """
    access.require(by, "governance.request_relaxation", row)
    asked = _draft(row.derivation, leave, by)
    _check_not_asked(asked)
    asked.save()
    report = what_if(declassification=asked, by=by).as_json()
    return desk.request_approval(
        gate=GATE, subject=asked, by=by, reason=leave.reason, payload=shown(asked) | {"what_if": report}
    )


def _check_not_asked(asked: Declassification) -> None:
    waiting = ApprovalRequest.objects.filter(gate=GATE, state=ApprovalRequest.State.PENDING).values("object_id")
    if Declassification.objects.filter(pk__in=waiting, scope=asked.scope).exists():
        raise ApprovalPending(f"Leave for {asked.scope_label} is already asked for; withdraw that first.")


def what_if_given(*, row: Any, leave: Leave, by: User) -> whatif.WhatIf:
    """What such leave would change. Nothing is changed."""
    access.require(by, "governance.request_relaxation", row)
    with transaction.atomic():
        asked = _draft(row.derivation, leave, by)
        asked.save()
        report = what_if(declassification=asked, by=by)
        transaction.set_rollback(True)
    return report


def what_if(*, declassification: Declassification, by: User) -> whatif.WhatIf:
    """What it would change if it came into force now."""
    fresh = Declassification.objects.get(pk=declassification.pk)
    reached = [one.pk for one in _derivations_in(fresh)]
    return whatif.tried(partial(_start, fresh, by), below=lambda model: Q(derivation__in=reached), by=by)


def _draft(derivation: Derivation, leave: Leave, by: User) -> Declassification:
    _check(leave)
    scope = scope_of(derivation)
    sources = [one for one in derivations.origins_of(derivation) if _is_lifted(one, leave)]
    if not sources:
        raise InvalidInput(
            "The sources permit all of this already, up to that classification, so no leave is needed.", field="uses"
        )
    return Declassification(
        scope=scope,
        scope_label=words_of(scope)[:300],
        lifted=[_source(one) for one in sources],
        grants_uses=leave.uses,
        grants_classification=leave.classification,
        data_classification=Classification.PUBLIC,
        permitted_until=leave.until,
        usage_reason=leave.reason.strip(),
        requested_by=by,
    )


def _check(leave: Leave) -> None:
    if not leave.reason.strip():
        raise ReasonRequired("Say why: the approver decides on it and it goes on record.", field="reason")
    now = timezone.now()
    if not now < leave.until <= now + timedelta(days=DAYS_AT_MOST):
        raise InvalidInput(
            f"Leave ends: choose a moment after now and within {DAYS_AT_MOST} days; {leave.until:%Y-%m-%d} is not.",
            field="until",
        )


def _is_lifted(source: ConstrainedModel, leave: Leave) -> bool:
    own = source.own_constraint
    return bool(leave.uses & ~own.uses) or own.classification > leave.classification


def _source(one: ConstrainedModel) -> dict[str, Any]:
    own = one.own_constraint
    return {
        "kind": one._meta.label_lower, "id": str(one.pk), "label": f"{one.kind_word} {one}", "word": one.kind_word,
        "uses": own.uses, "classification": own.classification,
    }  # fmt: skip


def shown(one: Declassification) -> dict[str, Any]:
    """What the approver decides on; JSON-safe. Sources by kind and id: whoever asks may not see them by name."""
    return {
        "for": one.scope_label,
        "scope": one.scope,
        "permits": uses_in(one.grants_uses),
        "classification": Classification(one.grants_classification).label,
        "until": one.permitted_until.isoformat() if one.permitted_until else None,
        "reason": one.usage_reason,
        "lifted": [
            {
                "source": source.get("word") or str(apps.get_model(source["kind"])._meta.verbose_name),
                "id": source["id"],
                "permits now": uses_in(source["uses"]),
                "classification now": Classification(source["classification"]).label,
            }
            for source in one.lifted
        ],
    }


@transaction.atomic
def ask_again(one: Declassification, request: ApprovalRequest, by: User, reason: str) -> ApprovalRequest:
    """Ask once more for what came to nothing, with what it would change now."""
    access.require(by, "governance.request_relaxation", one)
    report = what_if(declassification=one, by=by).as_json()
    return desk.request_approval(gate=GATE, subject=one, by=by, reason=reason, payload=shown(one) | {"what_if": report})


def perform(one: Declassification, request: ApprovalRequest, by: User) -> None:
    """The gate's step: it comes into force, for what is made already and for what will be.

    :raises InvalidInput: its end has passed meanwhile.
    """
    check(one)
    _start(one, by)


def check(one: Declassification) -> None:
    """:raises InvalidInput: its end has passed, so it would permit nothing."""
    if one.permitted_until is None or one.permitted_until <= timezone.now():
        raise InvalidInput(
            f"This leave would have ended on {one.permitted_until:%Y-%m-%d %H:%M} UTC, which is past. Ask for it anew "
            "on “Why” of a row that it is for, with a later end.", field="until",
        )  # fmt: skip


def _start(one: Declassification, by: User) -> None:
    _hold_sources(one)
    one.approved_at = timezone.now()
    with context.because(one.usage_reason, by=by):
        one.save(update_fields=["approved_at"])
        DerivationParent.objects.bulk_create(
            DerivationParent(derivation=derivation, kind=lifting.KIND, object_id=one.pk)
            for derivation in _derivations_in(one)
        )
        constraints.record_change(one, *_before_and_after(one), by=by)


@transaction.atomic
def end(*, declassification: Declassification, reason: str, by: User) -> Declassification:
    """End it now; its sources bind again at once.

    :raises ReasonRequired: no reason was given.
    :raises TransitionNotAllowed: it is not in force.
    """
    access.require(by, "governance.tighten_constraint", declassification)
    if not reason.strip():
        raise ReasonRequired("Say why it ends; that goes on record.", field="reason")
    locked = Declassification.objects.select_for_update().get(pk=declassification.pk)
    if locked.standing != "in force":
        raise TransitionNotAllowed(f"This declassification is {locked.standing}; only one in force can be ended.")
    return _end(locked, reason.strip(), by)


def _end(one: Declassification, reason: str, by: User | None) -> Declassification:
    _hold_sources(one)
    granted, sources = reversed(_before_and_after(one))
    one.ended_at, one.end_reason = timezone.now(), reason
    with context.because(reason, by=by):
        one.save(update_fields=["ended_at", "end_reason"])
        constraints.record_change(one, granted, replace(sources, usage_reason=reason), by=by)
    return one


@jobs.register(EXPIRY, label="End declassifications that have run out", every="EXPIRY_EVERY")
def end_expired(running: jobs.Running) -> dict[str, Any]:
    """What rested on them permits nothing from that moment; from here on it permits what its sources do."""
    over = Declassification.objects.filter(
        approved_at__isnull=False, ended_at__isnull=True, permitted_until__lte=timezone.now()
    )
    ended = [_end_expired(pk) for pk in over.values_list("pk", flat=True)]
    return {"ended": sum(ended)}


@transaction.atomic
def _end_expired(pk: Any) -> bool:
    one = Declassification.objects.select_for_update().get(pk=pk)
    if one.ended_at is None:
        _end(one, f"ran out on {one.permitted_until:%Y-%m-%d}", None)
        return True
    return False


def _before_and_after(one: Declassification) -> tuple[constraints.Terms, constraints.Terms]:
    """What the lifted sources permit together, and what with this leave while it lasts."""
    together = combine(Constraint(source["uses"], source["classification"]) for source in one.lifted)
    granted = Constraint(together.uses | one.grants_uses, min(together.classification, one.grants_classification))
    return _terms(together, one.usage_reason), _terms(granted, one.usage_reason)


def _terms(permitted: Constraint, reason: str) -> constraints.Terms:
    return constraints.Terms(
        allowed_uses=permitted.uses, prohibited_uses=0, data_classification=permitted.classification,
        usage_reason=reason,
    )  # fmt: skip


def _hold_sources(one: Declassification) -> None:
    """Whoever makes a derivation from these sources now has done so before, or finds this change."""
    for kind in sorted({source["kind"] for source in one.lifted}):
        pks = [source["id"] for source in one.lifted if source["kind"] == kind]
        list(apps.get_model(kind)._default_manager.select_for_update().filter(pk__in=pks).order_by("pk").values("pk"))


def _derivations_in(one: Declassification) -> list[Derivation]:
    """Those that the scope names; one source at least is among their parents."""
    sources = [source["id"] for source in one.lifted]
    below = DerivationParent.objects.filter(object_id__in=sources).values("derivation")
    found: QuerySet[Derivation] = Derivation.objects.filter(pk__in=below).order_by("pk")
    return [derivation for derivation in found.iterator() if lifting.reaching(derivation.scope, [one])]
