"""Making, changing, publishing and archiving Sheets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.db import models, transaction
from django.utils import timezone

from governance import access, context, desk
from governance.approvals.selectors import open_request
from governance.errors import ApprovalPending, ContentChanged, InvalidInput, ReasonRequired
from governance.names import save_named
from workbench.catalogs.selectors import catalog_of
from workbench.catalogs.services import read_into_rows
from workbench.sheets import definition as definitions
from workbench.sheets.definition import Definition
from workbench.sheets.errors import DraftExists, NotADraft, SheetInUse
from workbench.sheets.models import Sheet, SheetVersion
from workbench.sheets.selectors import published_version
from workbench.sheets.transitions import ARCHIVE, PUBLISH

if TYPE_CHECKING:
    from governance.models import ApprovalRequest, User
    from workbench.catalogs.models import Connection

GATE = PUBLISH.gate
ON_THE_SHEET = frozenset({"name", "description", "item_key"})
ON_THE_VERSION = frozenset({"primary_ref", "primary_kind", "sources", "filter_sql", "sample_size", "column_roles"})


@transaction.atomic
def create_sheet(
    *,
    by: User,
    name: str,
    connection: Connection,
    item_key: str,
    primary_ref: str,
    description: str = "",
    primary_kind: str = "table",
    sources: Sequence[Mapping[str, Any]] = (),
    filter_sql: str = "",
    sample_size: int | None = None,
    column_roles: Mapping[str, str] | None = None,
    owner: User | None = None,
) -> SheetVersion:
    """A new Sheet with its first version as a draft.

    :raises NotPermitted: `by` may not make Sheets, or not from this connection.
    :raises WorkbenchError: the definition cannot be read; `field` names the part at fault.
    """
    access.require(by, "workbench.add_sheet")
    access.require(by, "workbench.view_connection", connection)
    sheet = Sheet(name=name, description=description, connection=connection, item_key=item_key)
    sheet.owner = owner or by
    version = SheetVersion(
        sheet=sheet,
        number=1,
        created_by=by,
        primary_ref=primary_ref,
        primary_kind=primary_kind,
        sources=list(sources),
        filter_sql=filter_sql,
        sample_size=sample_size,
        column_roles=dict(column_roles or {}),
    )
    _settle(version, strict=True)
    with context.because("Sheet created", by=by):
        save_named(sheet)
        version.save()
    return version


@transaction.atomic
def update_draft(*, version: SheetVersion, by: User, **fields: Any) -> SheetVersion:
    """Change a draft; of the Sheet itself its name, its description and, until it is published, its item key.

    :raises NotADraft: it is published or archived.
    :raises WorkbenchError: the new definition cannot be read; `field` names the part at fault.
    """
    version = _locked(version)
    access.require(by, "workbench.change_sheet", version.sheet, action="change")
    _require_draft(version, "change")
    if unknown := sorted(set(fields) - ON_THE_SHEET - ON_THE_VERSION):
        raise InvalidInput(f"A Sheet has no field {unknown[0]!r} to change.", field=unknown[0])
    if fields.get("item_key", version.sheet.item_key) != version.sheet.item_key:
        _require_key_free(version.sheet)
    for name, value in fields.items():
        setattr(version.sheet if name in ON_THE_SHEET else version, name, value)
    _settle(version, strict="column_roles" in fields)
    with context.because("draft changed", by=by):
        if set(fields) & ON_THE_SHEET:
            save_named(version.sheet)
        version.save()
    return version


@transaction.atomic
def delete_draft(*, version: SheetVersion, by: User) -> None:
    """Delete a draft, and the Sheet with it when that was its only version.

    :raises NotADraft: what was ever published is archived instead.
    :raises ApprovalPending: its publication is asked for; withdraw that first.
    """
    version = _locked(version)
    sheet = version.sheet
    access.require(by, "workbench.delete_sheet", sheet, action="change")
    _require_draft(version, "delete")
    if open_request(version, GATE) is not None:
        raise ApprovalPending(f"Publishing “{version}” waits for approval; withdraw that request first.")
    with context.because("draft deleted", by=by):
        version.delete()
        if not sheet.versions.exists():
            _delete_sheet(sheet)


@transaction.atomic
def request_publish(*, version: SheetVersion, by: User, reason: str) -> ApprovalRequest:
    """Ask for publication. Tags, columns and the number of items are read again, so that approvers see them.

    :raises TransitionNotAllowed: it is no draft.
    :raises DuplicateItemKeys: the item key is not unique; the duplicates are named.
    :raises WorkbenchError: the definition cannot be read; `field` names the part at fault.
    """
    version = _locked(version)
    access.require(by, PUBLISH.permission, version.sheet, action="change")
    PUBLISH.check(version)
    _read_again(version, by)
    with context.because(reason, by=by):
        version.save(update_fields=["columns", "column_roles", "item_count", "source_version"])
    return desk.request_approval(gate=GATE, subject=version, by=by, reason=reason)


def publish_approved(version: SheetVersion, request: ApprovalRequest, by: User) -> None:
    """The gate's step: everything is read once more, and the version is frozen as it is now."""
    version = _locked(version)
    approved = version.columns
    PUBLISH.apply(version)
    _read_again(version, by)
    if version.columns != approved:
        raise ContentChanged(
            f"The columns of “{version}” changed in the data after publication was asked for, so the request is "
            "void. Look at it again and have it asked for anew."
        )
    version.published_at = timezone.now()
    version.save()


