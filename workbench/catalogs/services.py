"""Keeping connections, and bringing what a catalog says of its data into rows that bind."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.contrib.contenttypes.models import ContentType
from django.db import models, transaction
from django.utils import timezone

from governance import access, constraints, context, tags
from governance.errors import InvalidInput, WorkbenchError
from governance.names import save_named
from workbench.catalogs.engines import check_location, overlap
from workbench.catalogs.errors import TagsUnknown
from workbench.catalogs.models import CatalogObject, Connection
from workbench.catalogs.selectors import catalog_of

if TYPE_CHECKING:
    from governance.models import User
    from governance.uses import Constraint
    from workbench.catalogs.port import Catalog, Table

log = logging.getLogger(__name__)

EDITABLE = frozenset({"name", "description", "engine", "location"})


@dataclass
class SyncResult:
    """What reading a catalog changed, as refs."""

    seen: int = 0
    created: list[str] = field(default_factory=list)
    tightened: list[str] = field(default_factory=list)
    tags_gone: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.seen} tables, columns and volumes read: {len(self.created)} new, "
            f"{len(self.tightened)} tightened by their tags, {len(self.tags_gone)} that lost a tag and keep "
            f"their constraint, {len(self.missing)} no longer there"
        )


@dataclass(frozen=True)
class Described:
    """One table, column or volume as the catalog describes it now."""

    kind: str
    ref: str
    description: str
    tags: tuple[str, ...]


@transaction.atomic
def create_connection(
    *,
    by: User,
    name: str,
    description: str = "",
    engine: str = Connection.Engine.LOCAL,
    location: str = "",
    owner: User | None = None,
) -> Connection:
    """Connect a catalog. Its tables appear with the first `sync_catalog`.

    :raises InvalidInput: the name is taken, the folder is not one that the server may read, or it overlaps
        the folder of a connection that `by` does not own.
    """
    access.require(by, "workbench.add_connection")
    connection = Connection(
        name=name, description=description, engine=engine, location=location, owner=owner or by
    )
    _check(connection)
    _one_at_a_time()
    _check_not_anothers(connection, by)
    with context.because("connection created", by=by):
        save_named(connection)
    return connection


@transaction.atomic
def update_connection(*, connection: Connection, by: User, reason: str = "", **fields: str) -> Connection:
    """Change name, description, engine or location.

    :raises InvalidInput: a value cannot be used, or a Sheet reads this connection and would read other data.
    """
    connection = Connection.objects.select_for_update().get(pk=connection.pk)
    access.require(by, "workbench.change_connection", connection, action="change")
    if unknown := set(fields) - EDITABLE:
        raise InvalidInput(
            f"A connection has no field {sorted(unknown)[0]!r} to change.", field=sorted(unknown)[0]
        )
    moves = fields.get("location", connection.location) != connection.location
    if moves and connection.sheets.exists():
        raise InvalidInput(
            f"Sheets read “{connection}”, so its folder stays {connection.location or 'the server catalog'}. "
            "Create another connection for the other folder.",
            field="location",
        )
    for name, value in fields.items():
        setattr(connection, name, value)
    _check(connection)
    if moves:
        _one_at_a_time()
        _check_not_anothers(connection, by)
    with context.because(reason or "connection changed", by=by):
        save_named(connection, update_fields=list(fields))
    return connection


def _check(connection: Connection) -> None:
    if connection.engine not in Connection.Engine.values:
        known = ", ".join(Connection.Engine.values)
        raise InvalidInput(f"{connection.engine!r} is no engine; expected one of: {known}.", field="engine")
    check_location(connection.location)


def _one_at_a_time() -> None:
    """Until this transaction ends nobody else makes or moves a connection: the folders seen are all there are."""
    ContentType.objects.select_for_update().get(app_label="workbench", model="connection")


def _check_not_anothers(connection: Connection, by: User) -> None:
    """What the owner of a connection shares with few is not read through a second one over the same folder.

    :raises InvalidInput: another's connection reads this folder, one inside it or one around it.
    """
    if by.is_superuser:
        return
    others = Connection.objects.exclude(pk=connection.pk).exclude(owner=by)
    if any(overlap(connection.location, location) for location in others.values_list("location", flat=True)):
        raise InvalidInput(
            "This folder belongs to a connection that you do not own. Choose another folder, or ask an "
            "administrator to share that connection with you.",
            field="location",
        )


def sync_catalog(
    *, connection: Connection, by: User | None, refs: Collection[str] | None = None
) -> SyncResult:
    """Read tables, columns, volumes and their tags, and let the tags bind; without `by` it is the server's own.

    :raises NotPermitted: `by` may not keep this catalog's rows.
    """
    if by is not None:
        access.require(by, "workbench.change_catalogobject")
        access.require(by, "workbench.view_connection", connection)
    return read_into_rows(connection=connection, by=by, refs=refs)


def read_into_rows(
    *, connection: Connection, by: User | None, refs: Collection[str] | None = None
) -> SyncResult:
    """`sync_catalog` for services that have checked rights of their own, such as publishing a Sheet.

    With `refs` (tables and volumes) only these are read.
    """
    found = list(_described(catalog_of(connection), refs))
    return _write(connection, found, by, whole=refs is None)


def read_again(objects: models.QuerySet[CatalogObject], *, by: User | None) -> None:
    """Let tags that appeared meanwhile bind before anything made from these objects leaves.

    To be called outside a transaction that a refusal would undo. What is no longer in its catalog keeps the
    constraint that was last known.

    :raises TagsUnknown: a catalog cannot be read: unknown means prohibited. Nothing of the catalog is named.
    """
    refs: dict[Connection, set[str]] = {}
    for row in objects.select_related("connection"):
        refs.setdefault(row.connection, set()).add(row.ref.partition("#")[0])
    for connection, wanted in refs.items():
        try:
            read_into_rows(connection=connection, by=by, refs=wanted)
        except (WorkbenchError, OSError) as error:
            log.warning("the tags of %s cannot be read: %s", connection, error)
            raise TagsUnknown(
                "A catalog that this was made from cannot be read now, so what its tags permit is not known and "
                "nothing may leave. Try again; if that stays so, have the keeper of its connection read it there."
            ) from error


def _described(catalog: Catalog, refs: Collection[str] | None) -> Iterator[Described]:
    for schema in catalog.list_schemas():
        for ref in catalog.list_tables(schema):
            if refs is None or ref in refs:
                yield from _table(catalog.get_table(ref))
        for ref in catalog.list_volumes(schema):
            if refs is None or ref in refs:
                volume = catalog.get_volume(ref)
                yield Described(CatalogObject.Kind.VOLUME, ref, volume.description, volume.tags)


def _table(table: Table) -> Iterator[Described]:
    yield Described(CatalogObject.Kind.TABLE, table.ref, table.description, table.tags)
    for column in table.columns:
        ref = f"{table.ref}#{column.name}"
        yield Described(CatalogObject.Kind.COLUMN, ref, column.description, column.tags)


@transaction.atomic
def _write(connection: Connection, found: list[Described], by: User | None, *, whole: bool) -> SyncResult:
    Connection.objects.select_for_update().get(pk=connection.pk)
    tags.hold_rules()
    rows = {(row.kind, row.ref): row for row in CatalogObject.objects.filter(connection=connection)}
    result = SyncResult(seen=len(found))
    for described in found:
        row = rows.pop((described.kind, described.ref), None)
        if row is None:
            row = CatalogObject(connection=connection, kind=described.kind, ref=described.ref)
            result.created.append(described.ref)
        # The others have bound already, and a changed rule has reached them (`governance.tag_rules`).
        fresh = [tag for tag in described.tags if tag not in row.tags]
        lost = sorted(set(row.tags) - set(described.tags))
        _keep(row, described, by)
        _bind(row, fresh, lost, by, result)
    result.missing = sorted(ref for _, ref in rows) if whole else []
    return result


def _keep(row: CatalogObject, described: Described, by: User | None) -> None:
    """Write what is new; what did not change gets no new version, only the moment it was seen."""
    known, now = row.synced_at is not None, timezone.now()
    if known and (row.description, row.tags) == (described.description, list(described.tags)):
        CatalogObject.objects.filter(pk=row.pk).update(synced_at=now)
        return
    row.description, row.tags, row.synced_at = described.description, list(described.tags), now
    with context.because("catalog read", by=by):
        row.save()


def _bind(row: CatalogObject, fresh: list[str], lost: list[str], by: User | None, result: SyncResult) -> None:
    """Tags tighten at once. A tag that is gone leaves the constraint as it is: relaxing needs its approval."""
    wanted, reason = tags.constraint_for(fresh)
    met = row.own_constraint.meet(wanted) if fresh else row.own_constraint
    reasons = []
    if met != row.own_constraint:
        reasons.append(reason)
        result.tightened.append(row.ref)
    if lost and tags.constraint_for(lost) != tags.constraint_for(()):
        result.tags_gone.append(row.ref)
        reasons.append(
            f"tag {', '.join(lost)} is no longer in the catalog since {timezone.now():%Y-%m-%d}; "
            "the constraint stays until its relaxation is approved"
        )
    if reasons:
        _apply(row, met, "; ".join([row.usage_reason, *reasons] if row.usage_reason else reasons), by)


def _apply(row: CatalogObject, constraint: Constraint, reason: str, by: User | None) -> None:
    terms = constraints.Terms(
        allowed_uses=row.allowed_uses & constraint.uses,
        prohibited_uses=row.prohibited_uses,
        data_classification=constraint.classification,
        usage_reason=reason,
        permitted_until=constraint.until,
    )
    constraints.apply_terms(row=row, terms=terms, by=by)


def carriers_of(tag: str) -> models.QuerySet[CatalogObject]:
    """Tables, columns and volumes that carry the tag, however it is written."""
    told = models.functions.Cast("tags", models.TextField())
    near = CatalogObject.objects.annotate(told=told).filter(told__icontains=f'"{tag}"')
    found = [row.pk for row in near.only("pk", "tags") if tag.upper() in (name.upper() for name in row.tags)]
    return CatalogObject.objects.filter(pk__in=found)
