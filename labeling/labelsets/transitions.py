"""The life of a labelset version."""

from __future__ import annotations

from governance.lifecycle import Transition
from labeling.labelsets.models import LabelsetVersion

Status = LabelsetVersion.Status
PUBLISH = Transition(
    name="publish",
    sources=(Status.DRAFT,),
    target=Status.PUBLISHED,
    permission="labeling.change_labelset",
    gate="labelset-publish",
)
ARCHIVE = Transition(
    name="archive",
    sources=(Status.PUBLISHED,),
    target=Status.ARCHIVED,
    permission="labeling.change_labelset",
    danger=True,
)
ALL = (PUBLISH, ARCHIVE)
