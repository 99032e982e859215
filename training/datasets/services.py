"""Making, changing, freezing, approving and archiving Curated Datasets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django.db import transaction

from governance import access, context, desk, jobs
from governance.approvals.selectors import open_request
from governance.errors import ApprovalPending, InvalidInput, ReasonRequired
from governance.models import Job
from governance.names import save_named
from labeling.models import TrainingSheet
from training.datasets import freezing
from training.datasets.errors import (
    Freezing,
    MembersProhibited,
    NotADraft,
    NotFrozen,
    NotReviewed,
    SplitFixed,
    SplitRefused,
)
from training.datasets.models import CuratedDataset, DatasetVersion
from training.datasets.rules import EVALUATION_SPLIT, Rules, Split
from training.datasets.selectors import why_prohibited
from training.datasets.sources import derivations_under, read_tags, read_tags_under
from training.datasets.transitions import APPROVE, ARCHIVE

if TYPE_CHECKING:
    from governance.models import ApprovalRequest, User

CHANGE = "training.change_curateddataset"
ON_THE_DATASET = frozenset({"name", "description", "use_case", "split"})
ON_THE_VERSION = frozenset({"rules", "label_sheet", "label_type", "label_template"})
LABEL_PARTS = ("label_sheet", "label_type", "label_template")


@transaction.atomic
def create_dataset(
    *,
    by: User,
    name: str,
    description: str = "",
    purpose: str = CuratedDataset.Purpose.TRAINING,
    split: Mapping[str, Any] | None = None,
    use_case: Any = None,
    training_sheets: Iterable[TrainingSheet] = (),
    rules: Mapping[str, Any] | None = None,
    owner: User | None = None,
    **label_parts: Any,
) -> DatasetVersion:
    """A new dataset with its first version as a draft.

    From `training_sheets`, or for evaluation from canonical labels: `label_sheet`, `label_type`, `label_template`.

    :raises NotReviewed: the review of a Training Sheet is not finished.
    :raises SplitRefused: the shares are no split.
    :raises RulesRefused: a rule cannot be used.
    """
    access.require(by, "training.add_curateddataset")
    dataset = CuratedDataset(name=name, description=description, purpose=purpose, use_case=use_case, owner=owner or by)
    dataset.split = _checked_split(dataset, split)
    version = DatasetVersion(dataset=dataset, number=1, created_by=by, rules=Rules.parse(rules or {}).as_json())
    _set_label_parts(version, label_parts)
    sheets = list(training_sheets)
    _require_sources(version, sheets, by)
    with context.because("dataset created", by=by):
        save_named(dataset)
        version.save()
        version.training_sheets.set(sheets)
    return version


@transaction.atomic
def update_draft(
    *, version: DatasetVersion, by: User, training_sheets: Iterable[TrainingSheet] | None = None, **fields: Any
) -> DatasetVersion:
    """Change what a draft selects; of the dataset its name, description, use case and, before the first freeze, split.

    :raises NotADraft: its members are fixed.
    :raises SplitFixed: a version was frozen with the present split.
    """
    version = _locked(version, by)
    _require_open(version, "change")
    if unknown := sorted(set(fields) - ON_THE_DATASET - ON_THE_VERSION):
        raise InvalidInput(f"A dataset has no field {unknown[0]!r} to change.", field=unknown[0])
    _set_on_dataset(version.dataset, {key: fields[key] for key in fields if key in ON_THE_DATASET})
    if "rules" in fields:
        version.rules = Rules.parse(fields["rules"]).as_json()
    _set_label_parts(version, {key: fields[key] for key in fields if key in LABEL_PARTS})
    sheets = list(version.training_sheets.all() if training_sheets is None else training_sheets)
    _require_sources(version, sheets, by)
    with context.because("draft changed", by=by):
        save_named(version.dataset)
        version.save()
        version.training_sheets.set(sheets)
    return version


@transaction.atomic
def update_dataset(*, dataset: CuratedDataset, by: User, **fields: Any) -> CuratedDataset:
    """Rename or describe a dataset, or change its split before the first freeze.

    :raises SplitFixed: a version was frozen with the present split.
    """
    dataset = CuratedDataset.objects.select_for_update().get(pk=dataset.pk)
    access.require(by, CHANGE, dataset, action="change")
    if unknown := sorted(set(fields) - ON_THE_DATASET):
        raise InvalidInput(f"A dataset has no field {unknown[0]!r} to change.", field=unknown[0])
    _set_on_dataset(dataset, fields)
    for draft in dataset.versions.filter(frozen_at__isnull=True):
        draft.dataset = dataset
        _require_columns(dataset, list(draft.training_sheets.select_related("sheet_version")))
    with context.because("dataset changed", by=by):
        save_named(dataset)
    return dataset


@transaction.atomic
def delete_draft(*, version: DatasetVersion, by: User) -> None:
    """Delete a version that was never approved, and the dataset with it when that was its only one.

    :raises NotADraft: what was ever approved is archived instead.
    :raises ApprovalPending: its approval is asked for; withdraw that first.
    """
    version = _locked(version, by)
    access.require(by, "training.delete_curateddataset", version.dataset, action="change")
    if version.status != DatasetVersion.Status.DRAFT:
        raise NotADraft(f"Cannot delete “{version}”: it is {version.status}. Archive it instead.", field="status")
    _require_not_asked(version)
    _require_not_freezing(version)
    dataset = version.dataset
    with context.because("draft deleted", by=by):
        version.delete()
        if not dataset.versions.exists():
            dataset.delete()


def freeze(*, version: DatasetVersion, by: User) -> Job:
    """Fix the members, counts and fingerprint of a draft, as a job.

    :raises NotADraft: they are fixed already.
    :raises Freezing: a job does so now.
    :raises TagsUnknown: the tags of a source cannot be read.
    """
    access.require(by, CHANGE, version.dataset, action="change")
    read_tags(version, by=by)
    return _freeze(version, by)


@transaction.atomic
def _freeze(version: DatasetVersion, by: User) -> Job:
    version = _locked(version, by)
    _require_open(version, "freeze")
    _require_sources(version, list(version.training_sheets.select_related("sheet_version")), by)
    payload = {"version": str(version.pk), "definition": freezing.definition_of(version)}
    return jobs.enqueue(freezing.JOB, subject=version, by=by, payload=payload)


def request_approval(*, version: DatasetVersion, by: User, reason: str) -> ApprovalRequest:
    """Ask for approval of a frozen version, or of a suspended one whose members permit their use again.

    :raises NotFrozen: its members are not fixed yet.
    :raises MembersProhibited: members do not permit the use of their side.
    :raises TagsUnknown: the tags of a source cannot be read.
    """
    access.require(by, CHANGE, version.dataset, action="change")
    read_tags(version, by=by)
    return _request_approval(version, by, reason)


@transaction.atomic
def _request_approval(version: DatasetVersion, by: User, reason: str) -> ApprovalRequest:
    version = _locked(version, by)
    APPROVE.check(version)
    return desk.request_approval(gate=APPROVE.gate, subject=version, by=by, reason=reason)


def check_approvable(version: DatasetVersion) -> None:
    """:raises WorkbenchError: the version could not be approved now."""
    APPROVE.check(version)
    if version.frozen_at is None:
        raise NotFrozen(f"“{version}” is not frozen, so there is nothing fixed to approve. Freeze it first.")
    if lost := why_prohibited(version):
        words = "; ".join(f"{count} {reason}" for reason, count in lost.items())
        raise MembersProhibited(
            f"“{version}” holds rows that no longer permit their use: {words}. Start a new version without them.",
            details={"prohibited": lost},
        )


def approve(version: DatasetVersion, request: ApprovalRequest, by: User) -> None:
    """The gate's step. Sources are locked first, so that no constraint tightens unseen between check and approval."""
    locked = DatasetVersion.objects.select_for_update().get(pk=version.pk)
    _lock_sources(locked)
    check_approvable(locked)
    APPROVE.apply(locked)
    locked.status_reason = ""
    locked.save(update_fields=["status", "status_reason"])


