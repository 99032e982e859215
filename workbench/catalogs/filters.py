"""Filters are SQL conditions written by users: parsed, held against an allow-list, written anew from a tree.

The text itself never reaches the database. What is not listed here is refused, with its position.
"""

# ruff: noqa: S608 - names are quoted, and what a user wrote is written anew from the checked tree

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import exp, maybe_parse, tokenize
from sqlglot.errors import ParseError, TokenError
from sqlglot.tokens import TokenType

from workbench.catalogs.connection import connected, first_line, name
from workbench.catalogs.errors import InvalidFilter, nearest

if TYPE_CHECKING:
    import duckdb
    from sqlglot.tokens import Token

MAX_CHARACTERS = 2000
MAX_TOKENS = 400
MAX_NODES = 800
MAX_DEPTH = 24

# Each node and the arguments it may carry; a node or argument that is not here is refused.
BINARY = frozenset({"this", "expression"})
UNARY = frozenset({"this"})
CONDITIONS: dict[type[exp.Expr], frozenset[str]] = {
    **dict.fromkeys((exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.And, exp.Or), BINARY),
    **dict.fromkeys((exp.NullSafeEQ, exp.NullSafeNEQ, exp.Is), BINARY),
    **dict.fromkeys((exp.Like, exp.ILike), BINARY | {"negate"}),
    exp.Escape: BINARY,
    exp.Not: UNARY,
    exp.In: frozenset({"this", "expressions"}),
    exp.Between: frozenset({"this", "low", "high"}),
}
ARITHMETIC: dict[type[exp.Expr], frozenset[str]] = {
    **dict.fromkeys((exp.Add, exp.Sub, exp.Mul, exp.Mod, exp.IntDiv, exp.DPipe), BINARY | {"safe"}),
    exp.Div: BINARY | {"typed", "safe"},
    exp.Neg: UNARY,
    exp.Paren: UNARY,
}
FUNCTIONS: dict[type[exp.Expr], frozenset[str]] = {
    **dict.fromkeys((exp.Lower, exp.Upper, exp.Length, exp.Abs, exp.Year, exp.Month, exp.Day), UNARY),
    exp.Coalesce: frozenset({"this", "expressions"}),
    exp.Round: frozenset({"this", "decimals"}),
    exp.Trim: UNARY | {"expression"},
    exp.Substring: frozenset({"this", "start", "length"}),
    exp.StartsWith: BINARY,
    exp.Contains: BINARY,
    exp.TimestampTrunc: frozenset({"this", "unit"}),
    exp.DateTrunc: frozenset({"this", "unit"}),
    exp.Cast: frozenset({"this", "to"}),
    exp.TryCast: frozenset({"this", "to", "safe"}),
}
LEAVES: dict[type[exp.Expr], frozenset[str]] = {
    exp.Column: UNARY,
    exp.Identifier: frozenset({"this", "quoted"}),
    exp.Literal: frozenset({"this", "is_string"}),
    exp.Boolean: UNARY,
    exp.Null: frozenset(),
    exp.Var: UNARY,
    exp.DataType: frozenset({"this", "expressions"}),
    exp.DataTypeParam: UNARY,
}
ALLOWED = {**CONDITIONS, **ARITHMETIC, **FUNCTIONS, **LEAVES}

