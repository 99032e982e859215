"""Stage 2 of generation: waiting pairs are claimed, a model is asked, answers are written batch by batch."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from governance import leases
from governance.errors import WorkbenchError
from governance.jobs import Running
from labeling.generation.enumerating import finished
from labeling.generation.inheriting import bind
from labeling.generation.models import Mode, QAPair, TrainingSheet
from labeling.generation.recipes import Recipe
from labeling.labels import contents
from labeling.labels.models import ERASED
from labeling.prompts.files import reader_of
from labeling.schemas.errors import AnswerUnreadable
from labeling.schemas.validation import parse_answer, validate_answer
from workbench.endpoints.port import Answer, Question
from workbench.endpoints.services import answer_all
from workbench.sheets import selectors as sheets

CLAIMED_AT_ONCE = 500
WRITTEN_AT_ONCE = 50
WRITE_AFTER_SECONDS = 2.0
STARTS_WITH = 100  # characters shown of an answer that cannot be read
WRITTEN = (
    "answer", "ai_confidence", "model_facts", "error", "work_state", "lease_owner", "lease_until", "derivation",
)  # fmt: skip


class Answering:
    """Asks for the answers of one Training Sheet on behalf of one running job."""

    def __init__(self, running: Running, sheet: TrainingSheet, recipe: Recipe) -> None:
        self.running = running
        self.sheet = sheet
        self.recipe = recipe
        self.total = sheet.pairs.count()
        self.done = finished(sheet)
        self.pending: list[Answer] = []
        self.written_at = time.monotonic()

    def run(self) -> None:
        self._take_back()
        while pairs := self._claim():
            answer_all(
                endpoint=self.recipe.model,
                questions=self._questions(pairs),
                on_answer=self._collect,
                load_bytes=reader_of(self.recipe.sheet_version),
            )
            self._write()

    def _take_back(self) -> None:
        """Pairs that an earlier run left half-way. Only one worker holds the job, so those are nobody's."""
        with transaction.atomic():
            self.running.hold()
            release(self.sheet)

    @transaction.atomic
    def _claim(self) -> list[QAPair]:
        self.running.hold()
        waiting = self.sheet.pairs.filter(work_state=QAPair.Work.TODO, labeling_mode=Mode.AI_GENERATED)
        chosen = (
            waiting.order_by("position").select_for_update(skip_locked=True).values("pk")[:CLAIMED_AT_ONCE]
        )
        QAPair.objects.filter(pk__in=chosen).update(
            work_state=QAPair.Work.LEASED,
            lease_owner=self.running.owner,
            lease_until=timezone.now() + timedelta(seconds=leases.LEASE_SECONDS),
            attempts=F("attempts") + 1,
        )
        mine = self.sheet.pairs.filter(work_state=QAPair.Work.LEASED, lease_owner=self.running.owner)
        return list(mine.select_related("prompt", "derivation").order_by("position"))

    def _questions(self, pairs: Sequence[QAPair]) -> list[Question]:
        rows = sheets.items_by_ref(self.recipe.sheet_version, [pair.item_ref for pair in pairs])
        return [question_of(pair, self.recipe, rows.get(pair.item_ref, {})) for pair in pairs]

    def _collect(self, answer: Answer) -> None:
        self.pending.append(answer)
        is_due = time.monotonic() - self.written_at > WRITE_AFTER_SECONDS
        if is_due or len(self.pending) >= WRITTEN_AT_ONCE:
            self._write()

    def _write(self) -> None:
        """Store what has arrived, fenced by the lease, then say how far the work is.

        :raises JobCancelled: someone asked to cancel; what has arrived is kept.
        """
        if self.pending:
            self.done += self._store({answer.key: answer for answer in self.pending})
            self.pending = []
        self.written_at = time.monotonic()
        self.running.progress(self.done, self.total)

    @transaction.atomic
    def _store(self, answers: dict[str, Answer]) -> int:
        self.running.hold()
        mine = QAPair.objects.filter(pk__in=list(answers), lease_owner=self.running.owner)
        pairs = list(mine.select_for_update(of=("self",)).select_related("derivation").order_by("pk"))
        bodies: dict[str, Any] = {}
        for pair in pairs:
            apply_answer(pair, answers[str(pair.pk)], self.recipe, bodies)
        _refuse_erased(pairs, bodies)
        bind(pairs, answers)
        contents.keep(bodies)
        QAPair.objects.bulk_update(pairs, WRITTEN, batch_size=WRITTEN_AT_ONCE)
        return len(pairs)


