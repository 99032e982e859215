"""From a template version and a row to the messages that a model is asked with."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any

from governance.errors import WorkbenchError
from labeling.prompts.columns import columns_used
from labeling.prompts.errors import MissingColumn
from labeling.prompts.models import TemplateVersion
from labeling.prompts.rendering import Prompt, compile_prompt, render
from labeling.schemas.canonical import canonical_json

Message = dict[str, Any]
IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff"})


@lru_cache(maxsize=512)
def compiled(source: str, field: str) -> Prompt:
    """The checked prompt. Thousands of items share one compilation."""
    return compile_prompt(source, field=field)


def prompts_of(version: TemplateVersion) -> list[Prompt]:
    """The parts of the version that hold placeholders; an empty system prompt is none."""
    sources = {"system_prompt": version.system_prompt, "user_prompt": version.user_prompt}
    return [compiled(source, field) for field, source in sources.items() if source.strip()]


def columns_of(version: TemplateVersion, available: Collection[str]) -> frozenset[str] | None:
    """The columns that bind what this version makes; None: it chooses them while it is filled in, so all."""
    used = [columns_used(prompt, available) for prompt in prompts_of(version)]
    if any(one.dynamic for one in used):
        return None
    return frozenset(version.file_columns).union(*(one.names for one in used))


def fill(version: TemplateVersion, row: Mapping[str, Any], ref: str) -> list[Message]:
    """System message if there is one, a question and answer for each example, then the question about `row`.

    A file column becomes a part `{"type": "image" | "file", "path": "<schema>.<volume>/<path>"}`.

    :raises WorkbenchError: a column is missing or unusable; `details` name the item and the line.
    """
    try:
        return _messages(version, row)
    except WorkbenchError as error:
        error.details["item_ref"] = ref
        raise


def _messages(version: TemplateVersion, row: Mapping[str, Any]) -> list[Message]:
    messages: list[Message] = []
    if version.system_prompt.strip():
        messages.append(_message("system", render(compiled(version.system_prompt, "system_prompt"), row)))
    question = compiled(version.user_prompt, "user_prompt")
    for example in version.examples:
        messages.append(_message("user", render(question, example["input"])))
        messages.append(_message("assistant", canonical_json(example["output"])))
    text = render(question, row)
    files = [_file_part(column, row) for column in version.file_columns]
    messages.append(_message("user", [{"type": "text", "text": text}, *files] if files else text))
    return messages


def _message(role: str, content: object) -> Message:
    return {"role": role, "content": content}


def _file_part(column: str, row: Mapping[str, Any]) -> Message:
    path = row.get(column)
    if not isinstance(path, str) or not path:
        raise MissingColumn(
            f"file_columns: this item has no file in column {column!r}, and the template attaches it.",
            field="file_columns",
            details={"column": column},
        )
    kind = "image" if PurePosixPath(path).suffix.lower() in IMAGE_SUFFIXES else "file"
    return {"type": kind, "path": path}
