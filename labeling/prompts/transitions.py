"""The life of a version of a Prompt Template."""

from __future__ import annotations

from governance.lifecycle import Transition
from labeling.prompts.models import TemplateVersion

Status = TemplateVersion.Status
PUBLISH = Transition(
    name="publish",
    sources=(Status.DRAFT,),
    target=Status.PUBLISHED,
    permission="labeling.change_prompttemplate",
    gate="template-publish",
)
ARCHIVE = Transition(
    name="archive",
    sources=(Status.PUBLISHED,),
    target=Status.ARCHIVED,
    permission="labeling.change_prompttemplate",
    danger=True,
)
ALL = (PUBLISH, ARCHIVE)
