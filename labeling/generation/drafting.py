"""From items to pairs, in memory: a canonical label wins, else the mode decides. Nothing is saved here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from governance import derivations
from governance.errors import WorkbenchError
from governance.models import Derivation
from labeling.generation.errors import ItemUnanswered
from labeling.generation.models import Mode, QAPair, TrainingSheet
from labeling.generation.recipes import Recipe
from labeling.labels.contents import digest, erased_among
from labeling.labels.models import CanonicalLabel, Content
from labeling.labelsets.models import LabelsetVersion
from labeling.labelsets.selectors import columns_seen
from labeling.prompts.filling import fill
from labeling.schemas.canonical import refuse_non_json
from labeling.schemas.validation import fits, is_text_schema, parse_answer, validate_answer
from workbench.sheets.selectors import Item, digest_of

UNFILLED: dict[str, Any] = {"messages": []}
UNFILLED_DIGEST = digest(UNFILLED)
OTHER_LABELSET = "made with another labelset"
MISFIT = "the answer does not fit the template's schema"
ITEM_CHANGED = "the item changed since it was labelled"


class Drafter:
    """Makes the pairs of one Training Sheet, batch by batch."""

    def __init__(
        self, recipe: Recipe, derivation: Derivation, training_sheet: TrainingSheet | None = None
    ) -> None:
        self.recipe = recipe
        self.derivation = derivation
        self.training_sheet = training_sheet
        self._seen: dict[object, list[str]] = {}
        self._joined: dict[object, Derivation] = {}

    def prompts(self, items: Sequence[Item]) -> dict[str, Content | WorkbenchError]:
        """The filled prompt of each item, or what stands against it. Slow, and needs no transaction."""
        filled = {item.ref: self._filled(item) for item in items}
        digests = {ref: prompt.digest for ref, prompt in filled.items() if isinstance(prompt, Content)}
        erased = erased_among(digests.values(), what="prompt of this item")
        return filled | {ref: erased[key] for ref, key in digests.items() if key in erased}

    def _filled(self, item: Item) -> Content | WorkbenchError:
        try:
            body = {"messages": fill(self.recipe.template_version, item.row, item.ref)}
            return Content(digest=digest(body), body=body)
        except WorkbenchError as error:
            return error

    def pairs(
        self,
        items: Sequence[Item],
        prompts: Mapping[str, Content | WorkbenchError],
        labels: Mapping[str, CanonicalLabel],
        first_position: int,
    ) -> list[QAPair]:
        """A pair for each item; `labels` are those in force, by item."""
        pairs = [
            self._pair(item, prompts[item.ref], labels.get(item.ref), position)
            for position, item in enumerate(items, start=first_position)
        ]
        _refuse_erased([pair for pair in pairs if pair.canonical_label is None])
        return pairs

    def _pair(
        self, item: Item, prompt: Content | WorkbenchError, label: CanonicalLabel | None, position: int
    ) -> QAPair:
        pair = QAPair(
            training_sheet=self.training_sheet,
            item_ref=item.ref,
            position=position,
            labeling_mode=self.recipe.mode,
            derivation=self.derivation,
            seen_digest=self._digest(item, self.recipe.labelset_version),
        )
        derivations.set_effective(pair)
        self._set_prompt(pair, prompt)
        reason = self._reason_against(label, item)
        if label is not None and not reason:
            self._take_label(pair, label)
        else:
            pair.not_reused_because = reason
            self._answer_by_mode(pair, item)
        return pair

    def _set_prompt(self, pair: QAPair, prompt: Content | WorkbenchError) -> None:
        if isinstance(prompt, Content):
            pair.prompt = prompt
            return
        pair.prompt = Content(digest=UNFILLED_DIGEST, body=UNFILLED)
        pair.error, pair.work_state = prompt.message, QAPair.Work.FAILED

    def _reason_against(self, label: CanonicalLabel | None, item: Item) -> str:
        """Why an existing label is not reused; empty if it is, or if there is none."""
        if label is None:
            return ""
        wanted = self.recipe.labelset_version
        if label.labelset_id != (wanted.labelset_id if wanted else None):
            return OTHER_LABELSET
        if label.seen_digest != self._digest(item, label.labelset_version):
            return ITEM_CHANGED
        return "" if fits(label.data, self.recipe.schema) else MISFIT

    def _digest(self, item: Item, version: LabelsetVersion | None) -> str:
        """Of what the experts of this labelset version see: the same columns as when they label."""
        key = version.pk if version else None
        if key not in self._seen:
            self._seen[key] = columns_seen(version, self.recipe.sheet_version)
        return digest_of(item.row, self._seen[key])

    def _take_label(self, pair: QAPair, label: CanonicalLabel) -> None:
        pair.labeling_mode = QAPair.Origin.CANONICAL
        pair.answer = label.content
        pair.canonical_label, pair.canonical_version = label, label.version
        pair.derivation = self._joined_with(label.derivation)
        derivations.set_effective(pair, label)
        if pair.work_state == QAPair.Work.FAILED:
            return
        pair.status, pair.work_state = QAPair.Status.LABELED, QAPair.Work.DONE
        pair.reviewed_by_id, pair.reviewed_at = label.labeled_by_id, label.labeled_at

    def _joined_with(self, other: Derivation) -> Derivation:
        """What bound the label binds the pair that repeats its answer; few labels differ in this."""
        if other.pk not in self._joined:
            self._joined[other.pk] = derivations.joined(other, self.derivation)
        return self._joined[other.pk]

    def _answer_by_mode(self, pair: QAPair, item: Item) -> None:
        if pair.work_state == QAPair.Work.FAILED or self.recipe.mode == Mode.AI_GENERATED:
            return
        pair.work_state = QAPair.Work.DONE
        if self.recipe.mode == Mode.EXISTING_COLUMN:
            self._answer_from_column(pair, item.row.get(self.recipe.column))

    def _answer_from_column(self, pair: QAPair, value: Any) -> None:
        try:
            data = answer_in(value, self.recipe.schema, column=self.recipe.column)
            pair.answer = Content(digest=digest(data), body=data)
            validate_answer(data, self.recipe.schema)
        except WorkbenchError as error:
            pair.error, pair.work_state = error.message, QAPair.Work.FAILED
            return
        if self.recipe.trusted_reason:
            pair.status = QAPair.Status.LABELED


def _refuse_erased(pairs: Sequence[QAPair]) -> None:
    """An answer that was erased does not come back from a column of the source."""
    erased = erased_among((pair.answer_id for pair in pairs), what="answer in this column")
    for pair in pairs:
        if pair.answer_id in erased:
            pair.answer, pair.status = None, QAPair.Status.UNLABELED
            pair.error, pair.work_state = erased[pair.answer_id].message, QAPair.Work.FAILED


def answer_in(value: Any, schema: Mapping[str, Any], *, column: str) -> Any:
    """The answer that a cell holds: JSON as text is read, for a schema of plain text the text itself.

    Where the schema is an object of one field, a bare value is that field's.

    :raises WorkbenchError: the cell is empty, or holds nothing that can be an answer.
    """
    if value is None or value == "":
        raise ItemUnanswered(f"Column {column!r} of this item is empty.", field="column")
    if is_text_schema(schema):
        return value if isinstance(value, str) else str(value)
    field = _only_field(schema)
    if field and not (isinstance(value, dict) or str(value).lstrip().startswith("{")):
        value = {field: value}
    if isinstance(value, str):
        return parse_answer(value, schema)
    refuse_non_json(value)
    return value


def _only_field(schema: Mapping[str, Any]) -> str:
    """The name of the one field of an object schema; empty where there are none or several."""
    names = list(schema.get("properties", ())) if schema.get("type") == "object" else []
    return names[0] if len(names) == 1 else ""


def contents_of(pairs: Sequence[QAPair]) -> dict[str, Any]:
    """Bodies by digest of everything that these pairs refer to and that may not be stored yet."""
    bodies = {pair.prompt.digest: pair.prompt.body for pair in pairs}
    return bodies | {pair.answer.digest: pair.answer.body for pair in pairs if pair.answer is not None}
