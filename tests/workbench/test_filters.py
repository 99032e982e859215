"""Filters from users: what is accepted means what was written, and nothing else is accepted."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp, maybe_parse

from tests.proofs import examples
from workbench.catalogs import filters
from workbench.catalogs.connection import connected
from workbench.catalogs.errors import InvalidFilter

COLUMNS = {
    "name": "VARCHAR", "amount": "DOUBLE", "visit_on": "DATE", "Patient Name": "VARCHAR", "active": "BOOLEAN",
    "n": "BIGINT",
}  # fmt: skip

GOOD = {
    "name = 'x' AND amount > 3": "\"name\" = 'x' AND \"amount\" > 3",
    "NAME = 'x'": "\"name\" = 'x'",
    "\"patient name\" LIKE 'J%'": "\"Patient Name\" LIKE 'J%'",
    "name ILIKE '%''; drop table t --%'": "\"name\" ILIKE '%''; drop table t --%'",
    "active": '"active"',
    "NOT active OR n IS NOT NULL": 'NOT "active" OR NOT "n" IS NULL',
    "n NOT IN (1, -2, 3)": 'NOT "n" IN (1, -2, 3)',
    "amount BETWEEN 1 AND 2.5": '"amount" BETWEEN 1 AND 2.5',
    "(n + 1) * 2 % 3 = -n": '("n" + 1) * 2 % 3 = -"n"',
    "n = - -1": '"n" = - -1',
    "lower(name) = 'x' AND length(trim(name)) > 2": "LOWER(\"name\") = 'x' AND LENGTH(TRIM(\"name\")) > 2",
    "coalesce(name, 'none') <> 'none'": "COALESCE(\"name\", 'none') <> 'none'",
    "round(abs(amount), 2) = 1.25": 'ROUND(ABS("amount"), 2) = 1.25',
    "date_trunc('month', visit_on) = DATE '2020-01-01'":
        "DATE_TRUNC('MONTH', \"visit_on\") = CAST('2020-01-01' AS DATE)",
    "year(visit_on) = 2020 AND month(visit_on) = 1": 'YEAR("visit_on") = 2020 AND MONTH("visit_on") = 1',
    "visit_on IN (DATE '2020-01-01')": "\"visit_on\" IN (CAST('2020-01-01' AS DATE))",
    "starts_with(name, 'a') OR contains(name, 'b')": "STARTS_WITH(\"name\", 'a') OR CONTAINS(\"name\", 'b')",
    "substr(name, 1, 2) = 'ab'": "SUBSTRING(\"name\", 1, 2) = 'ab'",
    "TRY_CAST(name AS DOUBLE) > 1.5": 'TRY_CAST("name" AS DOUBLE) > 1.5',
    "name || 'x' = 'yx'": "\"name\" || 'x' = 'yx'",
    " OR ".join(["n = 1"] * 60): " OR ".join(['"n" = 1'] * 60),
}  # fmt: skip

ATTACKS = [
    "", "   ", "1", "'text'", "name", "amount", "NULL", "true", "1 = 1", "*", "n.*", "COLUMNS('n') = 1",
    "n = 1; DROP TABLE source", ";", "n = 1;", "n = 1 -- comment", "n = 1 /* comment */", "/* c */ n = 1",
    "n = 1 --", "n = 1 UNION SELECT 1", "SELECT 1", "DROP TABLE source", "n IN (SELECT 1)",
    "n = (SELECT 1)", "EXISTS (SELECT 1)", "n = ANY (SELECT 1)", "n = ANY ([1, 2])", "n IN (n)", "n IN ()",
    "n IN (lower(name))", "n IN (VALUES (1))", "n IN UNNEST([1])", "count(*) > 1", "sum(n) > 1",
    "row_number() OVER () = 1", "read_text('/etc/passwd') = 'x'", "read_csv('/etc/passwd') IS NULL",
    "getenv('HOME') = 'x'", "version() = 'x'", "current_setting('threads') = '1'", "pg_sleep(10) = 1",
    "random() < 0.5", "now() > visit_on", "current_date > visit_on", "error('x')",
    "repeat(name, 1000000000) = 'x'", "regexp_matches(name, '(a+)+$')", "name ~ 'x'", "name SIMILAR TO 'x'",
    "name GLOB 'x'", "list_contains([1], n)", "[1, 2][1] = n", "{'a': n}.a = 1", "n = $1", "n = ?",
    "n = :x", "n = @x", "n = $x", "source.n = 1", "main.source.n = 1", "rowid = 1",
    "information_schema.tables = 1", "n::INTEGER[] = 1", "CAST(n AS STRUCT(a INT)) = 1",
    "CAST(name AS JSON) = 'x'", "CAST(name AS BLOB) = 'x'", "name = E'\\n'", "name = $$x$$", "n = 0x1f",
    "name COLLATE nocase = 'x'", "CASE WHEN active THEN true END", "n ** 2 = 4", "n & 1 = 1",
    "(n, n) = (1, 2)", "visit_on > INTERVAL 1 DAY", "trim(LEADING 'x' FROM name) = 'x'",
    "date_trunc('moth', visit_on) = visit_on", "date_trunc(name, visit_on) = visit_on", "n IS 3",
    "lambda x: x", "n = 1 AS x", "n = 1 LIMIT 1", "n = 1)", "(n = 1", "n = 1) OR (1 = 1", "name = 'x",
    "\"name = 'x'", "nam = 'x'", "name LIST @stage", "n = 1\x00", "name = '\x1b[2J'", "n\u200b = 1",
    "name > 3", "n LIKE 'x'", "visit_on > 'foo'", "lower(n) = 'x'", "amount AND n", "n = 'x'",
    "n = 1 OR amount", "NOT n", "(" * 900 + "n = 1" + ")" * 900, "NOT " * 300 + "active",
    "lower(" * 60 + "name" + ")" * 60 + " = 'x'", " OR ".join(["n = 1"] * 300), "n = " + "1" * 2000,
    "n = 1 QUALIFY true", "PIVOT source", "TRY(n) = 1", "n = 1 FETCH FIRST 1 ROW",
    "name LIKE ANY ('a', 'b')", "map {'a': 1} = n", "x -> x > 1", "name.lower() = 'x'",
]  # fmt: skip


@pytest.mark.parametrize(("source", "sql"), GOOD.items(), ids=lambda value: value[:40])
def test_good_filter_is_written_anew(source, sql):
    assert filters.parse_filter(source, COLUMNS).sql == sql


@pytest.mark.parametrize("source", GOOD, ids=lambda value: value[:40])
def test_what_was_written_anew_reads_the_same(source):
    once = filters.parse_filter(source, COLUMNS)

    assert filters.parse_filter(once.sql, COLUMNS) == once


def test_the_corpus_of_filters_is_counted(capsys):
    with capsys.disabled():
        print(f"\n{len(set(ATTACKS))} filters tried against the allow-list", end=" ")  # noqa: T201
    assert len(set(ATTACKS)) >= 48


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda value: ascii(value[:40]))
def test_anything_else_is_refused_with_its_position(attack):
    with pytest.raises(InvalidFilter) as refused:
        filters.parse_filter(attack, COLUMNS)

    error = refused.value
    assert error.field == "filter_sql"
    assert error.line >= 1 and error.column >= 1
    lines = attack.split("\n")
    assert error.text[:20] in "\n".join([lines[error.line - 1][error.column - 1 :], *lines[error.line :]])


@pytest.mark.parametrize(
    ("source", "line", "column", "text", "said"),
    [
        ("n = 1 AND\n  foo(name) = 'x'", 2, 3, "foo", "'foo' is not allowed"),
        ("n = 1 AND\n\tnam = 'x'", 2, 2, "nam", "Did you mean 'name'?"),
        ("n = 1 AND name > 3", 1, 11, "name > 3", "VARCHAR"),
        ("name = 'é😀' AND md5(name) = 'x'", 1, 17, "md5", "'md5' is not allowed"),
        ("n = 1 -- all", 1, 7, "-- all", "comments"),
        ("n = 1; x", 1, 6, ";", "without ';'"),
        ("n IN (SELECT 1)", 1, 7, "SELECT", "subqueries"),
        ("n = 1 AND CASE WHEN active THEN 1 END = 1", 1, 21, "active THEN 1", "'Case' is not allowed"),
        ("amount", 1, 1, "amount", "DOUBLE"),
    ],
)
def test_refusal_points_at_the_fault(source, line, column, text, said):
    with pytest.raises(InvalidFilter) as refused:
        filters.parse_filter(source, COLUMNS)

    assert (refused.value.line, refused.value.column, refused.value.text) == (line, column, text)
    assert said in refused.value.message


def test_filter_names_the_columns_it_uses():
    parsed = filters.parse_filter("NAME = 'x' AND (n > 1 OR n < 0)", COLUMNS)

    assert parsed.columns == ("n", "name")


FRAGMENTS = [
    *COLUMNS, '"Patient Name"', "=", "<>", ">", "<", "+", "-", "*", "/", "(", ")", ",", ";", ".", "'x'",
    "''", "1", "AND", "OR", "NOT", "IN", "IS", "NULL", "LIKE", "BETWEEN", "lower(", "year(", "coalesce(",
    "md5(", "SELECT", "FROM", "CASE", "WHEN", "END", "::", "INTEGER", "[", "]", "{", "}", "--", "/*", "*/",
    "$1", "?", "@", "\n", "CAST(", "AS", "DATE", "EXISTS", "UNION", "read_text(", "ESCAPE", "DISTINCT",
    "date_trunc('day',", "TRUE",
]  # fmt: skip
# Short strings that are mostly conditions, with one thing put in the middle.
nearly_good = st.tuples(st.sampled_from(list(GOOD)), st.integers(0, 40), st.sampled_from(FRAGMENTS)).map(
    lambda parts: f"{parts[0][: parts[1]]} {parts[2]} {parts[0][parts[1] :]}"
)
noise = st.lists(st.sampled_from(FRAGMENTS), max_size=14).map(" ".join)


@settings(max_examples=examples(1500), deadline=None)
@given(nearly_good | noise | st.text(max_size=60))
def test_nothing_accepted_has_a_part_that_is_not_listed(source):
    try:
        tree = filters.parse_tree(source, COLUMNS)
    except InvalidFilter:
        return

    emitted = tree.sql(dialect="duckdb", identify=True, comments=False)
    again = maybe_parse(emitted, into=exp.Condition, dialect="duckdb")
    assert again.sql(dialect="duckdb", identify=True) == emitted
    for node in again.walk():
        assert type(node) in filters.ALLOWED
        assert not isinstance(node, exp.Column) or node.name in COLUMNS


@settings(max_examples=examples(60), deadline=None)
@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=20).filter(str.isprintable))
def test_text_in_a_filter_stays_that_text(value):
    quoted = value.replace("'", "''")
    parsed = filters.parse_filter(f"name = '{quoted}'", {"name": "VARCHAR"})

    with connected() as connection:
        found = connection.execute(
            f"SELECT {parsed.sql} FROM (SELECT $value AS name)", {"value": value}
        ).fetchall()

    assert found == [(True,)]