# As users write them; each of these parses to a class of FUNCTIONS.
FUNCTION_NAMES = (
    "lower", "upper", "length", "coalesce", "abs", "round", "date_trunc", "year", "month", "day", "trim",
    "substr", "substring", "starts_with", "contains", "cast", "try_cast",
)  # fmt: skip
CAST_TYPES = frozenset(
    {
        exp.DType.INT, exp.DType.BIGINT, exp.DType.DOUBLE, exp.DType.DECIMAL, exp.DType.TEXT,
        exp.DType.VARCHAR, exp.DType.BOOLEAN, exp.DType.DATE, exp.DType.TIMESTAMP,
    }
)  # fmt: skip
TRUNC_UNITS = frozenset({"YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND"})
# Words that may stand before an opening bracket without being a function.
WORDS_BEFORE_BRACKET = frozenset(
    "AND OR NOT IN BETWEEN LIKE ILIKE IS FROM ESCAPE DECIMAL NUMERIC VARCHAR".split()
)
REFUSED_TOKENS = {
    TokenType.SEMICOLON: "a filter is one condition, without ';'",
    TokenType.PARAMETER: "parameters are not allowed; write the value",
    TokenType.PLACEHOLDER: "parameters are not allowed; write the value",
    TokenType.COLON: "parameters are not allowed; write the value",
    TokenType.SELECT: "subqueries are not allowed; join the other table in the selection",
    TokenType.L_BRACKET: "lists and subscripts are not allowed",
    TokenType.L_BRACE: "structs are not allowed",
    TokenType.BYTE_STRING: "only plain 'text' is allowed, no escape strings",
    TokenType.DOT: "columns are named alone, without a table",
}
ALLOWED_IN_SHORT = (
    "Allowed are comparisons, AND, OR, NOT, IN (values), BETWEEN, LIKE, ILIKE, IS NULL, arithmetic, "
    f"casts to simple types, and the functions {', '.join(FUNCTION_NAMES)}."
)


@dataclass(frozen=True)
class Filter:
    """`sql` may stand in a WHERE over the columns it was parsed for; `columns` are those it uses."""

    sql: str
    columns: tuple[str, ...]


def parse_filter(source: str, columns: Mapping[str, str]) -> Filter:
    """The filter in `source` over `columns` (name to DuckDB type).

    :raises InvalidFilter: with line, column and the offending text.
    """
    tree = parse_tree(source, columns)
    _check_types(tree, columns, source)
    return Filter(
        sql=_emitted(tree), columns=tuple(sorted({column.name for column in tree.find_all(exp.Column)}))
    )


def parse_tree(source: str, columns: Mapping[str, str]) -> exp.Expr:
    """The checked tree, its columns in the spelling of the source; types are not checked yet."""
    _check_tokens(source)
    try:
        tree = _parsed(source)
        _check_tree(tree, source)
        _name_columns(tree, columns, source)
    except RecursionError as error:
        raise _fault(source, 0, len(source), "it is nested too deeply; use fewer brackets.") from error
    return tree


def _emitted(tree: exp.Expr) -> str:
    return tree.sql(dialect="duckdb", identify=True, comments=False)


def _fault(source: str, start: int, end: int, problem: str) -> InvalidFilter:
    """An error about `source[start:end]`."""
    before = source[:start]
    line = before.count("\n") + 1
    column = start - (before.rfind("\n") + 1) + 1
    excerpt = source[start:end].strip()
    return InvalidFilter(problem, line=line, column=column, text=excerpt[:100])


# Tokens: cheap, with exact positions, and a bound on what the parser is given.


def _check_tokens(source: str) -> None:
    if not source.strip():
        raise _fault(source, 0, 0, "it is empty; write a condition such as amount > 100.")
    if len(source) > MAX_CHARACTERS:
        raise _fault(
            source,
            MAX_CHARACTERS,
            len(source),
            f"it has {len(source)} characters, the most are {MAX_CHARACTERS}.",
        )
    tokens = _tokens(source)
    if len(tokens) > MAX_TOKENS:
        start = tokens[MAX_TOKENS].start
        raise _fault(source, start, len(source), f"it has {len(tokens)} parts, the most are {MAX_TOKENS}.")
    _refuse_comments(source, tokens)
    _refuse_tokens(source, tokens)


def _tokens(source: str) -> list[Token]:
    control = next(
        (i for i, char in enumerate(source) if not char.isprintable() and char not in "\t\n\r"), None
    )
    if control is not None:
        raise _fault(source, control, control + 1, f"it has the unprintable character {source[control]!a}.")
    try:
        return tokenize(source, read="duckdb")
    except TokenError as error:
        raise _fault(source, 0, len(source), "a quote or a comment is not closed.") from error


def _refuse_comments(source: str, tokens: list[Token]) -> None:
    """Whatever lies between tokens and is not white space is a comment."""
    position = 0
    for start, end in [*((token.start, token.end + 1) for token in tokens), (len(source), len(source))]:
        gap = source[position:start]
        if gap.strip():
            at = position + len(gap) - len(gap.lstrip())
            raise _fault(source, at, start, f"comments are not allowed. {ALLOWED_IN_SHORT}")
        position = end


