"""Every write to Prompt Templates and their versions, and trying one out on rows of a Sheet."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from governance import access, context, desk
from governance.constraints import Terms
from governance.errors import InvalidInput, ReasonRequired, WorkbenchError
from governance.models import ApprovalRequest, User
from governance.names import save_named
from labeling.labelsets.errors import DraftExists, VersionFrozen
from labeling.labelsets.models import LabelType
from labeling.labelsets.selectors import published_version as published_labelset
from labeling.prompts import selectors
from labeling.prompts.columns import check_columns
from labeling.prompts.definition import FIELDS, check_complete, check_form, next_number, number_of
from labeling.prompts.files import check_file_columns
from labeling.prompts.filling import Message, columns_of, fill, prompts_of
from labeling.prompts.models import PromptTemplate, TemplateVersion
from labeling.prompts.transitions import ARCHIVE, PUBLISH
from workbench.models import SheetVersion
from workbench.sheets import selectors as sheets

CHANGE = "labeling.change_prompttemplate"
FIRST_VERSION = "1.0.0"


@transaction.atomic
def create_template(
    *,
    by: User,
    name: str,
    label_type: LabelType,
    description: str = "",
    terms: Terms | None = None,
    owner: User | None = None,
    number: str = FIRST_VERSION,
    **definition: Any,
) -> TemplateVersion:
    """A template with its first draft. `number` is its semantic version, `definition` its other fields.

    :raises InvalidInput: the name is taken, or a field is not usable; names the field and the line.
    """
    access.require(by, "labeling.add_prompttemplate")
    template = PromptTemplate(name=name, description=description, label_type=label_type, owner=owner or by)
    for key, value in vars(terms).items() if terms else ():
        setattr(template, key, value)
    with context.because("template created", by=by):
        save_named(template)
        draft = TemplateVersion(template=template, created_by=by)
        return _write(draft, definition | {"number": number}, by)


@transaction.atomic
def update_template(*, template: PromptTemplate, by: User, name: str, description: str) -> PromptTemplate:
    """Change name and description, whatever its versions say.

    :raises InvalidInput: the name is taken.
    """
    template = PromptTemplate.objects.select_for_update().get(pk=template.pk)
    access.require(by, CHANGE, template, action="change")
    template.name, template.description = name, description
    with context.because("template renamed or described", by=by):
        save_named(template)
    return template


def _write(version: TemplateVersion, values: dict[str, Any], by: User) -> TemplateVersion:
    if unknown := set(values) - {*FIELDS, "number"}:
        raise InvalidInput(f"A template version has no {', '.join(sorted(unknown))}.", field=min(unknown))
    for name, value in values.items():
        setattr(version, "version" if name == "number" else name, value)
    if version.labelset is not None:
        access.require(by, "labeling.view_labelset", version.labelset)
    if version.endpoint is not None:
        access.require(by, "workbench.view_modelendpoint", version.endpoint)
    _check_number(version)
    check_form(version)
    version.save()
    return version


def _check_number(version: TemplateVersion) -> None:
    for validate in version._meta.get_field("version").validators:
        try:
            validate(version.version)
        except ValidationError as error:
            raise InvalidInput(f"{version.version!r}: use a semantic version such as 1.0.0.", field="number") from error
    taken = version.template.versions.filter(version=version.version).exclude(pk=version.pk)
    if taken.exists():
        raise InvalidInput(f"Version {version.version} exists already.", field="number")


@transaction.atomic
def update_draft(*, version: TemplateVersion, by: User, **fields: Any) -> TemplateVersion:
    """Change a draft: any field of its definition, and its semantic version as `number`.

    :raises VersionFrozen: it was published.
    """
    version, _ = _locked_draft(version, by)
    with context.because("draft changed", by=by):
        return _write(version, fields, by)


def _locked_draft(version: TemplateVersion, by: User) -> tuple[TemplateVersion, PromptTemplate]:
    template = PromptTemplate.objects.select_for_update().get(pk=version.template_id)
    version = TemplateVersion.objects.select_for_update().get(pk=version.pk)
    access.require(by, CHANGE, template, action="change")
    if version.status != TemplateVersion.Status.DRAFT:
        raise VersionFrozen(f"{version} is {version.status} and does not change. Start a new version.")
    version.template = template
    return version, template


@transaction.atomic
def delete_draft(*, version: TemplateVersion, by: User) -> None:
    """Remove a draft, and the template with it when it has no other version."""
    version, template = _locked_draft(version, by)
    with context.because("draft deleted", by=by):
        version.delete()
        if not template.versions.exists():
            template.delete()


def take_over_schema(*, version: TemplateVersion, by: User) -> TemplateVersion:
    """Make the labelset's published schema the output schema of a draft.

    :raises InvalidInput: the draft names no labelset.
    """
    if version.labelset is None:
        raise InvalidInput("Choose a labelset first.", field="labelset")
    schema = published_labelset(version.labelset).response_schema
    return update_draft(version=version, by=by, output_schema=schema)


@transaction.atomic
def request_publish(*, version: TemplateVersion, by: User, reason: str) -> ApprovalRequest:
    """Ask that a draft be published; an approver decides."""
    version = TemplateVersion.objects.select_for_update().get(pk=version.pk)
    access.require(by, PUBLISH.permission, version.template, action="change")
    return desk.request_approval(gate=PUBLISH.gate, subject=version, by=by, reason=reason)


def check_publishable(version: TemplateVersion) -> None:
    """:raises InvalidInput: what is missing or does not agree, by field."""
    PUBLISH.check(version)
    check_complete(version)


def publish(version: TemplateVersion, request: ApprovalRequest, by: User) -> None:
    """The gate's step. The caller is the approval desk."""
    version = TemplateVersion.objects.select_for_update(of=("self",)).get(pk=version.pk)
    check_publishable(version)
    PUBLISH.apply(version)
    version.published_at = timezone.now()
    version.save(update_fields=["status", "published_at"])


