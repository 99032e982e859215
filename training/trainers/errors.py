"""Rules a training request can break before or while a trainer works."""

from __future__ import annotations

from governance.errors import InvalidInput, WorkbenchError


class UnknownTrainer(InvalidInput):
    """No trainer is registered under this slug."""

    code = "unknown_trainer"


class HyperparameterRefused(InvalidInput):
    """A hyperparameter is unknown, of the wrong type or out of its range."""

    code = "hyperparameter_refused"


class NothingToLearn(WorkbenchError):
    """The examples cannot teach anything: none, one answer only, or prompts that do not differ."""

    code = "nothing_to_learn"


class ExampleRefused(WorkbenchError):
    """One example has no prompt or no answer."""

    code = "example_refused"


class ModelUnreadable(WorkbenchError):
    """A folder does not hold a whole model that this trainer saved."""

    code = "model_unreadable"