def _lock_sources(version: DatasetVersion) -> None:
    list(derivations_under(version).select_for_update().order_by("pk"))


@transaction.atomic
def start_new_version(*, dataset: CuratedDataset, by: User) -> DatasetVersion:
    """A draft that selects as the newest version does.

    :raises ApprovalPending: there is a draft that is not frozen yet.
    """
    dataset = CuratedDataset.objects.select_for_update().get(pk=dataset.pk)
    access.require(by, CHANGE, dataset, action="change")
    newest = dataset.versions.order_by("-number").first()
    if newest is None or newest.frozen_at is None:
        raise NotADraft(f"“{newest or dataset}” is not frozen yet; change that draft.", field="status")
    copy = DatasetVersion(dataset=dataset, number=newest.number + 1, created_by=by)
    for name in ON_THE_VERSION:
        setattr(copy, name, getattr(newest, name))
    with context.because(f"new version, from v{newest.number}", by=by):
        copy.save()
        copy.training_sheets.set(newest.training_sheets.all())
    return copy


@transaction.atomic
def archive(*, version: DatasetVersion, by: User, reason: str) -> DatasetVersion:
    """Take a version out of use. Runs and exports made from it stay on record."""
    version = _locked(version, by)
    if not reason.strip():
        raise ReasonRequired("Say why this version is archived; it goes on record.", field="reason")
    ARCHIVE.apply(version)
    version.status_reason = reason.strip()
    with context.because(reason, by=by):
        version.save(update_fields=["status", "status_reason"])
    return version


