"""The life of a Sheet version."""

from governance.lifecycle import Transition
from workbench.sheets.models import SheetVersion

Status = SheetVersion.Status

PUBLISH = Transition(
    name="publish",
    sources=(Status.DRAFT,),
    target=Status.PUBLISHED,
    permission="workbench.change_sheet",
    gate="sheet-publish",
)
ARCHIVE = Transition(
    name="archive",
    sources=(Status.PUBLISHED,),
    target=Status.ARCHIVED,
    permission="workbench.change_sheet",
    danger=True,
)
ALL = (PUBLISH, ARCHIVE)
