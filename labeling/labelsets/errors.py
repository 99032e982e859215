"""One class per broken rule of labelsets."""

from __future__ import annotations

from governance.errors import InvalidInput, WorkbenchError


class ClassesRefused(InvalidInput):
    """The classes are not usable, or do not agree with the response schema."""

    code = "classes_refused"


class VersionFrozen(WorkbenchError):
    """What was published does not change; a change is a new version."""

    code = "version_frozen"


class DraftExists(WorkbenchError):
    """There is a draft already, and there can be one at a time."""

    code = "draft_exists"


class NothingPublished(WorkbenchError):
    """The step needs a published version, and there is none."""

    code = "nothing_published"
