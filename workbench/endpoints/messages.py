"""Chat messages as OpenAI-compatible servers take them: files of volumes become data URLs."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

from workbench.catalogs.previews import content_type_of
from workbench.endpoints.errors import FileTooLarge

MAX_FILE_BYTES = 20 * 1024 * 1024


def with_files(messages: list[dict[str, Any]], load: Callable[[str], bytes]) -> list[dict[str, Any]]:
    """`messages` with every image and file part replaced by its content.

    :raises FileTooLarge: a file has more than MAX_FILE_BYTES.
    """
    return [{**message, "content": _content(message.get("content"), load)} for message in messages]


def _content(content: Any, load: Callable[[str], bytes]) -> Any:
    return [_part(part, load) for part in content] if isinstance(content, list) else content


def _part(part: Mapping[str, Any], load: Callable[[str], bytes]) -> Mapping[str, Any]:
    if part.get("type") not in ("image", "file") or "path" not in part:
        return part
    path = str(part["path"])
    content = load(path)
    if len(content) > MAX_FILE_BYTES:
        raise FileTooLarge(
            f"“{path}” has {len(content):,} bytes; at most {MAX_FILE_BYTES:,} are sent with a prompt. "
            "Use a smaller file.",
            field="path",
        )
    kind = content_type_of(content) or "application/octet-stream"
    url = f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
    if part["type"] == "image":
        return {"type": "image_url", "image_url": {"url": url}}
    return {"type": "file", "file": {"filename": path.rpartition("/")[2], "file_data": url}}


def with_schema_in_words(messages: list[dict[str, Any]], schema: dict[str, Any]) -> list[dict[str, Any]]:
    """For servers that take no response format: the last message asks for JSON of this schema."""
    words = (
        "Answer with one JSON value and nothing else. It must fit this JSON Schema:\n"
        f"{json.dumps(schema, ensure_ascii=False)}"
    )
    return [*messages, {"role": "user", "content": words}]
