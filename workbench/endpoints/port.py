"""What every model engine takes and gives, and the registry that upper apps add their engines to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from workbench.endpoints.errors import UnknownEngine

if TYPE_CHECKING:
    from workbench.endpoints.models import ModelEndpoint


@dataclass(frozen=True, kw_only=True)
class Question:
    """One prompt. `key` comes back with the answer.

    `messages` are chat messages whose content is text or parts; image and file parts name a file of a volume:
    `{"type": "image", "path": "schema.volume/path"}`. `context` says what the prompt is about (sheet_id,
    item_ref, label_type, labelset_id, row), for engines that look answers up and for reading files.
    """

    key: str
    messages: list[dict[str, Any]]
    output_schema: dict[str, Any] = field(default_factory=dict)
    classification: int
    temperature: float = 0.0
    max_tokens: int = 1024
    context: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back: `text` as the model wrote it, or `error` in words. `confidence` is 0 to 1, or unknown.

    `facts` keep how it came about: the raw answer, attempts, the response format that was used.
    """

    key: str
    text: str = ""
    confidence: float | None = None
    error: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None
    seconds: float = 0.0
    facts: dict[str, Any] = field(default_factory=dict)


LoadBytes = Callable[[Question, str], bytes]
"""Reads the file that a part of a question names; called from any thread, so it asks no database."""


class Engine(Protocol):
    """Something that answers."""

    def answers(self, questions: Sequence[Question]) -> Iterator[Answer]:
        """One answer per question, in any order; what fails is an answer with an error.

        Closing the iterator gives up what is still under way.
        """


Factory = Callable[["ModelEndpoint", LoadBytes], Engine]

_factories: dict[str, Factory] = {}


def register_engine(slug: str, factory: Factory) -> None:
    """Let endpoints whose `engine` is `slug` be answered by what `factory(endpoint, load_bytes)` makes."""
    _factories[slug] = factory


def engine_for(endpoint: ModelEndpoint, load_bytes: LoadBytes) -> Engine:
    """:raises UnknownEngine: nothing is registered for this endpoint's engine."""
    if endpoint.engine not in _factories:
        raise UnknownEngine(
            f"No engine “{endpoint.engine}” is installed; there are: {', '.join(sorted(_factories)) or 'none'}.",
            field="engine",
        )
    return _factories[endpoint.engine](endpoint, load_bytes)
