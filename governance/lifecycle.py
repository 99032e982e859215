"""Transitions as data: one table per stateful model draws its buttons, its diagram and its tests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import models

from governance.errors import TransitionNotAllowed


@dataclass(frozen=True, kw_only=True)
class Transition:
    """One step between states. `gate` names the approval that must come first, if any."""

    name: str
    sources: tuple[str, ...]
    target: str
    permission: str
    label: str = ""
    gate: str = ""
    danger: bool = False

    def apply(self, instance: models.Model) -> None:
        """Set the new status on a locked row; the caller saves it.

        :raises TransitionNotAllowed: if the row is in any other state.
        """
        self.check(instance)
        instance.status = self.target  # type: ignore[attr-defined]

    def check(self, instance: models.Model) -> None:
        """:raises TransitionNotAllowed: if this step does not start from the row's state."""
        status: str = instance.status  # type: ignore[attr-defined]
        if status not in self.sources:
            words = {value: str(word).lower() for value, word in instance._meta.get_field("status").flatchoices}  # type: ignore[union-attr]
            raise TransitionNotAllowed(
                f"Cannot {self.name.replace('_', ' ')} {instance._meta.verbose_name} “{instance}”: it is "
                f"{words[status]}, and this step starts from {' or '.join(words[one] for one in self.sources)}.",
                field="status",
                details={"status": status, "expected": list(self.sources)},
            )

    @property
    def button(self) -> str:
        return self.label or self.name.replace("_", " ").capitalize()


LIFECYCLES: dict[str, tuple[Transition, ...]] = {}


def register(model_label: str, transitions: Iterable[Transition]) -> None:
    """Enter the whole life of one model (label such as `workbench.sheetversion`)."""
    LIFECYCLES[model_label] = tuple(transitions)


def transitions_from(instance: models.Model) -> list[Transition]:
    """The steps that start from the row's present state."""
    known = LIFECYCLES.get(instance._meta.label_lower, ())
    return [step for step in known if instance.status in step.sources]  # type: ignore[attr-defined]
