"""The part of Jinja2 that a Prompt Template may use, checked on its syntax tree before it is compiled."""

from __future__ import annotations

import inspect
import math
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping

from jinja2 import nodes

from .errors import PromptRefused

DEPTH_LIMIT = 60
LOOP_DEPTH_LIMIT = 4
ROW_NAME = "item"
LOOP_ATTRIBUTES = frozenset({"index", "index0", "first", "last"})
TESTS = frozenset("boolean defined even false mapping none number odd string true undefined".split())
# Jinja2 gives these names a meaning of its own, so a column can be read by them only as item.<name>.
RESERVED_NAMES = frozenset({"self", "super", "caller", "varargs", "kwargs"})

PLAIN = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.CondExpr, nodes.Keyword),
    *(nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Concat, nodes.Add, nodes.Sub),
)
REFUSED_WORDS: Mapping[type[nodes.Node], str] = {
    nodes.Call: "a call (...)",
    nodes.Mul: "the operator *",
    nodes.Pow: "the operator **",
    nodes.Mod: "the operator %",
    nodes.Div: "the operator /",
    nodes.FloorDiv: "the operator //",
    nodes.Pos: "the sign +",
    nodes.Assign: "{% set %}",
    nodes.AssignBlock: "{% set %}",
    nodes.Slice: "a slice [a:b]",
    nodes.Dict: "a dictionary literal",
    nodes.FilterBlock: "{% filter %}",
    nodes.CallBlock: "{% call %}",
    nodes.FromImport: "{% from %}",
    nodes.ScopedEvalContextModifier: "{% autoescape %}",
}
ALLOWED = (
    "columns as {{ name }} or {{ item.name }}, text, if / elif / else, for over a column, comparisons, "
    "and / or / not, ~, +, - and the listed filters and tests"
)

CONSTANT_TYPES = {str: "text", int: "number", float: "number", bool: "true/false", type(None): "none"}


def check_grammar(tree: nodes.Template, *, field: str, filters: Mapping[str, Callable[..., object]]) -> None:
    """Refuse the template unless every node of it is on the allow-list.

    `filters` maps the names that may be used to functions `(context, value, *arguments)`.

    :raises PromptRefused: names the field, the line, the construct and what is allowed.
    """
    checker = _Checker(field, filters)
    for node, depth, loops in _walk(tree):
        checker.check_depth(node, depth, loops)
        checker.check(node, loops)


def _walk(tree: nodes.Node) -> Iterator[tuple[nodes.Node, int, int]]:
    """Each node with its depth and the number of loops around it; iterative, since users choose the depth."""
    stack: list[tuple[nodes.Node, int, int]] = [(tree, 0, 0)]
    while stack:
        node, depth, loops = stack.pop()
        yield node, depth, loops
        inner = loops + isinstance(node, nodes.For)
        stack.extend((child, depth + 1, inner) for child in node.iter_child_nodes())


