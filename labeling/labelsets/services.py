"""Every write to label types, labelsets, their versions and their bindings."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from governance import access, context, desk
from governance.constraints import Terms
from governance.errors import InvalidInput, ReasonRequired
from governance.models import ApprovalRequest, User
from governance.names import save_named
from labeling.labelsets import selectors
from labeling.labelsets.classes import checked_classes, checked_columns, checked_schema, schema_of_classes
from labeling.labelsets.errors import DraftExists, VersionFrozen
from labeling.labelsets.models import Labelset, LabelsetBinding, LabelsetVersion, LabelType
from labeling.labelsets.transitions import ARCHIVE, PUBLISH
from workbench.models import Sheet

CHANGE = "labeling.change_labelset"
MOST_OPINIONS = 20


@transaction.atomic
def create_label_type(*, slug: str, by: User, description: str = "") -> LabelType:
    """Enter a new kind of task.

    :raises InvalidInput: it exists.
    """
    access.require(by, "labeling.add_labeltype")
    if LabelType.objects.filter(pk=slug).exists():
        raise InvalidInput(f"Label type {slug!r} exists already.", field="slug")
    with context.because("label type entered", by=by):
        return LabelType.objects.create(slug=slug, description=description)


@transaction.atomic
def create_labelset(
    *,
    by: User,
    name: str,
    label_type: LabelType,
    description: str = "",
    instructions: str = "",
    classes: object = (),
    response_schema: object = None,
    seen_columns: object = (),
    terms: Terms | None = None,
    owner: User | None = None,
) -> LabelsetVersion:
    """A labelset with its first draft. `terms` are the constraint of every label made with it.

    :raises InvalidInput: the name is taken.
    :raises ClassesRefused: the classes are not usable or do not agree with the schema.
    :raises SchemaRefused: the schema is no usable JSON Schema.
    """
    access.require(by, "labeling.add_labelset")
    definition = _definition(instructions, classes, response_schema, seen_columns)
    labelset = Labelset(name=name, description=description, label_type=label_type, owner=owner or by)
    for field, value in vars(terms).items() if terms else ():
        setattr(labelset, field, value)
    with context.because("labelset created", by=by):
        save_named(labelset)
        return LabelsetVersion.objects.create(labelset=labelset, number=1, created_by=by, **definition)


@transaction.atomic
def update_labelset(*, labelset: Labelset, by: User, name: str, description: str) -> Labelset:
    """Change name and description, whatever its versions say.

    :raises InvalidInput: the name is taken.
    """
    labelset = Labelset.objects.select_for_update().get(pk=labelset.pk)
    access.require(by, CHANGE, labelset, action="change")
    labelset.name, labelset.description = name, description
    with context.because("labelset renamed or described", by=by):
        save_named(labelset)
    return labelset


@transaction.atomic
def ask_opinions(*, labelset: Labelset, by: User, number: int, reason: str) -> Labelset:
    """Set how many experts answer each item on their own. What was said before stays, and counts.

    Never fewer while an item waits for its opinions: they were given blind, and would be open before all are there.
    :raises InvalidInput: fewer than 1 or more than MOST_OPINIONS, or fewer than items in the making were promised.
    :raises ReasonRequired: no reason was given.
    """
    labelset = Labelset.objects.select_for_update().get(pk=labelset.pk)
    access.require(by, CHANGE, labelset, action="change")
    if not 1 <= number <= MOST_OPINIONS:
        raise InvalidInput(f"{number} opinions cannot be asked; expected 1 to {MOST_OPINIONS}.", field="number")
    given = labelset.opinions.all()
    waiting = given.exclude(pk__in=given.complete().values("pk"))
    if number < labelset.opinions_asked and waiting.exists():
        raise InvalidInput(
            f"Some items wait for more of the {labelset.opinions_asked} opinions; those given are not to be seen "
            "before. Have these items answered first, then ask for fewer.",
            field="number",
        )
    if not reason.strip():
        raise ReasonRequired("Say why this many are asked; it goes on record.", field="reason")
    labelset.opinions_asked = number
    with context.because(reason, by=by):
        labelset.save(update_fields=["opinions_asked"])
    return labelset


def _definition(instructions: str, classes: object, response_schema: object, seen_columns: object) -> dict[str, Any]:
    entries = checked_classes(list(classes) if isinstance(classes, tuple) else classes)
    columns = list(seen_columns) if isinstance(seen_columns, tuple) else seen_columns
    return {
        "instructions": instructions,
        "classes": entries,
        "response_schema": checked_schema(response_schema, entries),
        "seen_columns": checked_columns(columns),
    }


@transaction.atomic
def update_draft(*, version: LabelsetVersion, by: User, **fields: Any) -> LabelsetVersion:
    """Change instructions, classes, response_schema or seen_columns of a draft.

    A schema that was generated from the classes follows them, unless another one is given.

    :raises VersionFrozen: it was published.
    """
    version, _ = _locked_draft(version, by)
    if unknown := set(fields) - set(EDITABLE):
        raise InvalidInput(f"A draft has no {', '.join(sorted(unknown))}.", field=min(unknown))
    values = {name: fields.get(name, getattr(version, name)) for name in EDITABLE}
    if values["response_schema"] == schema_of_classes(version.classes):
        values["response_schema"] = None
    for name, value in _definition(**values).items():
        setattr(version, name, value)
    with context.because("draft changed", by=by):
        version.save(update_fields=list(EDITABLE))
    return version


EDITABLE = ("instructions", "classes", "response_schema", "seen_columns")


def _locked_draft(version: LabelsetVersion, by: User) -> tuple[LabelsetVersion, Labelset]:
    labelset = Labelset.objects.select_for_update().get(pk=version.labelset_id)
    version = LabelsetVersion.objects.select_for_update().get(pk=version.pk)
    access.require(by, CHANGE, labelset, action="change")
    if version.status != LabelsetVersion.Status.DRAFT:
        raise VersionFrozen(f"{version} is {version.status} and does not change. Start a new version.")
    version.labelset = labelset
    return version, labelset


@transaction.atomic
def delete_draft(*, version: LabelsetVersion, by: User) -> None:
    """Remove a draft, and the labelset with it when nothing of it was ever published.

    :raises VersionFrozen: it was published.
    """
    version, labelset = _locked_draft(version, by)
    with context.because("draft deleted", by=by):
        version.delete()
        if not labelset.versions.exists() and not labelset.template_versions.exists():
            labelset.delete()


@transaction.atomic
def request_publish(*, version: LabelsetVersion, by: User, reason: str) -> ApprovalRequest:
    """Ask that a draft be published; an approver decides."""
    version = LabelsetVersion.objects.select_for_update().get(pk=version.pk)
    access.require(by, PUBLISH.permission, version.labelset, action="change")
    return desk.request_approval(gate=PUBLISH.gate, subject=version, by=by, reason=reason)


def check_publishable(version: LabelsetVersion) -> None:
    """:raises InvalidInput: what is missing or does not agree, by field."""
    PUBLISH.check(version)
    if not version.response_schema:
        raise InvalidInput("Give classes or a response schema before publishing.", field="response_schema")
    checked_schema(version.response_schema, checked_classes(version.classes))


def publish(version: LabelsetVersion, request: ApprovalRequest, by: User) -> None:
    """The gate's step. The caller is the approval desk."""
    version = LabelsetVersion.objects.select_for_update().get(pk=version.pk)
    check_publishable(version)
    PUBLISH.apply(version)
    version.published_at = timezone.now()
    version.save(update_fields=["status", "published_at"])


