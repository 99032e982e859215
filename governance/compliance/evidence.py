"""Evidence bundles: the whole chains of the rows that answer a question, to be checked without this installation."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, OuterRef, QuerySet, Subquery

from governance import access, context, handing_out
from governance.compliance import filters
from governance.errors import InvalidInput, ReasonRequired, TooMuchEvidence
from governance.models import (
    Checkpoint,
    ConstraintChange,
    Erasure,
    EvidenceExport,
    RecordEntry,
    RecordValues,
    SealedEntry,
    SigningKey,
)
from governance.record import archiving, keys, sealing, tables
from governance.record.bundle import COLUMNS, write_bundle
from governance.record.report import report_html
from governance.uses import Classification, uses_in

if TYPE_CHECKING:
    from governance.models import User

ENTRIES_AT_MOST = 100_000
OBJECTS_A_QUERY = 500
BLOCK = 2**20

Object = tuple[str, str]  # kind, and the key as text, as entries carry them


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What evidence is asked for: the changes that match `filters`, or one `kind` and `object_id`, and why."""

    question: str
    reason: str
    filters: Mapping[str, str]
    kind: str = ""
    object_id: str = ""


def hand_out(*, asked: Asked, by: User, out: BinaryIO) -> EvidenceExport:
    """Seal the record, write the bundle to `out` (seekable), and put on record that it was made.

    :raises NotPermitted: `by` does not audit.
    :raises ReauthenticationRequired: `by` last proved who they are too long ago.
    :raises ReasonRequired: no question, or no reason.
    :raises InvalidInput: a filter is wrong, or nothing answers.
    :raises TooMuchEvidence: more entries than one bundle may hold.
    """
    access.require(by, "governance.add_evidenceexport")
    handing_out.require_proof(by=by, what="Taking evidence")
    if not asked.question.strip():
        raise InvalidInput("Say which question the evidence answers; it stands on its report.", field="question")
    if not asked.reason.strip():
        raise ReasonRequired("Say what the evidence is for; it goes on record.", field="reason")
    objects = _objects(asked)
    sealing.seal()
    with transaction.atomic(), context.because(asked.reason, by=by):
        written = _write(out, objects, asked, by)
        return EvidenceExport.objects.create(
            question=asked.question.strip(),
            filters=_terms(asked),
            reason=asked.reason.strip(),
            objects_count=len(objects),
            made_by_id=by.pk,
            made_by_name=by.display_name,
            digest=_digest(out),
            **written,
        )


def _terms(asked: Asked) -> dict[str, str]:
    return {"kind": asked.kind, "object_id": asked.object_id} if asked.kind else dict(asked.filters)


def _objects(asked: Asked) -> list[Object]:
    """The rows whose chains answer, in order: the changes themselves, and the rows that they changed."""
    if asked.kind:
        found = {_one(asked.kind, asked.object_id)}
    else:
        changes = filters.matching(ConstraintChange.objects.all(), asked.filters).order_by()
        found = set()
        for change, kind, key in changes.values_list("pk", "kind", "object_id").iterator():
            found |= {(ConstraintChange._meta.label_lower, _text(ConstraintChange, change)), _one(kind, str(key))}
            if len(found) > ENTRIES_AT_MOST:
                _refuse_more()
    if not found:
        raise InvalidInput("Nothing on record answers this, so there is no evidence of it.", field="filters")
    return sorted(found)


def _one(kind: str, key: str) -> Object:
    known = {table.kind: table.model for table in tables.captured()}
    if kind not in known:
        raise InvalidInput(f"{kind!r} is not on record; expected one of: {', '.join(known)}.", field="kind")
    return kind, _text(known[kind], key)


def _text(model: Any, key: Any) -> str:
    """A primary key as the triggers write it."""
    try:
        return str(model._meta.pk.to_python(key))
    except (ValidationError, ValueError, TypeError) as error:
        raise InvalidInput(f"{key!r} is no id of a {model._meta.verbose_name}.", field="object_id") from error


def _count(objects: list[Object], newest: int) -> int:
    entries = sum(rows.count() for rows in _rows_of(objects, newest))
    if not entries:
        raise InvalidInput("Nothing is on record of this row.", field="object_id")
    if entries > ENTRIES_AT_MOST:
        _refuse_more()
    return entries


def _refuse_more() -> None:
    raise TooMuchEvidence(
        f"More than {ENTRIES_AT_MOST:,} entries answer this; narrow it, by a period or a kind of row.", field="filters"
    )


