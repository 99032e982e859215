"""Which columns a Prompt Template reads, from its syntax tree. Usage constraints follow from the answer."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jinja2 import nodes

from .errors import UnknownPlaceholder
from .grammar import ROW_NAME

if TYPE_CHECKING:
    from .rendering import Prompt


@dataclass(frozen=True)
class ColumnsUsed:
    """`dynamic`: the template chooses columns while it is filled in, so all of them count as used."""

    names: frozenset[str]
    dynamic: bool


@dataclass(frozen=True)
class References:
    """Each column named in a template, with the line of its first mention."""

    lines: dict[str, int]
    dynamic: bool


def columns_used(prompt: Prompt, available: Collection[str]) -> ColumnsUsed:
    """The columns whose tags bind what this prompt makes. Unknown names are kept, not dropped."""
    names = frozenset(prompt.references.lines)
    if prompt.references.dynamic:
        names |= frozenset(available)
    return ColumnsUsed(names=names, dynamic=prompt.references.dynamic)


def check_columns(prompt: Prompt, available: Collection[str]) -> None:
    """Refuse a prompt that names anything but `available` columns.

    :raises UnknownPlaceholder: names each such placeholder, its line and the nearest column.
    """
    unknown = [
        {"placeholder": name, "line": line, "nearest": _nearest(name, available)}
        for name, line in prompt.references.lines.items()
        if name not in available
    ]
    if unknown:
        raise UnknownPlaceholder(
            f"{prompt.field}: {'; '.join(_sentence(one) for one in unknown)}. "
            f"Available columns: {', '.join(sorted(available)) or 'none'}.",
            field=prompt.field,
            details={"unknown": unknown},
        )


def read_references(tree: nodes.Template) -> References:
    """Every free name is a column; the bare row, or a computed key, makes the template dynamic."""
    reader = _Reader()
    reader.visit(tree, frozenset())
    return References(lines=reader.lines, dynamic=reader.dynamic)


def _nearest(name: str, available: Collection[str]) -> str | None:
    folded = {column.casefold(): column for column in available}
    return next((folded[match] for match in difflib.get_close_matches(name.casefold(), folded, n=1)), None)


def _sentence(unknown: Mapping[str, object]) -> str:
    hint = f" (nearest: {unknown['nearest']!r})" if unknown["nearest"] else ""
    return f"line {unknown['line']}: no column {unknown['placeholder']!r}{hint}"


class _Reader:
    def __init__(self) -> None:
        self.lines: dict[str, int] = {}
        self.dynamic = False

    def visit(self, node: nodes.Node, bound: frozenset[str]) -> None:
        if isinstance(node, nodes.Name):
            self.visit_name(node, bound)
        elif isinstance(node, nodes.For):
            self.visit_for(node, bound)
        elif (column := _column_of_row(node)) is not None:
            self.lines.setdefault(column, node.lineno)
        else:
            for child in node.iter_child_nodes():
                self.visit(child, bound)

    def visit_name(self, node: nodes.Name, bound: frozenset[str]) -> None:
        if node.name == ROW_NAME:
            self.dynamic = True
        elif node.name not in bound:
            self.lines.setdefault(node.name, node.lineno)

    def visit_for(self, node: nodes.For, bound: frozenset[str]) -> None:
        """The loop's names hold in its body and condition only; in its source and `else` they are columns."""
        inner = bound | {"loop", *_names(node.target)}
        self.visit(node.iter, bound)
        for child in (*node.body, *([node.test] if node.test else [])):
            self.visit(child, inner)
        for child in node.else_:
            self.visit(child, bound)


def _names(target: nodes.Node) -> list[str]:
    """The grammar lets a loop have one plain name."""
    return [target.name] if isinstance(target, nodes.Name) else []


def _column_of_row(node: nodes.Node) -> str | None:
    """`item.name` and `item["name"]`; None for anything else, also for `item[expression]`."""
    if not isinstance(node, nodes.Getattr | nodes.Getitem):
        return None
    if not isinstance(node.node, nodes.Name) or node.node.name != ROW_NAME:
        return None
    if isinstance(node, nodes.Getattr):
        return node.attr
    key = node.arg.value if isinstance(node.arg, nodes.Const) else None
    return key if isinstance(key, str) else None
