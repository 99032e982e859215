"""The engine behind the endpoint port. It asks no server and writes no text of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from governance.errors import WorkbenchError
from labeling.nearest.errors import NothingToCompare
from labeling.schemas.canonical import canonical_json
from workbench.endpoints.port import Answer, LoadBytes, Question

if TYPE_CHECKING:
    from labeling.nearest.features import Row
    from labeling.nearest.index import Index
    from labeling.nearest.voting import Vote
    from workbench.endpoints.models import ModelEndpoint

SLUG = "nearest_neighbour"
NAME = "Nearest-neighbour labeler"
NEEDED = ("sheet_id", "item_ref", "label_type", "row")
PICTURES = frozenset({"image", "image_url", "file"})
Group = tuple[str, str, str, str, tuple[str, ...]]


class NearestNeighbourEngine:
    """Answers with what experts said of the most similar items of the same Sheet and labelset."""

    def __init__(self, endpoint: ModelEndpoint, load_bytes: LoadBytes) -> None:
        self.endpoint = endpoint

    def answers(self, questions: Sequence[Question]) -> Iterator[Answer]:
        """Questions about the same labels are compared together, in one go."""
        groups: dict[Group, list[Question]] = {}
        for question in questions:
            try:
                groups.setdefault(_group_of(question), []).append(question)
            except NothingToCompare as error:
                yield Answer(key=question.key, error=error.message)
        for asked in groups.values():
            yield from _answer_group(asked)


def _group_of(question: Question) -> Group:
    """What the index depends on.

    :raises NothingToCompare: the question is not about an item's columns, or shows pictures.
    """
    context = question.context
    if missing := [name for name in NEEDED if not context.get(name)]:
        raise NothingToCompare(
            f"The {NAME} compares items of a Sheet; this question names no {', '.join(missing)}. "
            "Ask with a template over a Sheet."
        )
    if shown := _picture_in(question.messages):
        raise NothingToCompare(
            f"The {NAME} compares numbers, dates and short text; this prompt shows {shown}, and it cannot "
            "look at that. Choose an endpoint that reads pictures and documents."
        )
    return (
        str(context["sheet_id"]),
        str(context["label_type"]),
        str(context.get("labelset_id") or ""),
        canonical_json(question.output_schema),
        tuple(sorted(context["row"])),
    )


def _picture_in(messages: Sequence[Mapping[str, Any]]) -> str:
    for message in messages:
        content = message.get("content")
        for part in content if isinstance(content, list) else ():
            if part.get("type") in PICTURES:
                return "an image" if part["type"] != "file" else "a document"
    return ""


def _answer_group(asked: Sequence[Question]) -> Iterator[Answer]:
    from labeling.nearest.index import index_for  # numpy comes with it; most processes never ask

    started = time.monotonic()
    first = asked[0]
    try:
        index = index_for(
            sheet_id=str(first.context["sheet_id"]),
            label_type=str(first.context["label_type"]),
            labelset_id=first.context.get("labelset_id") or None,
            output_schema=first.output_schema,
            columns=sorted(first.context["row"]),
        )
    except WorkbenchError as error:
        yield from (Answer(key=question.key, error=error.message) for question in asked)
        return
    rows: list[Row] = [question.context["row"] for question in asked]
    votes = index.vote([str(question.context["item_ref"]) for question in asked], rows)
    seconds = (time.monotonic() - started) / len(asked)
    for question, vote in zip(asked, votes, strict=True):
        yield _answer(question, vote, index, seconds)


def _answer(question: Question, vote: Vote | None, index: Index, seconds: float) -> Answer:
    if vote is None:
        return Answer(key=question.key, error="not enough labels: this item has the only one.", seconds=seconds)
    winner = index.items[vote.winner]
    return Answer(
        key=question.key,
        text=winner.answer if isinstance(winner.answer, str) else canonical_json(winner.answer),
        confidence=round(vote.confidence, 4),
        seconds=seconds,
        facts={
            "engine": NAME,
            "neighbours": [index.items[place].item_ref for place in vote.neighbours],
            "labels": [str(index.items[place].label_id) for place in vote.neighbours],
        },
    )


def seed_endpoint(**_: Any) -> None:
    """The one endpoint that needs no server; changed or switched off later it stays so."""
    from governance.uses import Classification
    from workbench.models import ModelEndpoint

    if not ModelEndpoint.history.filter(engine=SLUG).exists():
        ModelEndpoint.objects.create(
            name=NAME,
            engine=SLUG,
            description="Proposes what experts said of the most similar labelled items. No language model.",
            max_classification=Classification.RESTRICTED,
        )
