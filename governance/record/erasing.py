"""Erasing values from the record, as data protection law asks: with a reason, a second person, and every proof kept.

The unit is a row: of each entry about it the values and their salt go, and of its readable history all versions. The
triggers do the erasing, when an `Erasure` is written down; whatever a legal hold covers they refuse. Rows that are kept
for good, such as the content of labels, are emptied themselves (`emptying`).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from django.db import connection, models, transaction
from django.db.models import Q
from django.utils import timezone

from governance import access, context, desk
from governance.errors import ContentChanged, InvalidInput, OnLegalHold, ReasonRequired
from governance.models import (
    ApprovalRequest,
    Erasure,
    ErasureRequest,
    LegalHold,
    RecordEntry,
    RecordValues,
)
from governance.record import archiving, emptying, finding, live, sqlite
from governance.record.emptying import Holder
from governance.record.tables import Table, captured, emptied, readable_histories

if TYPE_CHECKING:
    from governance.models import User

GATE = "erase-values"
ROWS_AT_MOST = 1_000
ENTRIES_AT_MOST = 20_000
ROWS_A_QUERY = 500
PLACES_AT_MOST = 20  # that are named
# They say why other values are gone, or why they are still there.
NEVER_ERASED = frozenset({
    "governance.erasure", "governance.rowerasure", "governance.erasurerequest", "governance.legalhold",
})  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What to erase: one row by `object_id`, or every row that ever held `value` in `column`: there alone, or
    anywhere in it where the column is JSON."""

    kind: str
    object_id: str = ""
    column: str = ""
    value: str = ""


@dataclass(frozen=True, kw_only=True)
class Reach:
    """What an erasure would reach now. `digest` is of the values, and changes with any of them.

    `places`: where the identifier was found, and in how many rows. `holders`: rows that refer to what is emptied, and
    say "erased" from then on. `copies`: what holds it besides and is not reached.
    """

    kind: str
    rows: int
    entries: int
    versions: int
    live: int
    held: int
    digest: str
    places: dict[str, int] = field(default_factory=dict)
    holders: list[Holder] = field(default_factory=list)
    copies: list[Holder] = field(default_factory=list)


Places = dict[str, set[str]]  # id of a row → where it holds the identifier; nowhere if it was named


def erasable_kinds() -> dict[str, Table]:
    """Kinds of row whose values on record may be erased."""
    return {table.kind: table for table in captured() if table.kind not in NEVER_ERASED}


def columns_by_kind() -> dict[str, list[str]]:
    """Every kind that can be erased, with the columns in which an identifier is looked for."""
    on_record = {kind: [str(field.column) for field in table.columns] for kind, table in erasable_kinds().items()}
    return dict(sorted((on_record | {kind: list(model.emptied_columns) for kind, model in emptied().items()}).items()))


def preview(*, wanted: Wanted, by: User) -> tuple[list[str], Reach]:
    """The rows that match, and what erasing them would reach. Changes nothing.

    :raises NotPermitted: `by` may not ask for erasures.
    :raises InvalidInput: no such kind or column, nothing or too much matches.
    """
    access.require(by, "governance.add_erasurerequest")
    found = _matching(wanted)
    object_ids = sorted(found)
    reach = reach_of(wanted.kind, object_ids)
    if not reach.entries:
        raise InvalidInput("Nothing on record matches that still has its values.", field="object_id")
    if len(object_ids) > ROWS_AT_MOST or reach.entries > ENTRIES_AT_MOST:
        raise InvalidInput(
            f"{len(object_ids):,} rows with {reach.entries:,} entries match; one request may reach "
            f"{ROWS_AT_MOST:,} rows and {ENTRIES_AT_MOST:,} entries. Ask for them in parts.",
            field="value",
        )
    places = Counter(place for where in found.values() for place in where)
    copies = emptying.recalled(wanted.kind, object_ids, by) if wanted.kind in emptied() else []
    return object_ids, replace(reach, places=dict(places.most_common(PLACES_AT_MOST)), copies=copies)


