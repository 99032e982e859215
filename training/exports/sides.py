"""Which members an export of one use holds."""

from __future__ import annotations

from governance.uses import Use
from training.datasets.models import CuratedDataset, DatasetVersion
from training.datasets.rules import SIDE_USES
from training.exits import EXIT_OF_USE
from training.exports.errors import ExportRefused

SIDE_OF_USE = {use: side for side, use in SIDE_USES.items()}


def side_for(version: DatasetVersion, use: Use) -> str:
    """The side that an export for `use` holds; empty means all members, as for testing by hand.

    :raises ExportRefused: nothing leaves a dataset for this use.
    """
    if use not in EXIT_OF_USE:
        raise ExportRefused(
            f"There is no export for {use.label}; there are exports for "
            f"{', '.join(known.label for known in EXIT_OF_USE)}.", field="use",
        )  # fmt: skip
    if version.dataset.purpose == CuratedDataset.Purpose.EVALUATION and use in (Use.TRAINING, Use.VALIDATION):
        raise ExportRefused(f"“{version}” is for evaluation only; it has no rows for {use.label}.", field="use")
    return SIDE_OF_USE.get(use, "")
