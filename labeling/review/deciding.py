"""Decisions about sets of pairs of one Training Sheet. One pair is a set of one: there is no other way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone

from governance import context, derivations
from governance.constraints import Terms
from governance.errors import WorkbenchError
from governance.lifecycle import Transition
from governance.models import User
from labeling.generation.models import QAPair, TrainingSheet
from labeling.labels import contents
from labeling.labels.entries import Entry
from labeling.labels.models import CanonicalLabel
from labeling.labels.services import record_labels
from labeling.review import claims
from labeling.review.errors import NoAnswerYet, NotApproved
from labeling.review.models import PairDecision
from labeling.review.prompts import check_messages
from labeling.review.transitions import APPROVE, FLAG, REJECT, REOPEN
from labeling.schemas.validation import validate_answer

Action = PairDecision.Action
STEPS: dict[str, Transition] = {Action.REJECT: REJECT, Action.FLAG: FLAG, Action.REOPEN: REOPEN}
BATCH = 500
DECIDED = (
    "status", "prompt_id", "answer_id", "canonical_label_id", "canonical_version", "derivation_id",
    "effective_uses", "effective_classification", "effective_until", "reviewed_by_id", "reviewed_at",
    "review_notes", "version", "work_state", "error", "is_golden",
)  # fmt: skip


@dataclass(frozen=True)
class Edit:
    """What a reviewer changed; None leaves it as it is."""

    data: Any = None
    messages: list[dict[str, Any]] | None = None


@dataclass(frozen=True)
class Refusal:
    """A pair that was not decided, and why."""

    pair: QAPair
    error: WorkbenchError

    def as_json(self) -> dict[str, str]:
        return {"pair": str(self.pair.pk), "item_ref": self.pair.item_ref, "error": self.error.message}


@dataclass
class Decider:
    """Decides locked pairs of a locked Training Sheet, in the caller's transaction."""

    sheet: TrainingSheet
    by: User
    notes: str = ""
    confidence: str = CanonicalLabel.Confidence.HIGH
    now: datetime = field(default_factory=timezone.now)
    _before: dict[UUID, dict[str, Any]] = field(default_factory=dict)

    def decide(
        self, action: str, pairs: Sequence[QAPair], edits: Mapping[UUID, Edit] | None = None
    ) -> list[Refusal]:
        """Decide each pair that can be; returns those that cannot."""
        for pair in pairs:
            self._remember(pair)
        if action in {Action.APPROVE, Action.EDIT}:
            return self._approve(pairs, edits or {})
        return self._step(pairs, action)

    def _step(self, pairs: Sequence[QAPair], action: str) -> list[Refusal]:
        step, refused = STEPS[action], []
        for pair in pairs:
            try:
                step.apply(pair)
            except WorkbenchError as error:
                refused.append(Refusal(pair, error))
        decided = _without(pairs, refused)
        for pair in decided:
            self._sign(pair)
        self._save(decided, action)
        return refused

    def _approve(self, pairs: Sequence[QAPair], edits: Mapping[UUID, Edit]) -> list[Refusal]:
        refused, answers, bodies = [], {}, dict[str, Any]()
        for pair in pairs:
            try:
                answers[pair.pk] = self._accepted(pair, edits.get(pair.pk, Edit()), bodies)
            except WorkbenchError as error:
                refused.append(Refusal(pair, error))
        decided = _without(pairs, refused)
        contents.keep(bodies)
        self._record_labels(decided, answers)
        for pair in decided:
            pair.work_state, pair.error = QAPair.Work.DONE, ""
            self._sign(pair)
        self._save(decided, Action.APPROVE)
        return refused

    def _accepted(self, pair: QAPair, edit: Edit, bodies: dict[str, Any]) -> Any:
        """The answer that is approved; puts it and an edited prompt on the pair.

        :raises SchemaViolation: the answer does not fit; says where.
        :raises ContentErased: what would be approved was erased.
        """
        APPROVE.check(pair)
        if edit.data is None and pair.answer is None:
            raise NoAnswerYet("This pair has no answer yet. Write one, then approve.", field="data")
        if edit.data is None:
            contents.require_whole(pair.answer, "answer of this pair")  # type: ignore[arg-type]
        if edit.messages is None:
            contents.require_whole(pair.prompt, "prompt of this pair")
        data = pair.answer.body if edit.data is None else edit.data  # type: ignore[union-attr]
        validate_answer(data, self.sheet.template_version.output_schema)
        if self.sheet.labelset_version is not None:
            validate_answer(data, self.sheet.labelset_version.response_schema)
        messages = pair.messages if edit.messages is None else edit.messages
        if edit.messages is not None or not messages:
            check_messages(messages, pair.messages)
        prompt = {"messages": messages}
        pair.prompt_id, pair.answer_id = contents.digest(prompt), contents.digest(data)
        if edit != Edit():
            contents.refuse_erased([pair.prompt_id, pair.answer_id])
        bodies |= {pair.prompt_id: prompt, pair.answer_id: data}
        APPROVE.apply(pair)
        return data

    def _record_labels(self, pairs: Sequence[QAPair], answers: Mapping[UUID, Any]) -> None:
        """Without a labelset a pair is approved on its own, and no label is made."""
        version = self.sheet.labelset_version
        if version is None or not pairs:
            return
        labels = record_labels(
            sheet=self.sheet.sheet,
            label_type=self.sheet.label_type,
            labelset_version=version,
            entries=[self._entry(pair, answers[pair.pk]) for pair in pairs],
            by=self.by,
        )
        for pair in pairs:
            link(pair, labels[pair.item_ref], labels[pair.item_ref].derivation)

    def _entry(self, pair: QAPair, data: Any) -> Entry:
        return Entry(
            item_ref=pair.item_ref,
            data=data,
            derivation=pair.derivation,
            seen_digest=pair.seen_digest,
            confidence=self.confidence,
            notes=self.notes,
            terms=_own_terms(pair),
        )

    def _sign(self, pair: QAPair) -> None:
        is_open = pair.status == QAPair.Status.UNLABELED
        pair.reviewed_by = None if is_open else self.by
        pair.reviewed_at = None if is_open else self.now
        pair.review_notes = self.notes
        pair.version += 1

    def _save(self, pairs: Sequence[QAPair], action: str) -> None:
        if not pairs:
            return
        for pair in pairs:
            pair.is_golden = pair.is_golden and self._is_as_vouched(pair)
        _write(pairs)
        claims.release_decided([pair.pk for pair in pairs])
        PairDecision.objects.bulk_create([self._decision(pair, action) for pair in pairs], batch_size=BATCH)

    def _is_as_vouched(self, pair: QAPair) -> bool:
        """Whether the answer that was called golden is still the approved one."""
        before = self._before[pair.pk]
        same = (pair.prompt_id, pair.answer_id) == (before["old_prompt_id"], before["old_answer_id"])
        return same and pair.status == QAPair.Status.LABELED

    def _decision(self, pair: QAPair, action: str) -> PairDecision:
        before, now = self._before[pair.pk], context.current()
        was_edited = (pair.prompt_id, pair.answer_id) != (before["old_prompt_id"], before["old_answer_id"])
        return PairDecision(
            pair=pair,
            action=Action.EDIT if action == Action.APPROVE and was_edited else action,
            new_status=pair.status,
            new_prompt_id=pair.prompt_id,
            new_answer_id=pair.answer_id,
            notes=self.notes,
            decided_by=self.by,
            door=now.door,
            request_id=now.request_id,
            **before,
        )

    def undo(self, pair: QAPair, decision: PairDecision) -> None:
        """Bring a pair back to what it was before this decision; its label stays until it is decided anew."""
        self._remember(pair)
        REOPEN.apply(pair)
        pair.prompt_id, pair.answer_id = decision.old_prompt_id, decision.old_answer_id
        self._sign(pair)
        self._save([pair], Action.REOPEN)

    def mark(self, pair: QAPair, *, is_golden: bool) -> None:
        """Vouch for an approved answer as a reference, or no longer.

        :raises NotApproved: the pair is not approved.
        """
        if pair.status != QAPair.Status.LABELED:
            raise NotApproved(
                f"Only an approved pair can be golden; {pair.item_ref} is {pair.get_status_display()}. "
                "Approve it first, or as golden at once."
            )
        if pair.is_golden == is_golden:
            return
        self._remember(pair)
        pair.is_golden = is_golden
        QAPair.objects.filter(pk=pair.pk).update(is_golden=is_golden)
        self._keep(pair, Action.GOLDEN if is_golden else Action.UNGOLDEN)

    def edit_prompt(self, pair: QAPair, messages: list[dict[str, Any]]) -> None:
        """Change the prompt of a pair that is still to decide.

        :raises PromptNotUsable: says which message and what was expected.
        :raises TransitionNotAllowed: it is decided.
        :raises ContentErased: this prompt was erased once.
        """
        APPROVE.check(pair)
        check_messages(messages, pair.messages)
        self._remember(pair)
        prompt = {"messages": messages}
        contents.refuse_erased([contents.digest(prompt)])
        contents.keep({contents.digest(prompt): prompt})
        pair.prompt_id, pair.version = contents.digest(prompt), pair.version + 1
        QAPair.objects.filter(pk=pair.pk).update(prompt=pair.prompt_id, version=pair.version)
        self._keep(pair, Action.PROMPT)

    def note(self, pair: QAPair) -> None:
        """Leave a note in the pair's history; nothing else changes."""
        self._remember(pair)
        self._keep(pair, Action.NOTE)

    def _keep(self, pair: QAPair, action: str) -> None:
        self._decision(pair, action).save(force_insert=True)

    def take_label(self, pair: QAPair) -> None:
        """Bring a pair to the newest version of its label.

        :raises SchemaViolation: the new answer does not fit the template.
        :raises ContentErased: it was erased.
        """
        label = pair.canonical_label
        self._remember(pair)
        contents.require_whole(label.content, "canonical label")  # type: ignore[union-attr]
        validate_answer(label.data, self.sheet.template_version.output_schema)  # type: ignore[union-attr]
        pair.answer_id = label.content_id  # type: ignore[union-attr]
        link(pair, label, derivations.joined(label.derivation, pair.derivation))  # type: ignore[arg-type,union-attr]
        self._sign(pair)
        self._save([pair], Action.APPROVE)

    def _remember(self, pair: QAPair) -> None:
        self._before[pair.pk] = {
            "old_status": pair.status,
            "old_prompt_id": pair.prompt_id,
            "old_answer_id": pair.answer_id,
        }


