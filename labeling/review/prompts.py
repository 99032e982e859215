"""Prompts as reviewers edit them: chat messages again, and no file that the pair was not made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from labeling.review.errors import PromptNotUsable
from labeling.schemas.canonical import refuse_non_json

ROLES = ("system", "user", "assistant")
PARTS = ("text", "image", "file")


def check_messages(messages: object, before: Sequence[Mapping[str, Any]]) -> None:
    """:raises PromptNotUsable: says which message and what was expected."""
    if not isinstance(messages, list) or not messages:
        raise PromptNotUsable("A prompt is a list of chat messages; this one is empty.", field="messages")
    refuse_non_json(messages)
    for place, message in enumerate(messages):
        _check_message(message, f"messages[{place}]")
    if messages[-1]["role"] != "user":
        raise PromptNotUsable(
            "The last message must be the user's: the answer is kept beside the prompt.", field="messages"
        )
    if foreign := sorted(set(files_in(messages)) - set(files_in(before))):
        raise PromptNotUsable(
            f"{', '.join(foreign)} is no file of this pair. A prompt may only show files that it was made from.",
            field="messages",
        )


def _check_message(message: object, path: str) -> None:
    if (
        not isinstance(message, Mapping)
        or message.get("role") not in ROLES
        or set(message) != {"role", "content"}
    ):
        raise PromptNotUsable(
            f'{path} must be {{"role": one of {", ".join(ROLES)}, "content": text or parts}}.',
            field="messages",
        )
    content = message["content"]
    if isinstance(content, str):
        return
    if not isinstance(content, list) or not content or not all(_is_part(part) for part in content):
        raise PromptNotUsable(
            f"{path}.content must be text, or a list of parts of type {', '.join(PARTS)}.", field="messages"
        )


def _is_part(part: object) -> bool:
    if not isinstance(part, Mapping) or part.get("type") not in PARTS:
        return False
    key = "text" if part["type"] == "text" else "path"
    return set(part) == {"type", key} and isinstance(part[key], str)


def files_in(messages: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Paths of the files that these messages show, in order."""
    for message in messages:
        content = message.get("content")
        for part in content if isinstance(content, list) else ():
            if part.get("type") in ("image", "file"):
                yield str(part["path"])
