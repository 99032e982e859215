"""Where a checked template runs: plain data only, own filters, and a budget that operations pay from."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from jinja2 import StrictUndefined, Undefined, UndefinedError, nodes, pass_context
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from .grammar import LOOP_ATTRIBUTES, TESTS

STEP_LIMIT = 10_000
WORK_LIMIT = 20_000_000
TIME_LIMIT = 0.2
# Not an identifier, so no template can name it.
BUDGET = "<budget>"


class LimitPassed(Exception):
    """The budget is used up; the message says which part of it."""


class Unsuitable(Exception):
    """An operation met a value that it does not work on; the message says which."""


class Absent(UndefinedError):
    """`name` was read from `holder`, or from the row when `holder` is None, and is not there."""

    def __init__(self, name: object, holder: object, message: str) -> None:
        super().__init__(message)
        self.name = name
        self.holder = holder


class Budget:
    """What one filling-in may still use: loop steps, characters and processor seconds of its thread."""

    __slots__ = ("deadline", "row_size", "steps", "work")

    def __init__(self, row_size: int) -> None:
        self.row_size = row_size
        self.steps = STEP_LIMIT
        self.work = WORK_LIMIT
        self.deadline = time.thread_time() + TIME_LIMIT

    def step(self) -> None:
        self.steps -= 1
        if self.steps < 0:
            raise LimitPassed(f"more than {STEP_LIMIT:,} loop steps")
        self.look_at_clock()

    def charge(self, characters: int) -> None:
        self.work -= characters
        if self.work < 0:
            raise LimitPassed(f"more than {WORK_LIMIT:,} characters handled")
        self.look_at_clock()

    def weigh(self, value: object) -> None:
        """Charge for reading `value`; lists and objects are taken to be as large as the whole row."""
        if isinstance(value, str):
            self.charge(len(value))
        elif isinstance(value, list | dict):
            self.charge(self.row_size)

    def look_at_clock(self) -> None:
        if time.thread_time() > self.deadline:
            raise LimitPassed(f"more than {TIME_LIMIT:g} s of computing")


class _Missing(StrictUndefined):
    """Any use of it says what was missing and where."""

    def __init__(self, hint: str | None = None, obj: Any = None, name: Any = None, exc: Any = None) -> None:
        super().__init__(hint, obj, name)
        self._undefined_exception = partial(Absent, name, obj)  # type: ignore[assignment]


class PromptEnvironment(ImmutableSandboxedEnvironment):
    """Looks names up in dictionaries and lists, and never in the attributes of a Python object."""

    intercepted_binops = frozenset({"+", "-"})

    def __init__(self) -> None:
        super().__init__(
            undefined=_Missing, autoescape=False, finalize=_shown, optimized=False, cache_size=0,
            keep_trailing_newline=True,
        )  # fmt: skip
        self.globals = {}
        self.filters = {**FILTERS, **_OPERATIONS}
        self.tests = {name: test for name, test in self.tests.items() if name in TESTS}

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, LoopContext) and attribute in LOOP_ATTRIBUTES:
            return getattr(obj, attribute)
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, Undefined):
            str(obj)
        name: Any = argument
        is_key = isinstance(obj, dict) and isinstance(argument, str) and argument in obj
        is_position = isinstance(obj, list) and type(argument) is int and -len(obj) <= argument < len(obj)
        return obj[argument] if is_key or is_position else self.undefined(obj=obj, name=name)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        for value in (left, right):
            context[BUDGET].weigh(_present(value))
        if _is_number(left) and _is_number(right):
            return _finite(left + right if operator == "+" else left - right)
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            return left + right
        works_on = "two numbers or two texts" if operator == "+" else "two numbers"
        raise Unsuitable(f"{operator} works on {works_on}, not {_kind(left)} and {_kind(right)}")


class Metered(NodeTransformer):
    """Routes what Jinja2 would do by itself (loops, comparisons, ~) through functions that pay."""

    def visit_For(self, node: nodes.For) -> nodes.Node:
        self.generic_visit(node)
        node.iter = _operation("<steps>", node.iter)
        return node

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:
        self.generic_visit(node)
        node.expr = _operation("<weigh>", node.expr)
        for operand in node.ops:
            operand.expr = _operation("<weigh>", operand.expr)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        self.generic_visit(node)
        return _operation("<concat>", nodes.List(node.nodes, lineno=node.lineno))


def _operation(name: str, node: Any) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)


def _present(value: Any) -> Any:
    if isinstance(value, Undefined):
        str(value)
    return value


def _kind(value: object) -> str:
    if _is_number(value):
        return "a number"
    names = {str: "text", bool: "true/false", list: "a list", dict: "an object"}
    return names.get(type(value), "nothing (null)")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _finite(number: Any) -> Any:
    if not math.isfinite(number):
        raise Unsuitable("the sum is larger than a number can be")
    return number


def _as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


@pass_context
def _shown(context: Context, value: Any) -> Any:
    """Lists and objects are written as JSON, which models read better than Python's own notation."""
    context[BUDGET].weigh(value)
    return _as_json(value) if isinstance(value, list | dict) else value