def _write(pairs: Sequence[QAPair]) -> None:
    """One UPDATE for what all of them share, and a case for each row only where they differ."""
    values = {name: {getattr(pair, name) for pair in pairs} for name in DECIDED}
    shared = {name: next(iter(found)) for name, found in values.items() if len(found) == 1}
    if "canonical_label_id" not in shared:
        shared.pop("canonical_version", None)  # a check wants label and version set in one statement
    if differing := [name.removesuffix("_id") for name in DECIDED if name not in shared]:
        QAPair.objects.bulk_update(pairs, differing, batch_size=BATCH)
    QAPair.objects.filter(pk__in=[pair.pk for pair in pairs]).update(**shared)


def link(pair: QAPair, label: CanonicalLabel, derivation: Any) -> None:
    """Tie a pair to a label's present version: what binds the label binds the pair."""
    pair.canonical_label, pair.canonical_version = label, label.version
    pair.derivation = derivation
    derivations.set_effective(pair, label)


def _own_terms(pair: QAPair) -> Terms | None:
    """The pair's own constraint, where someone gave it one: the label takes it along."""
    own = Terms.of(pair)
    return None if own.constraint == Terms.of(QAPair()).constraint else own


def _without(pairs: Sequence[QAPair], refused: Sequence[Refusal]) -> list[QAPair]:
    left_out = {refusal.pair.pk for refusal in refused}
    return [pair for pair in pairs if pair.pk not in left_out]
