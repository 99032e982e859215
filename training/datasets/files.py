"""Reading the files that members name, each through the Sheet version that its prompt was made from."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from labeling.models import TrainingSheet
from training.datasets.models import DatasetVersion
from workbench.models import SheetVersion
from workbench.sheets.selectors import reader_of


def reader_for(version: DatasetVersion, training_sheet: UUID | str | None) -> Callable[[str], bytes]:
    """Reads the files of members of `version` that came from `training_sheet`, or from labels where there is none."""
    return reader_of(_made_from(version, training_sheet))


def _made_from(version: DatasetVersion, training_sheet: UUID | str | None) -> SheetVersion:
    versions = SheetVersion.objects.select_related("sheet__connection")
    if training_sheet:
        return versions.get(pk=TrainingSheet.objects.values("sheet_version").get(pk=training_sheet)["sheet_version"])
    if version.prompt_derivation is None:
        raise LookupError(f"{version} is not frozen, so its prompts are made from nothing yet")
    return versions.get(pk=version.prompt_derivation.scope["sheet_version"])