def _rows_of(objects: list[Object], newest: int) -> Iterator[QuerySet[RecordEntry]]:
    """The entries of `objects` up to the newest one, a few hundred objects a query."""
    for kind in dict.fromkeys(kind for kind, _ in objects):
        keys_of_kind = [key for each, key in objects if each == kind]
        for start in range(0, len(keys_of_kind), OBJECTS_A_QUERY):
            some = keys_of_kind[start : start + OBJECTS_A_QUERY]
            yield RecordEntry.objects.filter(kind=kind, object_id__in=some, pk__lte=newest)


def _entries(objects: list[Object], newest: int, size: int) -> Iterator[dict[str, Any]]:
    """Whole chains, one after another; a place that a later checkpoint gave is left out."""
    values = RecordValues.objects.filter(pk=OuterRef("pk"))
    for rows in _rows_of(objects, newest):
        told = rows.order_by("object_id", "version").annotate(
            salt=Subquery(values.values("salt")),
            payload=Subquery(values.values("payload")),
            position=F("sealed__position"),
        )
        rows = told.values(*COLUMNS, "position").iterator(chunk_size=OBJECTS_A_QUERY)
        while some := list(islice(rows, OBJECTS_A_QUERY)):
            yield from _with_archived_values(some, size)


def _with_archived_values(entries: list[dict[str, Any]], size: int) -> Iterator[dict[str, Any]]:
    gone = [one["position"] for one in entries if one["payload"] is None and one["position"] is not None]
    archived = archiving.values_at(gone)
    for entry in entries:
        if entry["position"] in archived and not Erasure.objects.filter(pk=entry["id"]).exists():
            entry["salt"], entry["payload"] = archived[entry["position"]]
        if entry["position"] is not None and entry["position"] >= size:
            entry["position"] = None
        yield entry


def _write(out: BinaryIO, objects: list[Object], asked: Asked, by: User) -> dict[str, Any]:
    # What is recorded meanwhile is not in it, so that the report and the entries say the same.
    newest = RecordEntry.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    count = _count(objects, newest)
    _, private = keys.signer()
    columns = ("number", "body", "signature", "key_id", "size")
    checkpoints: list[Any] = list(Checkpoint.objects.order_by("number").values(*columns))
    last = checkpoints[-1] if checkpoints else None
    size = last["size"] if last else 0
    leaves = SealedEntry.objects.filter(position__lt=size).order_by("position").values_list("leaf", flat=True)
    erasures = list(_erasures(objects, newest))
    known: list[Any] = list(SigningKey.objects.order_by("introduced_at").values())
    about = {
        "site": sealing.site_of(Checkpoint.objects.order_by("-number").first()),
        "made_at": keys.moment(),
        "made_by": by.display_name,
        "question": asked.question.strip(),
    }
    report = report_html(
        about=about, entries=_entries(objects, newest, size), erasures=erasures, checkpoint=last, key=known[-1],
        titles=_titles(objects), words=_words,
    )  # fmt: skip
    write_bundle(
        out, entries=_entries(objects, newest, size), leaves=list(leaves.iterator(chunk_size=10_000)),
        checkpoints=checkpoints, keys=known, erasures=erasures, about=about, report=report, sign=private.sign,
    )  # fmt: skip
    return {"entries_count": count, "checkpoint": last["number"] if last else None}


def _erasures(objects: list[Object], newest: int) -> Iterator[dict[str, Any]]:
    for rows in _rows_of(objects, newest):
        erased = Erasure.objects.filter(entry__in=rows.values("pk")).order_by("entry_id")
        yield from map(dict, erased.values("entry_id", "erased_at", "actor_id", "actor_name", "reason"))


def _titles(objects: list[Object]) -> dict[Object, str]:
    """What people call each row that is still there."""
    titles: dict[Object, str] = {}
    for kind in dict.fromkeys(kind for kind, _ in objects):
        model = apps.get_model(kind)
        wanted = [key for each, key in objects if each == kind]
        for start in range(0, len(wanted), OBJECTS_A_QUERY):
            rows = model._default_manager.filter(pk__in=wanted[start : start + OBJECTS_A_QUERY])
            titles |= {(kind, _text(model, row.pk)): f"{model._meta.verbose_name} {row}" for row in rows}
    return titles


def _words(kind: str, column: str, value: Any) -> str | None:
    """Sets of uses and classifications by name; everything else as it is stored."""
    if isinstance(value, int) and not isinstance(value, bool):
        if column.endswith(("_uses", "_allowed", "_prohibited")) or column == "uses":
            return ", ".join(uses_in(value)) or "no use"
        if column.endswith("classification"):
            return Classification(value).label
    return None


def _digest(out: BinaryIO) -> str:
    out.seek(0)
    digest = hashlib.sha256()
    for block in _blocks(out):
        digest.update(block)
    out.seek(0)
    return digest.hexdigest()


def _blocks(file: BinaryIO) -> Iterable[bytes]:
    return iter(lambda: file.read(BLOCK), b"")
