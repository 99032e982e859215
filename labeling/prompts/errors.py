"""One class per broken rule of prompts."""

from __future__ import annotations

from governance.errors import InvalidInput


class PromptRefused(InvalidInput):
    """The template's text holds a construct that templates may not use, or is no Jinja2."""

    code = "prompt_refused"


class UnknownPlaceholder(InvalidInput):
    """The template names a column that the Sheet does not have."""

    code = "unknown_placeholder"


class MissingColumn(InvalidInput):
    """The row lacks a value that the template reads."""

    code = "missing_column"


class UnusableValue(InvalidInput):
    """A value of the row is not plain JSON, or the template uses it as something it is not."""

    code = "unusable_value"


class PromptTooCostly(InvalidInput):
    """Filling in the template would pass a limit on loops, text or time."""

    code = "prompt_too_costly"