@transaction.atomic
def archive(*, version: LabelsetVersion, by: User, reason: str) -> LabelsetVersion:
    """Take a published version out of use; labels made with it stay."""
    if not reason.strip():
        raise ReasonRequired("Say why it is archived; it goes on record.", field="reason")
    version = LabelsetVersion.objects.select_for_update().get(pk=version.pk)
    access.require(by, ARCHIVE.permission, version.labelset, action="change")
    ARCHIVE.apply(version)
    with context.because(reason, by=by):
        version.save(update_fields=["status"])
    return version


@transaction.atomic
def start_new_version(*, labelset: Labelset, by: User) -> LabelsetVersion:
    """A draft that is a copy of the newest version.

    :raises DraftExists: there is a draft already.
    """
    labelset = Labelset.objects.select_for_update().get(pk=labelset.pk)
    access.require(by, CHANGE, labelset, action="change")
    if draft := selectors.draft_of(labelset):
        raise DraftExists(f"{draft} is a draft already. Change or delete that one.")
    newest = labelset.versions.order_by("-number").first()
    copied = {name: getattr(newest, name) for name in EDITABLE} if newest else {}
    with context.because("new version started", by=by):
        return LabelsetVersion.objects.create(
            labelset=labelset, number=newest.number + 1 if newest else 1, created_by=by, **copied
        )


@transaction.atomic
def bind_labelset(*, sheet: Sheet, labelset: Labelset, by: User) -> LabelsetBinding:
    """Let `labelset` answer for its label type on `sheet`, in place of any other.

    :raises NothingPublished: the labelset has no published version.
    """
    access.require(by, CHANGE, labelset)
    access.require(by, CHANGE, sheet, action="change")
    selectors.published_version(labelset)
    with context.because(f"labelset “{labelset}” bound", by=by):
        binding, created = LabelsetBinding.objects.select_for_update().get_or_create(
            sheet=sheet, label_type=labelset.label_type, defaults={"labelset": labelset, "created_by": by}
        )
        if not created and binding.labelset_id != labelset.pk:
            binding.labelset = labelset
            binding.save(update_fields=["labelset"])
    return binding


@transaction.atomic
def unbind(*, binding: LabelsetBinding, by: User) -> None:
    """Take a labelset off a Sheet; labels stay."""
    access.require(by, CHANGE, binding.sheet, action="change")
    with context.because(f"labelset “{binding.labelset}” unbound", by=by):
        binding.delete()
