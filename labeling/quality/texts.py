"""The texts of a pair that checks look into, and how what they found is named without being said."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from jinja2 import nodes

from labeling.generation.models import QAPair, TrainingSheet
from labeling.prompts.sandbox import PromptEnvironment
from labeling.review.prompts import files_in
from labeling.schemas.canonical import canonical_json

RULES = "1"  # counts changes of the rules: another number has every pair checked again
PROMPT, ANSWER = "prompt", "answer"
LONGEST = 200_000  # characters of one text that are looked at
NUMBER_FROM = 8  # digits from which a number may be someone's
LITERAL_FROM = 8  # characters from which a template's own words are taken off


@dataclass(frozen=True)
class Text:
    """One text of a pair; `part` says which, as people are told."""

    part: str
    text: str


def content_of(pair: QAPair) -> str:
    """A digest of the values of the pair, by their keys."""
    return hashlib.sha256(f"{pair.prompt_id}:{pair.answer_id}".encode()).hexdigest()


def seen_of(pair: QAPair) -> str:
    """A digest of all that a check of this pair alone depends on."""
    said = f"{RULES}:{content_of(pair)}:{pair.ai_confidence}:{pair.work_state}"
    return hashlib.sha256(said.encode()).hexdigest()


def texts_of(pair: QAPair) -> list[Text]:
    """What was asked and answered, without the template's system message; nothing of what was erased."""
    found: list[Text] = []
    if pair.prompt.erased_at is None:
        for text in (text for message in _asked(pair) for text in _texts_in(message.get("content"))):
            found.append(Text(f"{PROMPT}, text {len(found) + 1}" if found else PROMPT, text[:LONGEST]))
    if pair.answer is not None and pair.answer.erased_at is None:
        found += [Text(part, text[:LONGEST]) for part, text in _leaves(pair.answer.body, ANSWER)]
    return found


def _asked(pair: QAPair) -> list[dict[str, Any]]:
    return [message for message in pair.prompt.messages if message.get("role") != "system"]


def _texts_in(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    for part in content if isinstance(content, list) else ():
        if part.get("type") == "text":
            yield str(part["text"])


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Every text of an answer, and numbers that are long enough to be someone's, by their path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _leaves(inner, f"{path}[{place}]")
    elif isinstance(value, int) and len(str(abs(value))) >= NUMBER_FROM:
        yield path, str(value)


def literals_of(sheet: TrainingSheet) -> list[str]:
    """The template's own words, which all its pairs share: they make no two pairs alike."""
    tree = PromptEnvironment().parse(sheet.template_version.user_prompt)
    said = (str(data.data).strip() for data in tree.find_all(nodes.TemplateData))
    return sorted({text for text in said if len(text) >= LITERAL_FROM}, key=len, reverse=True)


def question_of(pair: QAPair, literals: list[str]) -> str:
    """What was asked in this pair alone: small letters, single spaces, without the template's own words; with the
    names of the files that it shows."""
    if pair.prompt.erased_at is not None:
        return ""
    asked = _asked(pair)
    text = "\n".join(text for message in asked for text in _texts_in(message.get("content")))
    for literal in literals:
        text = text.replace(literal, " ", 1)
    return " ".join([*text.casefold().split(), *files_in(asked)])


def answer_text(pair: QAPair) -> str:
    """The answer as one canonical text; empty where there is none."""
    return canonical_json(pair.answer.body) if pair.answer and pair.answer.erased_at is None else ""


def masked(text: str) -> str:
    """As much of what was found as tells it from its neighbours: of long ones the last two characters."""
    return f"••••{text[-2:]}" if len(text) >= NUMBER_FROM else "••••"