def _refuse_tokens(source: str, tokens: list[Token]) -> None:
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        start, end = token.start, token.end + 1
        if token.token_type in REFUSED_TOKENS:
            raise _fault(source, start, end, f"{REFUSED_TOKENS[token.token_type]}.")
        called = following is not None and following.token_type == TokenType.L_PAREN
        if called and _is_word(source[start:end]) and token.text.upper() not in WORDS_BEFORE_BRACKET:
            _refuse_function(source, token)


def _is_word(written: str) -> bool:
    return written[:1].isalpha() or written[:1] in '_"'


def _refuse_function(source: str, token: Token) -> None:
    if token.text.lower() not in FUNCTION_NAMES:
        problem = f"the function '{token.text}' is not allowed. {ALLOWED_IN_SHORT}"
        raise _fault(source, token.start, token.end + 1, problem)


# Tree: the rule itself. Nothing outside ALLOWED passes, whatever the tokens looked like.


def _parsed(source: str) -> exp.Expr:
    try:
        return maybe_parse(source, into=exp.Condition, dialect="duckdb")
    except ParseError as error:
        raise _parse_fault(source, error) from error


def _parse_fault(source: str, error: ParseError) -> InvalidFilter:
    details = error.errors[0] if error.errors else {}
    found = str(details.get("highlight") or "")
    # The parser shows at most 100 characters before the fault; the first match from there is the fault.
    shown = str(details.get("start_context") or "")
    start = source.find(shown + found) + len(shown) if shown else 0
    problem = (
        f"it does not read as a condition at '{found}'." if found else "it does not read as a condition."
    )
    return _fault(source, max(start, 0), max(start, 0) + len(found), f"{problem} {ALLOWED_IN_SHORT}")


def _check_tree(tree: exp.Expr, source: str) -> None:
    for count, (node, depth) in enumerate(_with_depth(tree), start=1):
        if count > MAX_NODES:
            raise _fault(source, 0, len(source), f"it has more than {MAX_NODES} parts.")
        if depth > MAX_DEPTH:
            raise _node_fault(node, source, f"it is nested more than {MAX_DEPTH} levels deep.")
        problem = _node_problem(node)
        if problem:
            raise _node_fault(node, source, problem)


def _with_depth(tree: exp.Expr) -> Iterator[tuple[exp.Expr, int]]:
    """Every node with its depth; a chain of one connector, such as a OR b OR c, counts as one level."""
    pending = [(tree, 1)]
    while pending:
        node, depth = pending.pop()
        yield node, depth
        for child in node.iter_expressions():
            chained = isinstance(node, exp.Connector) and type(child) is type(node)
            pending.append((child, depth if chained else depth + 1))


def _node_problem(node: exp.Expr) -> str:
    allowed = ALLOWED.get(type(node))
    if allowed is None:
        return f"{_spoken(node)} is not allowed. {ALLOWED_IN_SHORT}"
    extra = [key for key, value in node.args.items() if value and key not in allowed]
    if extra:
        return f"{_spoken(node)} with {', '.join(extra)} is not allowed. {ALLOWED_IN_SHORT}"
    return _detail_problem(node)


def _spoken(node: exp.Expr) -> str:
    return "a subquery" if isinstance(node, exp.Query | exp.Subquery) else f"'{type(node).__name__}'"


def _detail_problem(node: exp.Expr) -> str:
    """Rules on what an allowed node may hold."""
    if isinstance(node, exp.Column) and not isinstance(node.this, exp.Identifier):
        return "a column must be a name."
    if isinstance(node, exp.DataType) and (
        node.this not in CAST_TYPES or not isinstance(node.parent, exp.Cast)
    ):
        types = ", ".join(sorted(kind.value for kind in CAST_TYPES))
        return f"the type {node.sql(dialect='duckdb')} is not allowed in a cast. Allowed are {types}."
    if isinstance(node, exp.Var) and not _is_trunc_unit(node):
        units = ", ".join(sorted(TRUNC_UNITS)).lower()
        return f"'{node.name.lower()}' is not a unit of date_trunc. Allowed are {units}, in quotes."
    if isinstance(node, exp.In) and not _is_list_of_literals(node):
        return "IN needs a list of values, such as status IN ('open', 'paid')."
    if isinstance(node, exp.Is) and not isinstance(node.expression, exp.Null | exp.Boolean):
        return "IS compares with NULL, TRUE or FALSE; use = for other values."
    return ""