class _Checker:
    def __init__(self, field: str, filters: Mapping[str, Callable[..., object]]) -> None:
        self.field = field
        self.filters = filters

    def refuse(self, node: nodes.Node, construct: str, allowed: str) -> None:
        raise PromptRefused(
            f"{self.field}, line {node.lineno}: {construct} is not allowed in a prompt. Allowed: {allowed}.",
            field=self.field,
            details={"line": node.lineno, "construct": construct, "allowed": allowed},
        )

    def check_depth(self, node: nodes.Node, depth: int, loops: int) -> None:
        if depth > DEPTH_LIMIT:
            self.refuse(node, "nesting this deep", f"{DEPTH_LIMIT} levels")
        if loops > LOOP_DEPTH_LIMIT:
            self.refuse(node, "a loop inside so many loops", f"{LOOP_DEPTH_LIMIT} loops inside one another")

    def check(self, node: nodes.Node, loops: int) -> None:
        kind = type(node)
        if kind is not nodes.Getattr and any(_is_loop(child) for child in node.iter_child_nodes()):
            self.refuse(node, "loop by itself", _listed(f"loop.{name}" for name in LOOP_ATTRIBUTES))
        if kind in PLAIN:
            return
        rule = getattr(self, f"check_{kind.__name__.lower()}", None)
        if rule is None:
            self.refuse(node, REFUSED_WORDS.get(kind, f"{{% {kind.__name__.lower()} %}}"), ALLOWED)
        else:
            rule(node, loops)

    def check_name(self, node: nodes.Name, loops: int) -> None:
        other_way = f'{ROW_NAME}["{node.name}"]'
        if node.name.startswith("_") or node.name in RESERVED_NAMES:
            self.refuse(node, f"the name {node.name!r}", f"names without leading _; a column as {other_way}")
        if node.name == "loop" and (not loops or node.ctx != "load"):
            self.refuse(node, "the name 'loop' here", f"loop inside {{% for %}}; a column as {other_way}")
        # Python would fold such names together, so that two columns could share one variable.
        if unicodedata.normalize("NFKC", node.name) != node.name:
            self.refuse(node, f"the name {node.name!r}", f"names in normal form; a column as {other_way}")

    def check_getattr(self, node: nodes.Getattr, loops: int) -> None:
        if node.attr.startswith("_"):
            self.refuse(node, f"the attribute {node.attr!r}", "attributes without leading underscore")
        if _is_loop(node.node) and node.attr not in LOOP_ATTRIBUTES:
            self.refuse(node, f"loop.{node.attr}", _listed(f"loop.{name}" for name in LOOP_ATTRIBUTES))

    def check_getitem(self, node: nodes.Getitem, loops: int) -> None:
        if isinstance(node.arg, nodes.Const) and str(node.arg.value).startswith("__"):
            self.refuse(node, f"the key {node.arg.value!r}", "keys without leading double underscore")

    def check_const(self, node: nodes.Const, loops: int) -> None:
        if type(node.value) not in CONSTANT_TYPES:
            self.refuse(node, f"a {type(node.value).__name__} constant", _listed({*CONSTANT_TYPES.values()}))

        if isinstance(node.value, float) and not math.isfinite(node.value):
            self.refuse(node, "a number this large", "numbers up to 1e308")

    def check_neg(self, node: nodes.Neg, loops: int) -> None:
        if not isinstance(node.node, nodes.Const):
            self.refuse(node, "the sign - before an expression", "a negative number such as -1")

    def check_list(self, node: nodes.List | nodes.Tuple, loops: int) -> None:
        if not all(isinstance(item, nodes.Const) for item in node.items):
            self.refuse(node, "a list of expressions", 'a list of constants such as ["a", "b"]')

    check_tuple = check_list

    def check_filter(self, node: nodes.Filter, loops: int) -> None:
        if node.name not in self.filters:
            self.refuse(node, f"the filter {node.name!r}", "the filters " + _listed(self.filters))
        if node.dyn_args is not None or node.dyn_kwargs is not None:
            self.refuse(node, "* or ** in a filter", "arguments written out")
        self.check_arguments(node)

    def check_arguments(self, node: nodes.Filter) -> None:
        """Wrong arguments are told when the template is saved, not at its first row."""
        signature = inspect.signature(self.filters[node.name])
        try:
            signature.bind(None, None, *node.args, **dict.fromkeys(_keys(node)))
        except TypeError as error:
            names = list(signature.parameters)[2:]
            self.refuse(node, f"{node.name} with {error}", f"arguments {_listed(names) or 'none'}")

    def check_test(self, node: nodes.Test, loops: int) -> None:
        if node.name not in TESTS or node.args or node.kwargs or node.dyn_args or node.dyn_kwargs:
            self.refuse(node, f"the test 'is {node.name}'", "is " + _listed(TESTS))

    def check_for(self, node: nodes.For, loops: int) -> None:
        if node.recursive:
            self.refuse(node, "a recursive loop", "{% for %} over a column")
        if not isinstance(node.target, nodes.Name) or node.target.name in {ROW_NAME, "loop"}:
            self.refuse(node, "this loop variable", f"one name other than {ROW_NAME!r} and 'loop'")
        if not isinstance(_origin(node.iter), nodes.Name):
            self.refuse(node, "a loop over an expression", "{% for %} over a column or a part of one")


def _origin(node: nodes.Node) -> nodes.Node | None:
    """What a chain such as `item.lines[0] | default` starts from."""
    current: nodes.Node | None = node
    while isinstance(current, nodes.Getattr | nodes.Getitem | nodes.Filter):
        current = current.node
    return current


def _keys(node: nodes.Filter) -> list[str]:
    return [str(getattr(argument, "key", "")) for argument in node.kwargs]


def _is_loop(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Name) and node.name == "loop"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
