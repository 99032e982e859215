"""The only code that changes a tag rule. Stricter acts at once on what carries the tag; looser asks a second person."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Q, QuerySet

from governance import access, constraints, context, derivations, desk, tags, whatif
from governance.errors import InvalidInput, LooserThanNow, ReasonRequired
from governance.models import TagRule
from governance.uses import ALL_USES, Classification, Constraint, classification_of, mask_of, uses_in

if TYPE_CHECKING:
    from governance.models import ApprovalRequest, GovernedRow, User

GATE = "tag-rule-relax"
TAG = re.compile(r"[A-Z][A-Z0-9_.:-]{0,63}")

Carriers = Callable[[str], QuerySet[Any]]
_carriers: list[Carriers] = []


def register_carriers(carriers: Carriers) -> None:
    """An app says which of its constrained rows carry a tag; each has `.tags`, a list of names."""
    _carriers.append(carriers)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What a tag permits, as someone writes it."""

    allowed_uses: int
    data_classification: int
    reason: str

    @classmethod
    def of(cls, rule: TagRule) -> Rule:
        return cls(
            allowed_uses=rule.allowed_uses, data_classification=rule.data_classification, reason=rule.reason
        )

    @classmethod
    def parse(cls, data: dict[str, Any]) -> Rule:
        """From names, as forms and JSON write them.

        :raises InvalidInput: an unknown use or classification, with its field.
        """
        return cls(
            allowed_uses=mask_of(data["allowed_uses"], field="allowed_uses"),
            data_classification=classification_of(data["data_classification"]),
            reason=str(data["reason"]).strip(),
        )

    def as_json(self) -> dict[str, Any]:
        return {
            "allowed_uses": uses_in(self.allowed_uses),
            "data_classification": Classification(self.data_classification).label,
            "reason": self.reason,
        }

    @property
    def constraint(self) -> Constraint:
        return Constraint(self.allowed_uses, self.data_classification)

    def as_terms(self) -> constraints.Terms:
        """As a constraint of the tag itself, for the list of changes."""
        return constraints.Terms(
            allowed_uses=self.allowed_uses, prohibited_uses=0, data_classification=self.data_classification,
            usage_reason=self.reason,
        )  # fmt: skip


NO_RULE = Rule(allowed_uses=ALL_USES, data_classification=Classification.PUBLIC, reason="")


@transaction.atomic
def add_rule(*, tag: str, terms: Rule, by: User) -> TagRule:
    """Give a tag a meaning; it binds at once what carries the tag.

    :raises InvalidInput: it has a rule already, or its name is no tag.
    """
    access.require(by, "governance.add_tagrule")
    tag = tag.strip().upper()
    if not TAG.fullmatch(tag):
        raise InvalidInput(
            f"{tag!r} is no tag; expected a letter, then letters, digits, _ . : or -, at most 64.", field="tag"
        )
    _require_reason(terms)
    tags.hold_rules()
    if TagRule.objects.filter(tag=tag).exists():
        raise InvalidInput(f"Tag {tag} has a rule already; change that one.", field="tag")
    return _write(TagRule(tag=tag), NO_RULE, terms, by)


@transaction.atomic
def tighten_rule(*, rule: TagRule, terms: Rule, by: User) -> TagRule:
    """Make a rule stricter, at once and for everything that carries its tag.

    :raises LooserThanNow: something would be permitted that is not permitted now.
    """
    access.require(by, "governance.change_tagrule", rule)
    _require_reason(terms)
    locked = _locked(rule)
    if is_looser(locked, terms):
        raise LooserThanNow(
            f"This would permit more for tag {locked} than now. Ask for a relaxation; a compliance officer decides.",
            field="allowed_uses",
        )
    return _write(locked, Rule.of(locked), terms, by)


@transaction.atomic
def request_relaxed_rule(*, rule: TagRule, terms: Rule, by: User) -> ApprovalRequest:
    """Ask that a rule become looser; nothing changes until a compliance officer approves.

    :raises InvalidInput: the terms permit nothing new, so no approval is needed.
    """
    access.require(by, "governance.change_tagrule", rule)
    _require_reason(terms)
    if not is_looser(rule, terms):
        raise InvalidInput(
            "These terms permit nothing new, so they need no approval: tighten instead.", field="allowed_uses"
        )
    report = what_if(rule=rule, terms=terms, by=by).as_json()
    return desk.request_approval(
        gate=GATE, subject=rule, by=by, reason=terms.reason, payload=terms.as_json() | {"what_if": report}
    )


def ask_again(rule: TagRule, request: ApprovalRequest, by: User, reason: str) -> ApprovalRequest:
    """Ask once more for what came to nothing."""
    return request_relaxed_rule(rule=rule, terms=Rule.parse(request.payload | {"reason": reason}), by=by)


def perform_relaxation(rule: TagRule, request: ApprovalRequest, by: User) -> None:
    """The gate's step: what was asked for and approved becomes the rule."""
    locked = _locked(rule)
    _write(locked, Rule.of(locked), Rule.parse(request.payload), by)