@transaction.atomic
def archive(*, version: TemplateVersion, by: User, reason: str) -> TemplateVersion:
    """Take a published version out of use; what was generated with it stays."""
    if not reason.strip():
        raise ReasonRequired("Say why it is archived; it goes on record.", field="reason")
    version = TemplateVersion.objects.select_for_update().get(pk=version.pk)
    access.require(by, ARCHIVE.permission, version.template, action="change")
    ARCHIVE.apply(version)
    with context.because(reason, by=by):
        version.save(update_fields=["status"])
    return version


@transaction.atomic
def start_new_version(*, template: PromptTemplate, by: User, level: str = "minor") -> TemplateVersion:
    """A draft that is a copy of the newest version, with the next major, minor or patch number.

    :raises DraftExists: there is a draft already.
    """
    template = PromptTemplate.objects.select_for_update().get(pk=template.pk)
    access.require(by, CHANGE, template, action="change")
    if draft := selectors.draft_of(template):
        raise DraftExists(f"{draft} is a draft already. Change or delete that one.")
    newest = selectors.newest_version(template)
    number = next_number(number_of(newest), level) if newest else FIRST_VERSION
    with context.because("new version started", by=by):
        return TemplateVersion.objects.create(
            template=template, version=number, created_by=by, **(_copied(newest) if newest else {})
        )


def _copied(version: TemplateVersion) -> dict[str, Any]:
    return {name: getattr(version, name) for name in FIELDS}


@transaction.atomic
def duplicate(*, version: TemplateVersion, name: str, by: User) -> TemplateVersion:
    """A template of its own with a copy of this version. What bound the original's text binds the copy."""
    access.require(by, "labeling.view_prompttemplate", version.template)
    return create_template(
        by=by,
        name=name,
        label_type=version.template.label_type,
        description=version.template.description,
        terms=Terms.of(version.template),
        **_copied(version),
    )


@dataclass(frozen=True)
class Tried:
    """One item's filled-in prompt, or why it cannot be filled in (`field` and `line` of the template)."""

    ref: str
    messages: list[Message] = field(default_factory=list)
    error: str = ""
    field: str = ""
    line: int | None = None


@dataclass(frozen=True)
class Trial:
    """A template on the first items of a Sheet. `columns` is None where all columns count as used."""

    columns: list[str] | None
    problems: list[str]
    items: list[Tried]


def test_template(*, version: TemplateVersion, sheet_version: SheetVersion, by: User, limit: int = 5) -> Trial:
    """Fill the template in with the first items of a Sheet; nothing is saved and no model is asked."""
    access.require(by, "labeling.view_prompttemplate", version.template)
    access.require(by, "workbench.view_sheet", sheet_version.sheet)
    available = sheet_version.column_names
    check_file_columns([name for name in version.file_columns if name in available], sheet_version)
    used = columns_of(version, available)
    batch = next(iter(sheets.iter_items(sheet_version, batch_size=limit)), [])
    return Trial(
        columns=None if used is None else sorted(used),
        problems=_column_problems(version, available),
        items=[_tried(version, item) for item in batch[:limit]],
    )


def _column_problems(version: TemplateVersion, available: list[str]) -> list[str]:
    problems = []
    for prompt in prompts_of(version):
        try:
            check_columns(prompt, available)
        except WorkbenchError as error:
            problems.append(error.message)
    missing = [name for name in version.file_columns if name not in available]
    return problems + [f"file_columns: the Sheet has no column {name!r}." for name in missing]


def _tried(version: TemplateVersion, item: sheets.Item) -> Tried:
    try:
        return Tried(ref=item.ref, messages=fill(version, item.row, item.ref))
    except WorkbenchError as error:
        line = error.details.get("line")
        return Tried(ref=item.ref, error=error.message, field=error.field, line=line if isinstance(line, int) else None)