def curate_everything(*, training_sheet: TrainingSheet, by: User) -> Job:
    """One click: a dataset of everything in one Training Sheet that passes, split 80/20, and its freezing begun."""
    access.require(by, "training.add_curateddataset")
    access.require(by, "labeling.view_trainingsheet", training_sheet)
    read_tags_under(training_sheet, by=by)
    name = _free_name(training_sheet.name, by)
    with transaction.atomic():
        version = create_dataset(by=by, name=name, training_sheets=[training_sheet], use_case=training_sheet.use_case)
        return _freeze(version, by)


def _free_name(name: str, by: User) -> str:
    """The name, numbered where `by` sees a dataset that has it."""
    seen = CuratedDataset.objects.visible_to(by).filter(name__startswith=name[:100])
    taken = set(seen.values_list("name", flat=True))
    numbered = (f"{name[:100]} ({number})" for number in range(2, len(taken) + 3))
    return name if name not in taken else next(one for one in numbered if one not in taken)


def _locked(version: DatasetVersion, by: User) -> DatasetVersion:
    dataset = CuratedDataset.objects.select_for_update().get(pk=version.dataset_id)
    access.require(by, CHANGE, dataset, action="change")
    locked = DatasetVersion.objects.select_for_update().get(pk=version.pk)
    locked.dataset = dataset
    return locked


def _require_open(version: DatasetVersion, verb: str) -> None:
    if version.status != DatasetVersion.Status.DRAFT or version.frozen_at is not None:
        raise NotADraft(f"Cannot {verb} “{version}”: its members are fixed. Start a new version.", field="status")
    _require_not_freezing(version)


def _require_not_freezing(version: DatasetVersion) -> None:
    if Job.objects.filter(kind=freezing.JOB, subject_id=version.pk, state__in=["queued", "running"]).exists():
        raise Freezing(f"“{version}” is being frozen now; wait for that job or cancel it.")


def _require_not_asked(version: DatasetVersion) -> None:
    if open_request(version, APPROVE.gate) is not None:
        raise ApprovalPending(f"Approving “{version}” is asked for; withdraw that request first.")


