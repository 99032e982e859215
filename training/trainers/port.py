"""What every trainer offers, and the registry of those installed. Algorithms live in their own files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from training.trainers.errors import HyperparameterRefused, UnknownTrainer

Value = int | float | bool | str
Progress = Callable[[int, int], None]
"""Called as (done, total) between stages; whatever it raises stops the training."""


@dataclass(frozen=True, kw_only=True)
class Hyperparameter:
    """One setting of a trainer, declared as data: forms, API and docs are drawn from it."""

    name: str
    type: Literal["int", "float", "choice", "bool"]
    default: Value
    help: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()

    def accept(self, value: object) -> Value:
        """`value` as this setting's type.

        :raises HyperparameterRefused: wrong type or out of range.
        """
        accepted = _TYPED[self.type](value)
        if accepted is None or not self._is_allowed(accepted):
            raise HyperparameterRefused(
                f"Hyperparameter {self.name} is {value!r}; expected {self.expectation}.", field=self.name
            )
        return accepted

    @property
    def expectation(self) -> str:
        """The accepted values, in words."""
        if self.type == "choice":
            return "one of " + ", ".join(self.choices)
        if self.type == "bool":
            return "true or false"
        kind = "a whole number" if self.type == "int" else "a number"
        return f"{kind} from {self.minimum} to {self.maximum}"

    def _is_allowed(self, value: Value) -> bool:
        if self.type == "choice":
            return value in self.choices
        if isinstance(value, bool | str):
            return True
        above = self.minimum is None or value >= self.minimum
        return above and (self.maximum is None or value <= self.maximum)


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if abs(number) != float("inf") and number == number else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _truth(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


_TYPED: Mapping[str, Callable[[object], Value | None]] = {
    "int": _whole,
    "float": _number,
    "choice": _text,
    "bool": _truth,
}


@dataclass(frozen=True)
class Example:
    """One prompt and the answer an expert stands behind; a JSON answer is its canonical text."""

    prompt: str
    answer: str


@dataclass(frozen=True)
class Prediction:
    """An answer and how sure the model is of it, in [0, 1]; not calibrated."""

    answer: str
    confidence: float


class TrainedModel(Protocol):
    """What a trainer hands back: it answers prompts, and a folder holds all of it."""

    facts: dict[str, Any]
    """JSON-safe numbers about the training, for the run's page and the tracker."""

    @property
    def requirements(self) -> tuple[str, ...]:
        """What `pip install` needs before a saved model can be loaded outside this project."""
        ...

    @property
    def serving_script(self) -> Path:
        """An MLflow models-from-code file; given the saved folder as artifact `model`, it serves it."""
        ...

    def predict(self, prompts: Sequence[str]) -> list[Prediction]: ...

    def save(self, folder: Path) -> None: ...

    @classmethod
    def load(cls, folder: Path) -> TrainedModel: ...


class Trainer(Protocol):
    """Turns examples into a model. Knows nothing of rights, datasets or runs."""

    @property
    def slug(self) -> str: ...

    @property
    def label(self) -> str: ...

    @property
    def base_models(self) -> tuple[tuple[str, str], ...]:
        """(value, label) choices of what the training starts from."""
        ...

    @property
    def hyperparameters(self) -> tuple[Hyperparameter, ...]: ...

    @property
    def fewest_answers(self) -> int:
        """How many different answers the training side needs, so that a hopeless run is refused before it starts."""
        ...

    def validate(self, values: Mapping[str, object]) -> dict[str, Value]: ...

    def train(
        self,
        examples: Iterable[Example],
        validation: Iterable[Example],
        hyperparameters: Mapping[str, object],
        progress: Progress,
        workdir: Path,
    ) -> TrainedModel:
        """`workdir` is scratch space for trainers that need a disk; nothing there is kept."""
        ...

    def load(self, folder: Path) -> TrainedModel: ...


def validated(declared: Sequence[Hyperparameter], values: Mapping[str, object]) -> dict[str, Value]:
    """Every declared setting with its accepted value or default, in declared order.

    :raises HyperparameterRefused: a name nobody declared, a wrong type, or a value out of range.
    """
    known = {setting.name for setting in declared}
    for name in values:
        if name not in known:
            raise HyperparameterRefused(
                f"Unknown hyperparameter {name!r}; this trainer has {', '.join(sorted(known))}.",
                field=str(name),
            )
    return {setting.name: setting.accept(values.get(setting.name, setting.default)) for setting in declared}


_REGISTERED: dict[str, Trainer] = {}


def register_trainer(trainer: Trainer) -> None:
    """Offer a trainer under its slug; the same slug again replaces it."""
    _REGISTERED[trainer.slug] = trainer


def trainers() -> tuple[Trainer, ...]:
    """All registered trainers, by slug."""
    return tuple(_REGISTERED[slug] for slug in sorted(_REGISTERED))


def get_trainer(slug: str) -> Trainer:
    """:raises UnknownTrainer: nothing is registered under `slug`."""
    if slug not in _REGISTERED:
        raise UnknownTrainer(
            f"No trainer is called {slug!r}; installed are {', '.join(sorted(_REGISTERED))}.", field="trainer"
        )
    return _REGISTERED[slug]
