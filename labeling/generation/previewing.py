"""The first pairs of a recipe as they would be made. Nothing is saved, and a model is asked only on request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from governance import outbound
from governance.models import Derivation
from governance.uses import Classification
from labeling.generation.answering import apply_answer, question_of
from labeling.generation.drafting import Drafter
from labeling.generation.models import Mode, QAPair
from labeling.generation.recipes import Recipe, derivation_of
from labeling.labels.selectors import in_force, labels_for
from labeling.prompts.files import reader_of
from workbench.endpoints.port import Answer
from workbench.endpoints.services import answer_all
from workbench.sheets import selectors as sheets
from workbench.sheets.selectors import Item


@dataclass(frozen=True)
class PreviewPair:
    """One pair as it would be made; `has_answer` tells an answer of null from none."""

    ref: str
    messages: list[dict[str, Any]]
    origin: str
    has_answer: bool = False
    answer: Any = None
    error: str = ""
    not_reused_because: str = ""


@dataclass(frozen=True)
class Preview:
    """`columns` is None where all columns count as used; `labels` are those in force on the Sheet."""

    pairs: list[PreviewPair]
    items: int
    labels: int
    columns: list[str] | None
    uses: int
    classification: int
    warnings: list[str] = field(default_factory=list)


def preview_of(recipe: Recipe, *, limit: int, ask: bool) -> Preview:
    batches = sheets.iter_items(recipe.sheet_version, batch_size=limit, sample_size=recipe.sample_size)
    items = next(iter(batches), [])[:limit]
    derivation, pairs = _drafted(recipe, items)
    if ask and recipe.mode == Mode.AI_GENERATED:
        _ask(recipe, pairs, {item.ref: item.row for item in items})
    columns = recipe.columns
    return Preview(
        pairs=[_shown(pair) for pair in pairs],
        items=sheets.count_items(recipe.sheet_version, recipe.sample_size),
        labels=in_force().filter(sheet=recipe.sheet, label_type=recipe.label_type_id).count(),
        columns=None if columns is None else sorted(columns),
        uses=derivation.uses,
        classification=derivation.classification,
        warnings=_warnings(recipe, derivation),
    )


def _drafted(recipe: Recipe, items: list[Item]) -> tuple[Derivation, list[QAPair]]:
    """The pairs, and what they would derive from; all is rolled back, so that looking leaves nothing behind."""
    with transaction.atomic():
        derivation = derivation_of(recipe)
        drafter = Drafter(recipe, derivation)
        labels = labels_for(recipe.sheet, recipe.label_type_id, [item.ref for item in items])
        pairs = drafter.pairs(items, drafter.prompts(items), labels, 0)
        transaction.set_rollback(True)
    return derivation, pairs


def _ask(recipe: Recipe, pairs: list[QAPair], rows: dict[str, dict[str, Any]]) -> None:
    waiting = {str(pair.pk): pair for pair in pairs if pair.work_state == QAPair.Work.TODO}
    answers: list[Answer] = []
    questions = [question_of(pair, recipe, rows[pair.item_ref]) for pair in waiting.values()]
    load = reader_of(recipe.sheet_version)
    answer_all(endpoint=recipe.model, questions=questions, on_answer=answers.append, load_bytes=load)
    bodies: dict[str, Any] = {}
    for answer in answers:
        pair = waiting[answer.key]
        apply_answer(pair, answer, recipe, bodies)
        pair.preview_bodies = bodies  # type: ignore[attr-defined]


def _shown(pair: QAPair) -> PreviewPair:
    return PreviewPair(
        ref=pair.item_ref,
        messages=pair.messages,
        origin=pair.labeling_mode,
        has_answer=pair.answer_id is not None,
        answer=_answer_body(pair),
        error=pair.error,
        not_reused_because=pair.not_reused_because,
    )


def _answer_body(pair: QAPair) -> Any:
    asked: dict[str, Any] = getattr(pair, "preview_bodies", {})
    if pair.answer_id in asked:
        return asked[pair.answer_id]
    return pair.answer.body if pair.answer is not None else None


def _warnings(recipe: Recipe, derivation: Derivation) -> list[str]:
    """What would go wrong for every pair; said before anything is made."""
    found = []
    endpoint = recipe.endpoint
    if endpoint is not None and not outbound.may_receive(endpoint, derivation.classification):
        found.append(
            f"The pairs are {Classification(derivation.classification).label}, and “{endpoint}” may receive "
            f"{Classification(endpoint.max_classification).label} at most: nothing would be sent, and every "
            "pair without a label would fail."
        )
    if recipe.labelset_version is None:
        found.append(
            f"No labelset answers for {recipe.label_type_id} on this Sheet, so approving a pair will make no "
            "label that could be reused. Bind a labelset first."
        )
    return found