@pass_context
def _steps(context: Context, value: Any) -> Iterator[Any]:
    if not isinstance(_present(value), list | dict):
        raise Unsuitable(f"a loop goes over a list or an object, not {_kind(value)}")
    return _counted(value, context[BUDGET])


def _counted(value: Any, budget: Budget) -> Iterator[Any]:
    for element in value:
        budget.step()
        yield element


@pass_context
def _weigh(context: Context, value: Any) -> Any:
    context[BUDGET].weigh(value)
    return value


@pass_context
def _concat(context: Context, values: list[Any]) -> str:
    return "".join([str(_shown(context, value)) for value in values])


_OPERATIONS: dict[str, Callable[..., Any]] = {"<steps>": _steps, "<weigh>": _weigh, "<concat>": _concat}
FILTERS: dict[str, Callable[..., Any]] = {}


def _filter(function: Callable[..., Any]) -> Callable[..., Any]:
    """Enter a filter under its name without the trailing underscore."""
    FILTERS[function.__name__.rstrip("_")] = pass_context(function)
    return function


def _text(context: Context, value: Any) -> str:
    text = _present(value)
    if not isinstance(text, str):
        raise Unsuitable(f"this filter works on text, not {_kind(value)}; write the filter string before it")
    context[BUDGET].charge(len(text))
    return text


@_filter
def upper(context: Context, value: Any) -> str:
    return _text(context, value).upper()


@_filter
def lower(context: Context, value: Any) -> str:
    return _text(context, value).lower()


@_filter
def title(context: Context, value: Any) -> str:
    return _text(context, value).title()


@_filter
def capitalize(context: Context, value: Any) -> str:
    return _text(context, value).capitalize()


@_filter
def trim(context: Context, value: Any) -> str:
    return _text(context, value).strip()


@_filter
def string(context: Context, value: Any) -> str:
    return str(_shown(context, value))


@_filter
def tojson(context: Context, value: Any, indent: Any = None) -> str:
    """Not Jinja2's own, which escapes for HTML."""
    if indent is not None and (type(indent) is not int or not 0 <= indent <= 8):
        raise Unsuitable(f"tojson takes an indent from 0 to 8, not {indent!r}")
    context[BUDGET].weigh(_present(value))
    return json.dumps(value, ensure_ascii=False, indent=indent)


@_filter
def length(context: Context, value: Any) -> int:
    if not isinstance(_present(value), str | list | dict):
        raise Unsuitable(f"length works on text, a list or an object, not {_kind(value)}")
    context[BUDGET].look_at_clock()
    return len(value)


@_filter
def default(context: Context, value: Any, fallback: Any = "", empty_too: Any = False) -> Any:
    """`fallback` where the value is missing; with `empty_too` also where it is null, empty, 0 or false."""
    context[BUDGET].look_at_clock()
    return fallback if isinstance(value, Undefined) or (empty_too and not value) else value


@_filter
def join(context: Context, value: Any, separator: Any = "") -> str:
    glue = _present(separator)
    if not isinstance(_present(value), list) or not isinstance(glue, str):
        raise Unsuitable(
            f"join puts text between elements of a list, not {_kind(separator)} in {_kind(value)}"
        )
    context[BUDGET].charge(len(glue) * len(value))
    return glue.join([str(_shown(context, element)) for element in value])


@_filter
def first(context: Context, value: Any) -> Any:
    return _element(context, value, 0)


@_filter
def last(context: Context, value: Any) -> Any:
    return _element(context, value, -1)


def _element(context: Context, value: Any, position: Any) -> Any:
    if not isinstance(_present(value), str | list):
        raise Unsuitable(f"first and last work on text or a list, not {_kind(value)}")
    context[BUDGET].look_at_clock()
    return value[position] if value else context.environment.undefined(obj=value, name=position)


@_filter
def truncate(context: Context, value: Any, length: Any = 255, end: Any = "...") -> str:
    """At most `length` characters, `end` included; cut at a space where there is one."""
    if type(length) is not int or not isinstance(end, str) or length < len(end):
        raise Unsuitable(f"truncate takes a length of at least that of its ending {end!r}, not {length!r}")
    text = _text(context, value)
    if len(text) <= length:
        return text
    return text[: length - len(end)].rsplit(" ", 1)[0] + end


@_filter
def round_(context: Context, value: Any, digits: Any = 0) -> float:
    if not _is_number(_present(value)) or type(digits) is not int or not 0 <= digits <= 15:
        raise Unsuitable(f"round takes a number and 0 to 15 digits, not {_kind(value)} and {digits!r}")
    context[BUDGET].look_at_clock()
    return round(float(value), digits)


@_filter
def int_(context: Context, value: Any) -> int:
    """Digits are read as they stand, since a long number would lose its last ones as a float."""
    if isinstance(value, str) and len(value) <= 100 and value.strip().lstrip("-").isdecimal():
        return int(value)
    return value if type(value) is int else int(_number(context, value))


@_filter
def float_(context: Context, value: Any) -> float:
    return _number(context, value)


def _number(context: Context, value: Any) -> float:
    context[BUDGET].weigh(_present(value))
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise Unsuitable(f"int and float need a number, not {_kind(value)} {str(value)[:40]!r}")
    return number
