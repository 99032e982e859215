"""The only code that changes a usage constraint. Tightening acts at once; relaxing asks a second person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from governance import access, context, derivations
from governance.errors import InvalidInput, LooserThanNow, ReasonRequired
from governance.models import Collection, ConstrainedModel, ConstraintChange, GovernedRow
from governance.uses import Classification, Constraint, classification_of, mask_of, uses_in

if TYPE_CHECKING:
    from governance.models import ApprovalRequest, User

RELAX_GATE = "constraint-relax"


@dataclass(frozen=True, kw_only=True)
class Terms:
    """A usage constraint as someone writes it."""

    allowed_uses: int
    prohibited_uses: int
    data_classification: int
    usage_reason: str
    permitted_until: datetime | None = None

    @classmethod
    def of(cls, row: ConstrainedModel) -> Terms:
        return cls(
            allowed_uses=row.allowed_uses,
            prohibited_uses=row.prohibited_uses,
            data_classification=row.data_classification,
            usage_reason=row.usage_reason,
            permitted_until=row.permitted_until,
        )

    @classmethod
    def parse(cls, data: dict[str, Any]) -> Terms:
        """From lists of names, as forms and JSON write them.

        :raises InvalidInput: an unknown use, classification or date, with its field.
        """
        until = data.get("permitted_until")
        moment = parse_datetime(until) if isinstance(until, str) else until
        if until and moment is None:
            raise InvalidInput(f"{until!r} is no date and time (ISO 8601).", field="permitted_until")
        return cls(
            allowed_uses=mask_of(data["allowed_uses"], field="allowed_uses"),
            prohibited_uses=mask_of(data["prohibited_uses"], field="prohibited_uses"),
            data_classification=classification_of(data["data_classification"]),
            usage_reason=str(data.get("usage_reason", "")).strip(),
            permitted_until=moment,
        )

    def as_json(self) -> dict[str, Any]:
        return {
            "allowed_uses": uses_in(self.allowed_uses),
            "prohibited_uses": uses_in(self.prohibited_uses),
            "data_classification": Classification(self.data_classification).label,
            "usage_reason": self.usage_reason,
            "permitted_until": self.permitted_until.isoformat() if self.permitted_until else None,
        }

    @property
    def constraint(self) -> Constraint:
        return Constraint(self.allowed_uses & ~self.prohibited_uses, self.data_classification, self.permitted_until)


def is_looser(row: ConstrainedModel, terms: Terms) -> bool:
    """Whether `terms` would permit anything that `row` does not permit by itself now."""
    return terms.constraint.is_looser_than(row.own_constraint)


@transaction.atomic
def tighten(*, row: ConstrainedModel, terms: Terms, by: User) -> ConstraintChange:
    """Make a constraint stricter, at once and for everything made from the row.

    :raises LooserThanNow: something would be permitted that is not permitted now.
    :raises ReasonRequired: no reason was given.
    :raises InvalidInput: it would have ended in the past.
    :raises NotPermitted: `by` may not tighten, or the row is not visible to them.
    """
    locked = type(row)._default_manager.select_for_update().get(pk=row.pk)
    access.require(by, "governance.tighten_constraint", locked, action=_right_needed(locked, by))
    _check(locked, terms)
    if is_looser(locked, terms):
        raise LooserThanNow(
            f"This would permit more for “{locked}” than now ({_words(locked.own_constraint)} → "
            f"{_words(terms.constraint)}). Ask for a relaxation; a compliance officer decides.",
            field="allowed_uses",
        )
    return apply_terms(row=locked, terms=terms, by=by)


def _right_needed(row: ConstrainedModel, by: User) -> str:
    """A collection binds everything made from it, so whoever may only see it may not close it; auditors may."""
    return "change" if isinstance(row, Collection) and not by.has_perm("governance.read_every_row") else "view"


@transaction.atomic
def request_relaxation(*, row: ConstrainedModel, terms: Terms, by: User) -> ApprovalRequest:
    """Ask that a constraint become looser; nothing changes until a compliance officer approves.

    :raises InvalidInput: the terms are not looser than now, so no approval is needed.
    """
    from governance import desk, whatif

    row = type(row)._default_manager.get(pk=row.pk)
    access.require(by, "governance.request_relaxation", row)
    _check(row, terms)
    if not is_looser(row, terms):
        raise InvalidInput(
            "These terms permit nothing new, so they need no approval: tighten instead.", field="allowed_uses"
        )
    # What the approver is shown includes what it would change, as far as the person who asks may see that.
    report = whatif.what_if(row=row, terms=terms, by=by).as_json()
    return desk.request_approval(
        gate=RELAX_GATE, subject=row, by=by, reason=terms.usage_reason, payload=terms.as_json() | {"what_if": report}
    )


def check_relaxation(row: ConstrainedModel, payload: dict[str, Any]) -> None:
    """:raises InvalidInput: what was asked for has ended while it waited, so it would permit nothing."""
    _check(row, Terms.parse(payload))


def perform_relaxation(row: ConstrainedModel, request: ApprovalRequest, by: User) -> None:
    """The gate's step: what was asked for and approved becomes the constraint.

    :raises InvalidInput: its end has passed meanwhile.
    """
    terms = Terms.parse(request.payload)
    check_relaxation(row, request.payload)
    apply_terms(row=type(row)._default_manager.select_for_update().get(pk=row.pk), terms=terms, by=by)


def apply_terms(*, row: ConstrainedModel, terms: Terms, by: User | None) -> ConstraintChange:
    """Write new terms on a locked row, record the change and reach everything downstream.

    Callers have checked rights; this is the one writer of constraint columns.
    """
    before = Terms.of(row)
    for name in ("allowed_uses", "prohibited_uses", "data_classification", "usage_reason", "permitted_until"):
        setattr(row, name, getattr(terms, name))
    fields = ["allowed_uses", "prohibited_uses", "data_classification", "usage_reason", "permitted_until"]
    if isinstance(row, GovernedRow):
        parent = getattr(row, row.row_parent) if row.row_parent else None
        derivations.set_effective(row, parent)
        fields += ["effective_uses", "effective_classification", "effective_until"]
    with context.because(terms.usage_reason, by=by):
        row.save(update_fields=fields)
        return record_change(row, before, terms, by=by)


def record_change(row: ConstrainedModel, before: Terms, after: Terms, *, by: User | None) -> ConstraintChange:
    """Put what was written to a locked row on record and let it reach everything downstream."""
    reached = derivations.recompute_below(row)
    change = put_on_record(row, f"{row.kind_word} {row}", before, after, reached=reached, by=by)
    for react in REACTIONS:
        react(change)
    return change


def put_on_record(
    subject: Any, label: str, before: Terms, after: Terms, *, reached: dict[str, int], by: User | None
) -> ConstraintChange:
    """One row of the list of constraint changes. `reached`: how many rows of each kind follow the change."""
    now = context.current()
    return ConstraintChange.objects.create(
        kind=subject._meta.label_lower,
        object_id=subject.pk,
        subject_label=label[:300],
        old_allowed=before.allowed_uses,
        new_allowed=after.allowed_uses,
        old_prohibited=before.prohibited_uses,
        new_prohibited=after.prohibited_uses,
        old_classification=before.data_classification,
        new_classification=after.data_classification,
        old_until=before.permitted_until,
        new_until=after.permitted_until,
        direction=_direction(before.constraint, after.constraint),
        reason=after.usage_reason,
        reached=reached,
        actor_id=by.pk if by else now.user_id,
        actor_name=by.display_name if by else now.name,
        door=now.door,
        request_id=now.request_id,
    )


def _direction(before: Constraint, after: Constraint) -> str:
    looser, tighter = after.is_looser_than(before), before.is_looser_than(after)
    if looser and tighter:
        return ConstraintChange.Direction.BOTH
    return ConstraintChange.Direction.RELAXED if looser else ConstraintChange.Direction.TIGHTENED


def _check(row: ConstrainedModel, terms: Terms) -> None:
    if not terms.usage_reason:
        raise ReasonRequired("A constraint changes only with a reason; it goes on record.", field="usage_reason")
    until = terms.permitted_until
    if until is not None and until != row.permitted_until and until <= timezone.now():
        raise InvalidInput(
            f"{until.isoformat()} is past. To end what is permitted now, prohibit the uses instead.",
            field="permitted_until",
        )


def _words(constraint: Constraint) -> str:
    uses = ", ".join(uses_in(constraint.uses)) or "no use"
    return f"{uses}; {Classification(constraint.classification).label}"


Reaction = Callable[[ConstraintChange], None]
REACTIONS: list[Reaction] = []


def on_change(reaction: Reaction) -> Reaction:
    """Register what an upper app does, in the same transaction, when a constraint has changed."""
    REACTIONS.append(reaction)
    return reaction