def _is_trunc_unit(node: exp.Var) -> bool:
    return isinstance(node.parent, exp.TimestampTrunc | exp.DateTrunc) and node.name.upper() in TRUNC_UNITS


def _is_list_of_literals(node: exp.In) -> bool:
    values = [value.this if isinstance(value, exp.Neg | exp.Cast) else value for value in node.expressions]
    return bool(values) and all(isinstance(value, exp.Literal | exp.Boolean | exp.Null) for value in values)


def _node_fault(node: exp.Expr, source: str, problem: str) -> InvalidFilter:
    """An error about the text that the node's own and inner positions span."""
    spans = [(n.meta["start"], n.meta["end"] + 1) for n in node.walk() if "start" in n.meta]
    if not spans and node.parent is not None:
        return _node_fault(node.parent, source, problem)
    start = min((span[0] for span in spans), default=0)
    end = max((span[1] for span in spans), default=len(source))
    return _fault(source, start, end, problem)


def _name_columns(tree: exp.Expr, columns: Mapping[str, str], source: str) -> None:
    """Give each column the spelling of the source; names match without regard to case, as in DuckDB."""
    if tree.find(exp.Column) is None:
        raise _node_fault(tree, source, f"it names no column, so it chooses nothing. {nearest('', columns)}")
    known = {column.casefold(): column for column in columns}
    for node in tree.find_all(exp.Column):
        spelled = known.get(node.name.casefold())
        if spelled is None:
            raise _node_fault(
                node, source, f"there is no column '{node.name}'. {nearest(node.name, columns)}"
            )
        node.this.set("this", spelled)
        node.this.set("quoted", True)


# Types: asked of the database that will run it, over one empty row.


def _check_types(tree: exp.Expr, columns: Mapping[str, str], source: str) -> None:
    import duckdb

    with connected() as connection:
        definitions = ", ".join(f"{name(column)} {kind}" for column, kind in columns.items())
        connection.execute(f"CREATE TEMP TABLE source ({definitions})")
        connection.execute(f"INSERT INTO source ({name(next(iter(columns)))}) VALUES (NULL)")
        conditions = list(_conditions(tree))
        try:
            _types(connection, [tree])
            kinds = _types(connection, conditions)
        except duckdb.Error as error:
            raise _type_fault(connection, tree, source) from error
        for node, kind in zip(conditions, kinds, strict=True):
            if kind != "BOOLEAN":
                problem = (
                    f"it gives {kind}, and a condition must be true or false; compare it with something."
                )
                raise _node_fault(node, source, problem)


def _conditions(tree: exp.Expr) -> Iterator[exp.Expr]:
    """What AND, OR, NOT and brackets connect; the database would take any number there for true or false."""
    pending = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, exp.Connector | exp.Not | exp.Paren):
            pending.extend(node.iter_expressions())
        else:
            yield node


def _types(connection: duckdb.DuckDBPyConnection, nodes: Sequence[exp.Expr]) -> list[str]:
    """The type of each expression; raises DuckDB's error where one cannot be evaluated."""
    listed = ", ".join(f"({_emitted(node)})" for node in nodes)
    result = connection.execute(f"SELECT {listed} FROM source")
    kinds = [str(column[1]) for column in result.description]
    result.fetchall()
    return kinds


def _type_fault(connection: duckdb.DuckDBPyConnection, tree: exp.Expr, source: str) -> InvalidFilter:
    """The error about the smallest part that fails by itself."""
    import duckdb

    for node in reversed(list(tree.walk(bfs=True))):
        if isinstance(node, exp.Identifier | exp.Var | exp.DataType | exp.DataTypeParam):
            continue
        try:
            _types(connection, [node])
        except duckdb.Error as error:
            return _node_fault(
                node, source, f"{first_line(error)}. Compare like with like, or cast one side."
            )
    return _node_fault(tree, source, "its types do not fit together.")
