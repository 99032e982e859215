"""The registry of exits: every place where governed content leaves, and the use that it needs there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar

from governance.errors import UseProhibited
from governance.models import PermittedQuerySet
from governance.uses import Use


@dataclass(frozen=True)
class Exit:
    """One place where rows leave; `use` is what each of them must permit."""

    name: str
    use: Use
    description: str


EXITS: dict[str, Exit] = {}
Function = TypeVar("Function", bound=Callable[..., Any])


def exit_for(use: Use, *, name: str, description: str) -> Callable[[Function], Function]:
    """Declare a function as an exit. Its first argument must be rows that permit `use`; else it refuses."""
    EXITS[name] = Exit(name, use, description)

    def decorate(function: Function) -> Function:
        @wraps(function)
        def guarded(rows: PermittedQuerySet, *args: Any, **kwargs: Any) -> Any:
            held = getattr(rows, "use", None)
            if not isinstance(rows, PermittedQuerySet) or held != use:
                raise UseProhibited(
                    f"Exit “{name}” takes only rows that permit {use.label}; it was given rows for "
                    f"{held or 'no checked use'}."
                )
            return function(rows, *args, **kwargs)

        return guarded  # type: ignore[return-value]

    return decorate
