"""Candidates straight from canonical labels: a template asks the question, the expert's answer is expected."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import Exists, OuterRef
from django.utils import timezone

from governance.derivations import derivation_of
from governance.errors import WorkbenchError
from governance.models import ConstrainedModel, Derivation
from governance.uses import Constraint, Use, combine
from labeling.labels.contents import digest, erased_among
from labeling.models import CanonicalLabel, LabelType, TemplateVersion
from labeling.prompts.filling import columns_of, fill
from training.datasets.candidates import Candidate
from training.datasets.causes import Causes, prohibited
from training.datasets.models import DatasetVersion
from training.datasets.rules import TEST, Rules
from workbench.models import SheetVersion
from workbench.sheets.selectors import items_by_ref, parents_for, published_version

BATCH = 500


@dataclass(frozen=True)
class LabelSource:
    """Whose labels, and the template that asks; the rows come from the Sheet's published version."""

    sheet_version: SheetVersion
    label_type: LabelType
    template: TemplateVersion

    @classmethod
    def of(cls, version: DatasetVersion) -> LabelSource:
        """Of a version that is made from labels: all three parts are set, or none."""
        sheet, label_type, template = version.label_sheet, version.label_type, version.label_template
        if sheet is None or label_type is None or template is None:
            raise LookupError(f"{version} is not made from canonical labels")
        return cls(published_version(sheet), label_type, template)

    @property
    def columns(self) -> frozenset[str] | None:
        """What the prompts show; None: all columns."""
        return columns_of(self.template, self.sheet_version.column_names)

    @property
    def parents(self) -> list[ConstrainedModel]:
        """What binds the prompts."""
        return [*parents_for(self.sheet_version, self.columns), self.template.template]


def prompt_derivation(version: DatasetVersion) -> Derivation:
    """What the version's prompts are made from, kept so that later changes reach its members."""
    source = LabelSource.of(version)
    scope: dict[str, object] = {
        "sheet": str(source.sheet_version.sheet_id),
        "sheet_version": str(source.sheet_version.pk),
        "template_version": str(source.template.pk),
        "columns": "all" if source.columns is None else sorted(source.columns),
    }
    return derivation_of(source.parents, scope=scope)


def label_candidates(version: DatasetVersion) -> Iterator[list[Candidate]]:
    """All labels in force of the version's Sheet and label type, by item, with their filled prompts."""
    source = LabelSource.of(version)
    uses = list(dict.fromkeys([Use.EVALUATION, *map(Use, Rules.parse(version.rules).uses)]))
    constraint = combine(parent.own_constraint for parent in source.parents)
    not_shown = [use for use in uses if not _permits(constraint, use)]
    causes, after = Causes(), ""
    while labels := list(_labels(source, uses, after)[:BATCH]):
        after = labels[-1].item_ref
        rows = items_by_ref(source.sheet_version, [label.item_ref for label in labels])
        yield _without_erased([
            _candidate(source, label, rows.get(label.item_ref), _prohibition(label, uses, not_shown, causes))
            for label in labels
        ])


def _permits(constraint: Constraint, use: Use) -> bool:
    in_force = constraint.until is None or constraint.until > timezone.now()
    return in_force and bool(constraint.uses & use.bit)


def _labels(source: LabelSource, uses: list[Use], after: str) -> Any:
    same = CanonicalLabel.objects.filter(pk=OuterRef("pk"))
    permits = {f"permits_{use}": Exists(same.permitting(use)) for use in uses}  # type: ignore[attr-defined]
    found = CanonicalLabel.objects.filter(
        sheet=source.sheet_version.sheet_id, label_type=source.label_type, retired_at__isnull=True, item_ref__gt=after
    )
    return found.annotate(**permits).order_by("item_ref")


def _candidate(
    source: LabelSource, label: CanonicalLabel, row: dict[str, Any] | None, excluded: str
) -> Candidate:
    prompt: dict[str, Any] | None = None
    if not excluded:
        prompt, excluded = _prompt(source, label, row)
    return Candidate(
        item_ref=label.item_ref,
        prompt=prompt,
        prompt_id=digest(prompt) if prompt else "",
        answer_id=label.content_id,
        label_id=label.pk,
        side=TEST,
        split_key=label.item_ref,
        excluded=excluded,
    )


def _without_erased(candidates: list[Candidate]) -> list[Candidate]:
    """A prompt that was erased does not come back from the source."""
    erased = erased_among(one.prompt_id for one in candidates)
    return [
        replace(one, prompt=None, prompt_id="", excluded="its prompt was erased") if one.prompt_id in erased else one
        for one in candidates
    ]


def _prohibition(label: Any, uses: list[Use], not_shown: list[Use], causes: Causes) -> str:
    for use in uses:
        if not getattr(label, f"permits_{use}"):
            return causes.of_row(label, use)
        if use in not_shown:
            return prohibited(use, "what the template shows")
    return ""


def _prompt(
    source: LabelSource, label: CanonicalLabel, row: dict[str, Any] | None
) -> tuple[dict[str, Any] | None, str]:
    """The filled question, or why there is none."""
    if row is None:
        return None, "the item is gone from the Sheet"
    try:
        return {"messages": fill(source.template, row, label.item_ref)}, ""
    except WorkbenchError as error:
        return None, f"the prompt cannot be filled: {error.message}"
