"""Reading Prompt Templates."""

from __future__ import annotations

from labeling.labelsets.errors import NothingPublished
from labeling.prompts.definition import number_of
from labeling.prompts.models import PromptTemplate, TemplateVersion


def newest_version(template: PromptTemplate) -> TemplateVersion | None:
    """The highest semantic version, whatever its state."""
    return max(template.versions.all(), key=number_of, default=None)


def published_version(template: PromptTemplate) -> TemplateVersion:
    """The highest published version.

    :raises NothingPublished: there is none.
    """
    published = template.versions.filter(status=TemplateVersion.Status.PUBLISHED)
    version = max(published, key=number_of, default=None)
    if version is None:
        raise NothingPublished(f"Template “{template}” has no published version.", field="template")
    return version


def draft_of(template: PromptTemplate) -> TemplateVersion | None:
    return template.versions.filter(status=TemplateVersion.Status.DRAFT).first()


def template_words(pk: str) -> str:
    """What to call the template version with this id."""
    return f"template {TemplateVersion.objects.select_related('template').get(pk=pk)}"
