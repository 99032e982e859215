"""Compiling a Prompt Template that a user wrote, and filling it in with a row."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from jinja2 import Template, TemplateError, TemplateSyntaxError, nodes

from .columns import References, read_references
from .errors import MissingColumn, PromptRefused, PromptTooCostly, UnusableValue
from .grammar import ROW_NAME, check_grammar
from .sandbox import BUDGET, FILTERS, Absent, Budget, LimitPassed, Metered, PromptEnvironment, Unsuitable

SOURCE_LIMIT = 20_000
OUTPUT_LIMIT = 1_000_000
ROW_LIMIT = 2_000_000
VALUE_DEPTH_LIMIT = 30
ENVIRONMENT = PromptEnvironment()


@dataclass(frozen=True)
class Prompt:
    """A template that passed the allow-list. `field` is the form field it came from, for messages."""

    source: str
    field: str
    references: References
    template: Template


def compile_prompt(source: str, *, field: str) -> Prompt:
    """:raises PromptRefused: too long, no Jinja2, or a construct that is not on the allow-list."""
    if len(source) > SOURCE_LIMIT:
        raise PromptRefused(
            f"{field} has {len(source):,} characters; a prompt may have {SOURCE_LIMIT:,}. Shorten it.",
            field=field,
        )
    try:
        tree = ENVIRONMENT.parse(source)
        check_grammar(tree, field=field, filters=FILTERS)
        return Prompt(source=source, field=field, references=read_references(tree), template=_compiled(tree))
    except TemplateSyntaxError as error:
        raise _not_jinja(field, error.lineno, error.message or "syntax error") from error
    except (RecursionError, SyntaxError, ValueError, MemoryError) as error:
        raise _not_jinja(field, 1, "it nests too deeply or holds a number too long to read") from error


def render(prompt: Prompt, row: Mapping[str, Any]) -> str:
    """The prompt for one row. The template sees the columns it names and no others.

    :raises MissingColumn: the row lacks a value that the template reads.
    :raises UnusableValue: a value is not plain JSON, or is used as something it is not.
    :raises PromptTooCostly: a limit on loops, text or time was passed.
    """
    seen = _columns_seen(prompt, row)
    budget = Budget(_checked_size(prompt, seen))
    try:
        return _filled(prompt, {**seen, ROW_NAME: seen, BUDGET: budget})
    except Absent as error:
        raise _missing(prompt, error, row) from error
    except LimitPassed as error:
        raise _too_costly(prompt, error) from error
    except (Unsuitable, TemplateError, TypeError, ValueError, ArithmeticError) as error:
        line = _line(prompt, error.__traceback__)
        raise UnusableValue(
            f"{prompt.field}, line {line}: {error}.", field=prompt.field, details={"line": line}
        ) from error


def _columns_seen(prompt: Prompt, row: Mapping[str, Any]) -> dict[str, Any]:
    """What counts as used is all that can be used: a column that the analysis missed is not there to read."""
    if prompt.references.dynamic:
        return dict(row)
    return {name: row[name] for name in prompt.references.lines if name in row}


def _compiled(tree: nodes.Template) -> Template:
    metered = Metered().visit(tree)
    metered.set_environment(ENVIRONMENT)
    return Template.from_code(ENVIRONMENT, ENVIRONMENT.compile(metered), {})


def _filled(prompt: Prompt, names: dict[str, Any]) -> str:
    chunks: list[str] = []
    size = 0
    budget = names[BUDGET]
    for chunk in prompt.template.root_render_func(prompt.template.new_context(names)):
        budget.look_at_clock()
        size += len(chunk)
        if size > OUTPUT_LIMIT:
            raise LimitPassed(f"more than {OUTPUT_LIMIT:,} characters of prompt")
        chunks.append(chunk)
    return "".join(chunks)


def _checked_size(prompt: Prompt, columns: Mapping[str, Any]) -> int:
    """Characters and values in the columns that the template reads."""
    size = sum(_plain_size(prompt, name, value, 0) for name, value in columns.items())
    if size > ROW_LIMIT:
        raise PromptTooCostly(
            f"{prompt.field}: the columns it reads hold {size:,} characters in this row; "
            f"the limit is {ROW_LIMIT:,}. Read fewer columns, or shorten them in the Sheet.",
            field=prompt.field,
        )
    return size


def _plain_size(prompt: Prompt, column: str, value: Any, depth: int) -> int:
    kind = type(value)
    if kind is str:
        return len(value) + 1
    if kind is int or kind is bool or value is None or (kind is float and math.isfinite(value)):
        return 1
    if depth < VALUE_DEPTH_LIMIT and kind is list:
        return 1 + sum(_plain_size(prompt, column, one, depth + 1) for one in value)
    if depth < VALUE_DEPTH_LIMIT and kind is dict and all(type(key) is str for key in value):
        return 1 + sum(len(key) + _plain_size(prompt, column, one, depth + 1) for key, one in value.items())
    raise UnusableValue(
        f"{prompt.field}: column {column!r} holds a {kind.__name__} that is not plain JSON "
        f"(text, finite number, true/false, null, list or object, up to {VALUE_DEPTH_LIMIT} levels).",
        field=prompt.field,
        details={"column": column, "type": kind.__name__},
    )


def _not_jinja(field: str, line: int, reason: str) -> PromptRefused:
    return PromptRefused(
        f"{field}, line {line}: no Jinja2 template: {reason}. Write placeholders as {{{{ column }}}}.",
        field=field,
        details={"line": line},
    )


def _missing(prompt: Prompt, error: Absent, row: Mapping[str, Any]) -> MissingColumn:
    line = _line(prompt, error.__traceback__)
    inside = error.holder is not None and error.name not in prompt.references.lines
    holder = error.holder if inside and isinstance(error.holder, Mapping) else row
    what = "key" if inside else "column"
    names = sorted(holder)
    known = ", ".join(names) or "none"
    return MissingColumn(
        f"{prompt.field}, line {line}: {what} {error.name!r} is missing. Available: {known}.",
        field=prompt.field,
        details={what: error.name, "line": line, "available": names},
    )


def _too_costly(prompt: Prompt, error: LimitPassed) -> PromptTooCostly:
    line = _line(prompt, error.__traceback__)
    return PromptTooCostly(
        f"{prompt.field}, line {line}: filling it in needs {error}. Use fewer loops or shorter columns.",
        field=prompt.field,
        details={"line": line},
    )


def _line(prompt: Prompt, traceback: TracebackType | None) -> int:
    """The template's line at which a filling-in stopped; 1 where none of its lines was running."""
    line = 1
    while traceback is not None:
        if traceback.tb_frame.f_globals.get("__jinja_template__") is prompt.template:
            line = prompt.template.get_corresponding_lineno(traceback.tb_lineno)
        traceback = traceback.tb_next
    return line
