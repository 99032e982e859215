"""Chat-format JSONL: one {"messages": [...]} per line, as fine-tuning services read it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePosixPath
from typing import IO, Any

from labeling.exports.rows import ExportRow, HashingFile, Written, answer_text, not_exportable, row_json

ROLES = ("system", "user", "assistant", "tool")
MIME_TYPES = {
    ".bmp": "image/bmp",
    ".gif": "image/gif",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".webp": "image/webp",
    ".mp3": "audio/mpeg",
    ".wav": "audio/wav",
    ".csv": "text/csv",
    ".json": "application/json",
    ".md": "text/markdown",
    ".pdf": "application/pdf",
    ".txt": "text/plain",
}
UNKNOWN_MIME = "application/octet-stream"  # RFC 2046, section 4.5.1: bytes of an unknown kind

LoadBytes = Callable[[str], bytes]


def write_chat_jsonl(
    rows: Iterable[ExportRow],
    file: IO[bytes],
    *,
    with_origin: bool = True,
    embed_files: bool = False,
    load_bytes: LoadBytes | None = None,
) -> Written:
    """Write one line per row; holds one row in memory at a time.

    `with_origin` adds item_ref, label_type, metadata, pair_id and split beside the messages.
    `embed_files` puts images and files into the line as data URLs, read through `load_bytes(ref)`;
    without it they stay references with their path and MIME type.

    :raises RowNotExportable: a row JSON or the chat format cannot carry. What was written until
        then is incomplete: drop the file.
    """
    if embed_files and load_bytes is None:
        raise ValueError("embed_files needs load_bytes, which reads a file by its reference")
    loader = load_bytes if embed_files else None
    out, count = HashingFile(file), 0
    for row in rows:
        out.write(row_json(row, _line(row, with_origin, loader), "content").encode() + b"\n")
        count += 1
    return out.receipt(count)


def chat_messages(row: ExportRow, load_bytes: LoadBytes | None = None) -> list[dict[str, Any]]:
    """The turns of the row with its answer as the last one.

    :raises RowNotExportable: an unknown role or part, or turns that already end in an answer.
    """
    turns = [_turn(row, message, load_bytes) for message in row.messages]
    if not turns or turns[-1]["role"] == "assistant":
        raise not_exportable(row, "its messages must end with the question, and the answer stands apart")
    return [*turns, {"role": "assistant", "content": answer_text(row)}]


def mime_type(ref: str) -> str:
    """By extension, from a fixed table: the same on every machine."""
    return MIME_TYPES.get(PurePosixPath(ref).suffix.lower(), UNKNOWN_MIME)


def _line(row: ExportRow, with_origin: bool, load_bytes: LoadBytes | None) -> dict[str, Any]:
    line: dict[str, Any] = {"messages": chat_messages(row, load_bytes)}
    if with_origin:
        line |= {
            "item_ref": row.item_ref,
            "label_type": row.label_type,
            "metadata": row.metadata,
            "pair_id": row.pair_id,
            "split": row.split,
        }
    return line


def _turn(row: ExportRow, message: Mapping[str, Any], load_bytes: LoadBytes | None) -> dict[str, Any]:
    role, content = message.get("role"), message.get("content")
    if role not in ROLES:
        raise not_exportable(row, f"a message has the role {role!r}; expected one of {', '.join(ROLES)}")
    if isinstance(content, str):
        return {**message, "content": content}
    if not isinstance(content, list | tuple):
        raise not_exportable(row, f"the content of a {role} message is neither text nor a list of parts")
    return {**message, "content": [_part(row, part, load_bytes) for part in content]}


def _part(row: ExportRow, part: Mapping[str, Any], load_bytes: LoadBytes | None) -> dict[str, Any]:
    kind = part.get("type")
    if kind == "text" and isinstance(part.get("text"), str):
        return {"type": "text", "text": part["text"]}
    if kind not in ("image", "file") or not isinstance(part.get("ref"), str):
        raise not_exportable(
            row, f"a message part of type {kind!r} is no text with `text`, image or file with `ref`"
        )
    ref = part["ref"]
    mime, path = mime_type(ref), ref.partition("/")[2]
    if not path:
        raise not_exportable(row, f"the reference {ref!r} names no file; expected schema.volume/path")
    if kind == "image" and not mime.startswith("image/"):
        raise not_exportable(row, f"the image {ref!r} has no extension of an image")
    if load_bytes is None:
        return {"type": kind, "ref": ref, "path": path, "mime": mime}
    return _embedded(kind, path, f"data:{mime};base64,{b64encode(load_bytes(ref)).decode()}")


def _embedded(kind: str, path: str, url: str) -> dict[str, Any]:
    """The part as the OpenAI chat format spells it."""
    if kind == "image":
        return {"type": "image_url", "image_url": {"url": url}}
    return {"type": "file", "file": {"filename": PurePosixPath(path).name, "file_data": url}}
