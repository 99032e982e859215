"""Putting members to a model: ours through the registry, others through their endpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from labeling.models import TrainingSheet
from training.datasets.files import reader_for
from training.datasets.label_candidates import LabelSource
from training.datasets.models import DatasetVersion
from training.datasets.rows import export_row, question_text
from training.evaluations.models import Evaluation
from training.tracking.configured import tracking
from workbench.endpoints.port import Answer, Question
from workbench.endpoints.services import answer_all
from workbench.models import ModelEndpoint
from workbench.sheets.selectors import items_by_ref

Batch = Sequence[Any]
Asker = Callable[[Batch], list[Answer]]


def asker_for(evaluation: Evaluation) -> Asker:
    """Answers batches of members, one answer each; a failed one carries its error."""
    if evaluation.model_version is not None:
        return _registered(evaluation.model_version.uri)
    if evaluation.endpoint is None:
        raise LookupError(f"{evaluation} names no model")  # a check constraint keeps such rows out
    return _EndpointAsker(evaluation.endpoint, evaluation.dataset_version).ask


def _registered(uri: str) -> Asker:
    import pandas

    model: Any = tracking().load(uri)

    def ask(batch: Batch) -> list[Answer]:
        prompts = [question_text(export_row(member)) for member in batch]
        said = model.predict(pandas.DataFrame({"prompt": prompts}))
        return [
            Answer(key=str(member.pk), text=str(answer), confidence=float(confidence))
            for member, answer, confidence in zip(batch, said["answer"], said["confidence"], strict=True)
        ]

    return ask


class _EndpointAsker:
    """Members as questions, with everything that engines may need to know about their items."""

    def __init__(self, endpoint: ModelEndpoint, version: DatasetVersion) -> None:
        self.endpoint, self.version = endpoint, version
        self._sources: dict[str, _Source] = {}
        self._readers: dict[str, Callable[[str], bytes]] = {}

    def ask(self, batch: Batch) -> list[Answer]:
        answers: list[Answer] = []
        readers = {str(member.pk): self._reader(str(member.pair_sheet or "")) for member in batch}
        answer_all(
            endpoint=self.endpoint,
            questions=list(self._questions(batch)),
            on_answer=answers.append,
            load_bytes=lambda question, path: readers[question.key](path),
        )
        return answers

    def _questions(self, batch: Batch) -> Iterator[Question]:
        by_source: dict[str, list[Any]] = {}
        for member in batch:
            by_source.setdefault(str(member.pair_sheet or ""), []).append(member)
        for key, members in by_source.items():
            source = self._source(key)
            rows = items_by_ref(source.sheet_version, [member.item_ref for member in members])
            classes = _classifications(self.version, members)
            for member in members:
                yield source.question(member, rows.get(member.item_ref, {}), classes[member.pk])

    def _source(self, key: str) -> _Source:
        if key not in self._sources:
            self._sources[key] = _Source.of_sheet(key) if key else _Source.of_labels(self.version)
        return self._sources[key]

    def _reader(self, key: str) -> Callable[[str], bytes]:
        if key not in self._readers:
            self._readers[key] = reader_for(self.version, key)
        return self._readers[key]


class _Source:
    """What members of one Training Sheet, or of one set of labels, share."""

    def __init__(self, sheet_version: Any, template: Any, label_type: str) -> None:
        self.sheet_version, self.template, self.label_type = sheet_version, template, label_type

    @classmethod
    def of_sheet(cls, key: str) -> _Source:
        sheet = TrainingSheet.objects.select_related("sheet_version__sheet", "template_version").get(pk=key)
        return cls(sheet.sheet_version, sheet.template_version, sheet.label_type_id)

    @classmethod
    def of_labels(cls, version: DatasetVersion) -> _Source:
        source = LabelSource.of(version)
        return cls(source.sheet_version, source.template, source.label_type.pk)

    def question(self, member: Any, row: dict[str, Any], classification: int) -> Question:
        return Question(
            key=str(member.pk),
            messages=member.prompt.messages,
            output_schema=self.template.output_schema,
            classification=classification,
            temperature=self.template.temperature,
            max_tokens=self.template.max_tokens,
            context={
                "sheet_id": str(self.sheet_version.sheet_id),
                "item_ref": member.item_ref,
                "label_type": self.label_type,
                "labelset_id": str(self.template.labelset_id) if self.template.labelset_id else None,
                "row": row,
            },
        )


def _classifications(version: DatasetVersion, members: Batch) -> dict[Any, int]:
    """The classification of each member as it is now: own, parent's and of what it was made from."""
    rows = version.members.filter(pk__in=[member.pk for member in members]).select_related(
        "pair__derivation", "label__derivation"
    )
    shown = version.prompt_derivation.classification if version.prompt_derivation else 0
    return {row.pk: max(shown, *_levels(row.pair or row.label)) for row in rows}


def _levels(row: Any) -> tuple[int, int]:
    return row.effective_classification, row.derivation.classification
