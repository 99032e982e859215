"""One class per broken rule of runs and models."""

from __future__ import annotations

from governance.errors import InvalidInput, WorkbenchError


class RunRefused(InvalidInput):
    """A run's name, model, base model or dataset cannot be used."""

    code = "run_refused"


class NothingPermitted(WorkbenchError):
    """No member permits training now."""

    code = "nothing_permitted"


class AliasRefused(InvalidInput):
    """A name that the registry does not take as an alias."""

    code = "alias_refused"


class NotAffected(WorkbenchError):
    """Nothing is to be decided: the model learned from no row that would not permit it today."""

    code = "not_affected"


class ModelAffected(WorkbenchError):
    """The model learned from rows that would not permit it today, and nobody accountable has let it stay in use."""

    code = "model_affected"