def release(sheet: TrainingSheet) -> int:
    """Give back every claimed pair of this Training Sheet."""
    claimed = sheet.pairs.filter(work_state=QAPair.Work.LEASED)
    return claimed.update(work_state=QAPair.Work.TODO, lease_owner="", lease_until=None)


def question_of(pair: QAPair, recipe: Recipe, row: dict[str, Any]) -> Question:
    """What a model is asked for one pair; of the item it sees the columns that the pair is made from."""
    columns, labelset = recipe.columns, recipe.labelset_version
    return Question(
        key=str(pair.pk),
        messages=pair.messages,
        output_schema=dict(recipe.schema),
        classification=max(pair.effective_classification, pair.derivation.classification),
        temperature=recipe.template_version.temperature,
        max_tokens=recipe.template_version.max_tokens,
        context={
            "sheet_id": str(recipe.sheet.pk),
            "item_ref": pair.item_ref,
            "label_type": recipe.label_type_id,
            "labelset_id": str(labelset.labelset_id) if labelset else "",
            "row": {name: value for name, value in row.items() if columns is None or name in columns},
        },
    )


def apply_answer(pair: QAPair, answer: Answer, recipe: Recipe, bodies: dict[str, Any]) -> None:
    """Put an answer on its pair; `bodies` collects what must be stored. The raw text is always kept."""
    pair.work_state, pair.lease_owner, pair.lease_until = QAPair.Work.DONE, "", None
    pair.ai_confidence = answer.confidence
    pair.model_facts = _facts(answer, recipe)
    pair.error = answer.error or _take_data(pair, answer.text, recipe, bodies)
    if pair.error:
        pair.work_state = QAPair.Work.FAILED


def _refuse_erased(pairs: Sequence[QAPair], bodies: dict[str, Any]) -> None:
    """An answer that was erased does not come back from a model."""
    erased = contents.erased_among(bodies, what="answer")
    for pair in pairs:
        if pair.answer_id in erased:
            pair.error, pair.work_state = erased[pair.answer_id].message, QAPair.Work.FAILED
            pair.answer_id, pair.model_facts = None, pair.model_facts | {"raw": ERASED}
    for key in erased:
        del bodies[key]


def _take_data(pair: QAPair, text: str, recipe: Recipe, bodies: dict[str, Any]) -> str:
    """The reason why `text` is no answer, or nothing. Data that does not fit is kept, for a reviewer to mend."""
    try:
        data = parse_answer(text, recipe.schema)
        key = contents.digest(data)
        bodies[key] = data
        pair.answer_id = key
        validate_answer(data, recipe.schema)
    except AnswerUnreadable as error:
        return _unreadable(error, text)
    except WorkbenchError as error:
        return error.message
    return ""


def _unreadable(error: AnswerUnreadable, text: str) -> str:
    """Who may see the pair may see what the model wrote for it."""
    start = " ".join(text[:STARTS_WITH].split())
    shown = f" It begins “{start}{'…' if len(text) > STARTS_WITH else ''}”." if start else ""
    return (
        f"{error.message}{shown} Write the answer in review, or retry it; if many fail, say in the template that only "
        "JSON is wanted, or choose a model that takes a response format."
    )


def _facts(answer: Answer, recipe: Recipe) -> dict[str, Any]:
    return {
        **answer.facts,
        "raw": _storable(answer.text),
        "endpoint": recipe.model.name,
        "model": recipe.model.model_name,
        "tokens_in": answer.tokens_in,
        "tokens_out": answer.tokens_out,
        "seconds": round(answer.seconds, 3),
    }


def _storable(text: str) -> str:
    """A model's text as a database keeps it: no NUL, no half surrogate pairs."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