def _matching(wanted: Wanted) -> Places:
    columns = columns_by_kind()
    if wanted.kind not in columns:
        raise InvalidInput(
            f"{wanted.kind!r} is no kind of row whose values can be erased; expected one of: {', '.join(columns)}.",
            field="kind",
        )
    if bool(wanted.object_id) == bool(wanted.column):
        raise InvalidInput("Name either one row by its id, or a column and the identifier in it.", field="object_id")
    if wanted.object_id:
        return {wanted.object_id: set()}
    if wanted.column not in (names := columns[wanted.kind]):
        raise InvalidInput(
            f"{wanted.column!r} is no column of {wanted.kind}; expected one of: {', '.join(names)}.", field="column"
        )
    if not wanted.value:
        raise InvalidInput("Say which identifier the column holds.", field="value")
    return _holding_live(wanted) if wanted.kind in emptied() else _holding(wanted)


def _holding_live(wanted: Wanted) -> Places:
    found = emptying.holding(wanted.kind, wanted.column, wanted.value, ROWS_AT_MOST)
    return {key: set(finding.places_in(body, wanted.value, wanted.column)) for key, body in found.items()}


def _holding(wanted: Wanted) -> Places:
    """Rows of which some entry holds the value in the column, before or after."""
    is_json = _is_json(wanted)
    found: Places = {}
    for key, payload in (*_said_here(wanted, is_json), *archiving.rows_of_kind(wanted.kind)):
        if where := set(finding.places_said(payload, wanted.column, wanted.value, is_json=is_json)):
            found.setdefault(key, set()).update(where)
    return found


def _is_json(wanted: Wanted) -> bool:
    table = erasable_kinds()[wanted.kind]
    [kind] = {sqlite.storage(field) for field in table.columns if field.column == wanted.column}
    return isinstance(kind, models.JSONField)


def _said_here(wanted: Wanted, is_json: bool) -> Iterator[tuple[str, str]]:
    """(id of the row, payload) of entries in the database that hold the value; one more than a request may reach."""
    maker = live.MAKERS[connection.vendor]
    holds, said = (maker.holds_text, maker.json_said) if is_json else (_is_text, maker.value_said)
    entry, values = RecordEntry._meta.db_table, RecordValues._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT e.object_id, v.payload FROM {entry} e JOIN {values} v ON v.id = e.id "  # noqa: S608 - our own names
            f"WHERE e.kind = %(kind)s "
            f"AND ({holds(said('old', wanted.column))} OR {holds(said('new', wanted.column))}) "
            f"ORDER BY e.object_id LIMIT {ENTRIES_AT_MOST + 1}",
            {"kind": wanted.kind, "text": wanted.value},
        )
        yield from cursor.fetchall()


def _is_text(said: str) -> str:
    return f"{said} = %(text)s"


def reach_of(kind: str, object_ids: Sequence[str]) -> Reach:
    """What erasing everything on record of these rows, or these rows themselves, would reach now."""
    if kind in emptied():
        return _reach_of_rows(kind, object_ids)
    digest, entries = hashlib.sha256(), 0
    for some in _parts(object_ids):
        for key, values in _entries(kind, some).order_by("pk").values_list("pk", "values_digest").iterator():
            digest.update(f"{key} {values}\n".encode())
            entries += 1
    table = erasable_kinds()[kind]
    return Reach(
        kind=kind, rows=len(object_ids), entries=entries, versions=_versions(table, object_ids),
        live=sum(len(live.images(table, some)) for some in _parts(object_ids)), held=len(_held(kind, object_ids)),
        digest=digest.hexdigest(),
    )  # fmt: skip


def _reach_of_rows(kind: str, object_ids: Sequence[str]) -> Reach:
    """Of rows that are emptied themselves: each that still holds something counts as one entry."""
    keys = list(emptying.whole(kind, object_ids))
    return Reach(
        kind=kind, rows=len(object_ids), entries=len(keys), versions=0, live=0, held=len(_held(kind, object_ids)),
        digest=emptying.digest_of(keys), holders=emptying.holders(kind, keys),
    )  # fmt: skip


def _parts(object_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(object_ids), ROWS_A_QUERY):
        yield object_ids[start : start + ROWS_A_QUERY]