def is_looser(rule: TagRule, terms: Rule) -> bool:
    """Whether `terms` would permit anything that the rule does not permit now."""
    return terms.constraint.is_looser_than(Rule.of(rule).constraint)


def what_if(*, rule: TagRule, terms: Rule, by: User) -> whatif.WhatIf:
    """What `terms` would change for everything made from what carries the tag. Nothing is changed.

    `rule` may be one that is not saved yet.
    """
    adding = rule._state.adding
    access.require(by, "governance.add_tagrule" if adding else "governance.change_tagrule")
    with transaction.atomic():
        tried = TagRule(tag=rule.tag) if adding else _locked(rule)
        carrying = [(row._meta.label_lower, row.pk) for row in _carrying(tried.tag)]
        change = partial(_write, tried, NO_RULE if adding else Rule.of(tried), terms, by)
        answer = whatif.tried(change, below=partial(_below, carrying), by=by)
        transaction.set_rollback(True)
    return answer


def _below(carrying: list[tuple[str, Any]], model: type[GovernedRow]) -> Q:
    found = Q(pk__in=[])
    for kind in {kind for kind, _ in carrying}:
        found |= Q(derivation__in=whatif.derived_from(kind, [pk for one, pk in carrying if one == kind]))
    return found


def _write(rule: TagRule, before: Rule, terms: Rule, by: User) -> TagRule:
    rules = tags.rules_by_tag()
    followers = {row.pk for row in _carrying(rule.tag) if _says_what_its_tags_say(row, rules)}
    rule.allowed_uses, rule.data_classification = terms.allowed_uses, terms.data_classification
    rule.reason = terms.reason
    with context.because(terms.reason, by=by):
        rule.save()
    rules[rule.tag] = rule
    carrying = _carrying(rule.tag)
    wanted = [_following(row, rules) if row.pk in followers else _keeping(row, rule, before, terms) for row in carrying]
    changed = [(row, new) for row, new in zip(carrying, wanted, strict=True) if new.constraint != row.own_constraint]
    kinds = Counter(str(row._meta.verbose_name_plural) for row, _ in changed)
    constraints.put_on_record(rule, f"tag {rule.tag}", before.as_terms(), terms.as_terms(), reached=dict(kinds), by=by)
    for row, new in changed:
        constraints.apply_terms(row=row, terms=new, by=by)
    return rule


def _following(row: Any, rules: Mapping[str, TagRule]) -> constraints.Terms:
    """A row that says exactly what its tags say follows their rules, stricter or looser."""
    wanted, reason = tags.constraint_for(row.tags, rules)
    return constraints.Terms(
        allowed_uses=wanted.uses,
        prohibited_uses=row.prohibited_uses,
        data_classification=wanted.classification,
        usage_reason=reason,
    )


def _keeping(row: Any, rule: TagRule, before: Rule, terms: Rule) -> constraints.Terms:
    """Any other row gets only what became stricter: an approved relaxation of it outlives a change of the rule, and
    it loses nothing that was added by hand."""
    wanted = row.own_constraint.meet(_stricter(before, terms))
    return constraints.Terms(
        allowed_uses=row.allowed_uses & (wanted.uses | row.prohibited_uses),
        prohibited_uses=row.prohibited_uses,
        data_classification=wanted.classification,
        usage_reason="; ".join(filter(None, [row.usage_reason, f"tag {rule.tag}: {terms.reason}"])),
        permitted_until=row.permitted_until,
    )


def _stricter(before: Rule, after: Rule) -> Constraint:
    """Only what `after` takes away."""
    lost = before.allowed_uses & ~after.allowed_uses
    raised = after.data_classification > before.data_classification
    return Constraint(ALL_USES & ~lost, after.data_classification if raised else Classification.PUBLIC)


def _says_what_its_tags_say(row: Any, rules: Mapping[str, TagRule]) -> bool:
    return bool(row.own_constraint == tags.constraint_for(row.tags, rules)[0] and not row.prohibited_uses)


def _carrying(tag: str) -> list[Any]:
    """The rows that carry the tag, locked, in the order of their keys."""
    return [row for carriers in _carriers for row in carriers(tag).select_for_update().order_by("pk")]


def keys_carrying(tag: str) -> list[derivations.Key]:
    """Kind and id of each row that carries the tag now."""
    found = (carriers(tag).order_by("pk") for carriers in _carriers)
    return [(rows.model._meta.label_lower, pk) for rows in found for pk in rows.values_list("pk", flat=True)]


def _locked(rule: TagRule) -> TagRule:
    tags.hold_rules()
    return TagRule.objects.select_for_update().get(pk=rule.pk)


def _require_reason(terms: Rule) -> None:
    if not terms.reason:
        raise ReasonRequired("A tag rule changes only with a reason; it goes on record.", field="reason")