def check_publishable(version: SheetVersion) -> None:
    """:raises WorkbenchError: this version could not be published now; `field` names the part at fault."""
    PUBLISH.check(version)
    definitions.require_items(catalog_of(version.sheet.connection), Definition.of(version).selection())


@transaction.atomic
def start_new_version(*, sheet: Sheet, by: User) -> SheetVersion:
    """A draft that starts as a copy of the published version.

    :raises DraftExists: there is one already.
    :raises NotPublished: nothing was published yet.
    """
    sheet = Sheet.objects.select_for_update().get(pk=sheet.pk)
    access.require(by, "workbench.change_sheet", sheet, action="change")
    if draft := sheet.versions.filter(status=SheetVersion.Status.DRAFT).first():
        raise DraftExists(f"“{draft}” is a draft already; change or delete that one.", details={"id": str(draft.pk)})
    published = published_version(sheet)
    newest: int = sheet.versions.aggregate(newest=models.Max("number"))["newest"]
    copy = SheetVersion(sheet=sheet, number=newest + 1, created_by=by, columns=published.columns)
    for name in ON_THE_VERSION:
        setattr(copy, name, getattr(published, name))
    with context.because(f"new version, from v{published.number}", by=by):
        copy.save()
    return copy


@transaction.atomic
def archive(*, version: SheetVersion, by: User, reason: str) -> SheetVersion:
    """Take a published version out of use. What was made from it stays.

    :raises ReasonRequired: no reason was given.
    :raises TransitionNotAllowed: it is not published.
    """
    version = _locked(version)
    access.require(by, ARCHIVE.permission, version.sheet, action="change")
    if not reason.strip():
        raise ReasonRequired("Say why this version is archived; it goes on record.", field="reason")
    ARCHIVE.apply(version)
    with context.because(reason, by=by):
        version.save(update_fields=["status"])
    return version


def _locked(version: SheetVersion) -> SheetVersion:
    sheet = Sheet.objects.select_for_update().select_related("connection").get(pk=version.sheet_id)
    version = SheetVersion.objects.select_for_update().get(pk=version.pk)
    version.sheet = sheet
    return version


def _require_draft(version: SheetVersion, verb: str) -> None:
    if version.status != SheetVersion.Status.DRAFT:
        raise NotADraft(
            f"Cannot {verb} “{version}”: it is {version.status}, and only drafts can be. Start a new version, or "
            "archive this one.",
            field="status",
        )


def _require_key_free(sheet: Sheet) -> None:
    if sheet.versions.exclude(status=SheetVersion.Status.DRAFT).exists():
        raise InvalidInput(
            f"The item key of “{sheet}” stays {sheet.item_key}: labels hang on it since it was published. "
            "Make another Sheet for another key.",
            field="item_key",
        )


def _settle(version: SheetVersion, *, strict: bool) -> None:
    """Check the definition against the catalog and fill in what follows from it.

    Without `strict`, roles of columns that are no longer there are dropped; with it they are a fault.
    """
    version.filter_sql = version.filter_sql.strip()
    selection = Definition.of(version).selection()
    catalog = catalog_of(version.sheet.connection)
    columns = definitions.columns_of(catalog, selection)
    version.sources = definitions.plain_sources(selection.joins)
    version.columns = definitions.described(columns)
    if not strict:
        names = version.column_names
        version.column_roles = {name: role for name, role in version.column_roles.items() if name in names}
    version.column_roles = definitions.roles_for(catalog, Definition.of(version), columns)


def _read_again(version: SheetVersion, by: User) -> None:
    """Tags, columns, number of items and the state of the data, as they are now."""
    connection, wanted = version.sheet.connection, Definition.of(version)
    catalog, selection = catalog_of(connection), wanted.selection()
    _settle(version, strict=False)
    version.item_count = definitions.require_items(catalog, selection)
    version.source_version = catalog.source_version(selection.primary, selection.primary_kind)
    read_into_rows(connection=connection, by=by, refs=wanted.refs)


def _delete_sheet(sheet: Sheet) -> None:
    try:
        sheet.delete()
    except models.ProtectedError as error:
        raise SheetInUse(f"“{sheet}” has labels or other work that hangs on it, so it stays.") from error
