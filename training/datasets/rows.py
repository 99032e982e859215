"""Members as they leave: one export row each, read in batches so that memory stays flat."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from django.db.models import F, QuerySet

from labeling.exports import ExportRow
from training.datasets.models import DatasetMember

BATCH = 500
Rows = TypeVar("Rows", bound="QuerySet[Any]")


def batches_of(members: QuerySet[Any]) -> Iterator[list[Any]]:
    """Members with their contents, by position.

    Each batch is read to its end before it is handed out: an open cursor would pin a snapshot, and a write
    on the same SQLite connection would then fail.
    """
    rows = members.order_by("position").select_related("prompt", "answer").annotate(
        pair_sheet=F("pair__training_sheet"),
        pair_type=F("pair__training_sheet__label_type"),
        label_sheet=F("label__sheet"),
        own_type=F("label__label_type"),
    )
    after = -1
    while batch := list(rows.filter(position__gt=after)[:BATCH]):
        yield batch
        after = batch[-1].position


def rows_of(members: QuerySet[Any]) -> Iterator[ExportRow]:
    for batch in batches_of(members):
        yield from map(export_row, batch)


def export_row(member: Any) -> ExportRow:
    """One member of `batches_of`. Nothing here can change after freezing, so neither can the bytes."""
    origin = {"training_sheet": str(member.pair_sheet)} if member.pair_id else {"sheet": str(member.label_sheet)}
    return ExportRow(
        messages=exportable(member.prompt.messages),
        answer=member.answer.shown,
        item_ref=member.item_ref,
        split=member.split,
        label_type=member.pair_type or member.own_type,
        pair_id=str(member.pair_id or member.label_id),
        metadata=origin,
    )


def exportable(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Stored messages with file parts as the export writers name them."""
    return [{**message, "content": _content(message["content"])} for message in messages]


def _content(content: Any) -> Any:
    return content if isinstance(content, str) else [_part(part) for part in content]


def _part(part: Mapping[str, Any]) -> dict[str, Any]:
    if part.get("type") in ("image", "file"):
        return {"type": part["type"], "ref": part.get("path")}
    return dict(part)


def question_text(row: ExportRow) -> str:
    """The last turn as text, files by their name: what a text model learns from."""
    content = row.messages[-1]["content"]
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] if part["type"] == "text" else str(part["ref"]) for part in content)


def members_in(version: Any, side: str = "") -> QuerySet[DatasetMember]:
    """The members of a version, of one side or all."""
    return version.members.filter(split=side) if side else version.members.all()