def _entries(kind: str, object_ids: Sequence[str]) -> models.QuerySet[RecordEntry]:
    """Entries of these rows that still have their values."""
    erased = Erasure.objects.filter(pk=models.OuterRef("pk"))
    return RecordEntry.objects.filter(~models.Exists(erased), kind=kind, object_id__in=object_ids)


def _versions(table: Table, object_ids: Sequence[str]) -> int:
    """How many versions the readable history holds of these rows."""
    history = readable_histories().get(table.kind)
    if history is None:
        return 0
    name = history.instance_type._meta.pk.attname  # type: ignore[attr-defined]
    keys = [key for key in (live.as_stored(table, text) for text in object_ids) if key is not None]
    return sum(
        history._default_manager.filter(**{f"{name}__in": some}).count()
        for some in (keys[start : start + ROWS_A_QUERY] for start in range(0, len(keys), ROWS_A_QUERY))
    )


def _held(kind: str, object_ids: Sequence[str]) -> list[LegalHold]:
    if kind in emptied():
        return emptying.held(kind, object_ids)
    standing = LegalHold.objects.filter(Q(kind="") | Q(kind=kind), lifted_at__isnull=True)
    wanted = {"", *object_ids}
    return [hold for hold in standing if hold.object_id in wanted]


@transaction.atomic
def request_erasure(*, wanted: Wanted, digest: str, reason: str, by: User) -> ApprovalRequest:
    """Ask for an erasure; another compliance officer decides. `digest` is that of the preview which `by` has seen.

    :raises ReasonRequired: it would stand on every erased entry.
    :raises ContentChanged: what it reaches is not what the preview said.
    :raises OnLegalHold: some of it must be kept.
    """
    object_ids, reach = preview(wanted=wanted, by=by)
    if not reason.strip():
        raise ReasonRequired("Say on what ground it is erased; it will stand on every erased entry.", field="reason")
    if digest != reach.digest:
        raise ContentChanged("What it reaches is not what the preview said. Look at it again, then ask.")
    with context.because(reason, by=by):
        request = ErasureRequest.objects.create(
            kind=wanted.kind, object_ids=object_ids, found_by=wanted.column, entries_count=reach.entries,
            reason=reason.strip(), asked_by=by,
        )  # fmt: skip
        return desk.request_approval(gate=GATE, subject=request, by=by, reason=reason)


def content_of(request: ErasureRequest) -> dict[str, Any]:
    """What is shown to who approves: the rows, and what is on record of them now. A new entry makes it void."""
    if request.erased_at is not None:
        return {"erased_at": request.erased_at.isoformat(), "rows": request.object_ids}
    reach = asdict(reach_of(request.kind, request.object_ids))
    # They depend on who asks, and on an identifier that is kept nowhere.
    del reach["places"], reach["copies"]
    if not reach["holders"]:
        del reach["holders"]
    return {"reason": request.reason, "found_by": request.found_by, "ids": request.object_ids, **reach}


def check(request: ErasureRequest) -> None:
    """:raises OnLegalHold: a hold that stands covers some of it."""
    if holds := _held(request.kind, request.object_ids):
        raise OnLegalHold(
            f"A legal hold stands {holds[0]} ({holds[0].reason}), so these values must be kept. "
            "Have the hold lifted first, or leave out what it covers."
        )


def perform(request: ErasureRequest, asked: ApprovalRequest, by: User) -> None:
    """Erase, in the transaction of the last signature."""
    check(request)
    reason = f"{request.reason} (asked for by {asked.requested_by.display_name})"
    erase = emptying.empty if request.kind in emptied() else _erase_values
    erase(request.kind, request.object_ids, reason=reason, by=by)
    request.erased_at = timezone.now()
    request.save(update_fields=["erased_at"])
    archiving.rewrite_soon(by)


def _erase_values(kind: str, object_ids: Sequence[str], *, reason: str, by: User) -> None:
    for some in _parts(object_ids):
        keys = _entries(kind, some).order_by("pk").values_list("pk", flat=True)
        Erasure.objects.bulk_create(
            [Erasure(entry_id=key, actor_id=by.pk, actor_name=by.display_name, reason=reason) for key in list(keys)],
            batch_size=ROWS_A_QUERY,
        )