def _checked_split(dataset: CuratedDataset, split: Mapping[str, Any] | None) -> dict[str, Any]:
    if dataset.purpose not in CuratedDataset.Purpose.values:
        raise InvalidInput(
            f"{dataset.purpose!r} is no purpose; expected {' or '.join(CuratedDataset.Purpose.values)}.",
            field="purpose",
        )
    if dataset.purpose == CuratedDataset.Purpose.EVALUATION:
        by = str((split or {}).get("by") or "")
        return {**EVALUATION_SPLIT.as_json(), "by": by}
    wanted = Split() if split is None else Split.parse(split)
    if not wanted.train:
        raise SplitRefused(
            "A training dataset needs a train share above 0; choose the purpose “evaluation only” for a set "
            "that trains nothing.", field="split",
        )  # fmt: skip
    return wanted.as_json()


def _set_on_dataset(dataset: CuratedDataset, fields: Mapping[str, Any]) -> None:
    for name, value in fields.items():
        if name != "split":
            setattr(dataset, name, value)
    if "split" not in fields:
        return
    wanted = _checked_split(dataset, fields["split"])
    if wanted != dataset.split and dataset.versions.filter(frozen_at__isnull=False).exists():
        raise SplitFixed(
            f"The split of “{dataset}” stays as it is: a version was frozen with it, and no group may change sides. "
            "Make another dataset for another split.", field="split",
        )  # fmt: skip
    dataset.split = wanted


def _set_label_parts(version: DatasetVersion, parts: Mapping[str, Any]) -> None:
    if unknown := sorted(set(parts) - set(LABEL_PARTS)):
        raise InvalidInput(f"A dataset has no field {unknown[0]!r}.", field=unknown[0])
    for name, value in parts.items():
        setattr(version, name, value)


def _require_sources(version: DatasetVersion, sheets: list[TrainingSheet], by: User) -> None:
    """Reviewed Training Sheets, or a complete choice of canonical labels; all visible to `by`."""
    if any(getattr(version, name) is not None for name in LABEL_PARTS):
        _require_label_parts(version, sheets, by)
        return
    if not sheets:
        raise InvalidInput("Choose one Training Sheet or more.", field="training_sheets")
    for sheet in sheets:
        access.require(by, "labeling.view_trainingsheet", sheet)
        if sheet.status != TrainingSheet.Status.REVIEWED:
            raise NotReviewed(
                f"The Training Sheet “{sheet}” is {sheet.get_status_display().lower()}; only reviewed ones can be "
                "curated. Finish its review first.", field="training_sheets",
            )  # fmt: skip
    _require_columns(version.dataset, sheets)


def _require_label_parts(version: DatasetVersion, sheets: list[TrainingSheet], by: User) -> None:
    sheet, label_type, template = version.label_sheet, version.label_type, version.label_template
    if sheet is None or label_type is None or template is None:
        missing = next(name for name in LABEL_PARTS if getattr(version, name) is None)
        raise InvalidInput(
            "A set from canonical labels needs their Sheet, their label type and a template that asks.", field=missing
        )
    if version.dataset.purpose != CuratedDataset.Purpose.EVALUATION:
        raise InvalidInput(
            "Only sets for evaluation are made straight from canonical labels; a training set takes reviewed "
            "Training Sheets.", field="label_sheet",
        )  # fmt: skip
    if sheets:
        raise InvalidInput("Choose either Training Sheets or canonical labels.", field="training_sheets")
    access.require(by, "workbench.view_sheet", sheet)
    access.require(by, "labeling.view_prompttemplate", template.template)
    if template.status == "draft":
        raise InvalidInput(f"“{template}” is a draft; have it published first.", field="label_template")
    if template.template.label_type_id != label_type.pk:
        raise InvalidInput(
            f"“{template}” asks for {template.template.label_type}, and the labels are {label_type}.",
            field="label_template",
        )


def _require_columns(dataset: CuratedDataset, sheets: list[TrainingSheet]) -> None:
    by = dataset.split.get("by")
    for sheet in sheets if by else ():
        if by not in sheet.sheet_version.column_names:
            raise SplitRefused(
                f"“{sheet.sheet_version}” has no column {by!r} to keep items together by; it has "
                f"{', '.join(sheet.sheet_version.column_names)}.", field="split",
            )  # fmt: skip
