"""Prompt Templates: what may be written in them, what they read, and what stops them."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from governance.errors import WorkbenchError
from labeling.prompts.columns import ColumnsUsed, check_columns, columns_used
from labeling.prompts.errors import (
    MissingColumn,
    PromptRefused,
    PromptTooCostly,
    UnknownPlaceholder,
    UnusableValue,
)
from labeling.prompts.rendering import compile_prompt, render
from tests.proofs import examples

ROW = {
    "name": "Ann",
    "codes": ["99213", "87426"],
    "total": 285.5,
    "note": None,
    "count": 7,
    "keys": "k",
    "address": {"city": "Utrecht", "items": "i"},
    "lines": [{"code": "a", "amount": 1}, {"code": "b", "amount": 2}],
    "Total (USD)": 3,
}

ATTACKS = [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ name.__class__ }}",
    "{{ name['__class__'] }}",
    "{{ name|attr('__class__') }}",
    "{{ item['__class__'] }}",
    "{{ item['__cla' ~ 'ss__'].x }}",
    "{{ item['__cla' + 'ss__'].x }}",
    "{{ self.__init__.__globals__ }}",
    "{{ self }}",
    "{{ self._TemplateReference__context }}",
    "{{ super() }}",
    "{{ caller() }}",
    "{{ varargs }}",
    "{{ _ }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ joiner.__init__ }}",
    "{{ namespace().x }}",
    "{{ lipsum.__globals__['os'] }}",
    "{{ lipsum() }}",
    "{{ range(10) }}",
    "{{ dict(a=1) }}",
    "{{ request.application }}",
    "{{ config.items() }}",
    "{{ name.upper() }}",
    "{{ name.format(1) }}",
    "{{ '%s'|format(name) }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ 'a' * 1000000000 }}",
    "{{ 9 ** 999999999 }}",
    "{{ 1 / 0 }}",
    "{{ 1 // 0 }}",
    "{{ name|center(1000000000) }}",
    "{{ name|replace('A', name) }}",
    "{{ name|indent(100000000) }}",
    "{{ codes|map('upper')|list }}",
    "{{ codes|map(attribute='__class__')|list }}",
    "{{ lines|groupby('__class__') }}",
    "{{ lines|selectattr('__class__')|list }}",
    "{{ lines|sum(attribute='amount') }}",
    "{{ name|xmlattr }}",
    "{{ name|pprint }}",
    "{{ name|wordwrap(1) }}",
    "{{ name is callable }}",
    "{{ name is filter }}",
    "{{ name[0:1] }}",
    "{{ {'a': 1} }}",
    "{{ [name, name] }}",
    "{{ -name }}",
    "{{ loop }}",
    "{% for a in codes %}{{ loop.cycle }}{% endfor %}",
    "{% for a in codes %}{{ loop['_iterable'] }}{% endfor %}",
    "{% for a in codes %}{{ loop._iterable }}{% endfor %}",
    "{% for a in codes %}{{ loop.previtem }}{% endfor %}",
    "{% for a in codes %}{{ loop }}{% endfor %}",
    "{% for a in codes %}{{ (loop).x }}{% endfor %}",
    "{% for a in codes %}{{ (loop if 1 else 2)['changed'] }}{% endfor %}",
    "{% for a in lines recursive %}{{ a }}{% endfor %}",
    "{% for a, b in lines %}{% endfor %}",
    "{% for item in codes %}{% endfor %}",
    "{% for a in 'x' ~ name %}{% endfor %}",
    "{% for a in [1, 2] %}{% endfor %}",
    "{% set x = name %}{{ x }}",
    "{% set ns.x = 1 %}",
    "{% macro m() %}{% endmacro %}",
    "{% call m() %}{% endcall %}",
    "{% include 'settings.py' %}",
    "{% import 'os' as os %}",
    "{% from 'os' import path %}",
    "{% extends 'base.html' %}",
    "{% block a %}{% endblock %}",
    "{% filter upper %}a{% endfilter %}",
    "{% with a = 1 %}{% endwith %}",
    "{% autoescape true %}{% endautoescape %}",
    "{% do name.x %}",
    "{% debug %}",
    "{{ 1j }}",
    "{{ name|default(*codes) }}",
    "{{ name|round(**address) }}",
    "{{ total|round(-999999999) }}",
    "{{ '&' is undefined }}{{ ﬁeld }}",
    "{% for a in codes %}" * 6 + "{% endfor %}" * 6,
    "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
    "{{ " + "not " * 4000 + "1 }}",
    "{{ 1" + " + 1" * 3000 + " }}",
    "{{ 1" + "0" * 5000 + " }}",
    "x" * 20_001,
]

GOOD = [
    ("Hello {{ name }}", "Hello Ann"),
    ("{{ item.name }} {{ item['Total (USD)'] }}", "Ann 3"),
    ("{{ count }} {{ item.keys }} {{ address.items }}", "7 k i"),
    (
        "{% for code in codes %}{{ loop.index }}:{{ code }}{% if not loop.last %}, {% endif %}{% endfor %}",
        "1:99213, 2:87426",
    ),
    ("{% for line in lines if line.amount > 1 %}{{ line.code }}{% else %}none{% endfor %}", "b"),
    ("{% for key in address %}{{ key }}={{ address[key] }};{% endfor %}", "city=Utrecht;items=i;"),
    (
        "{{ codes|join(' / ') }} {{ codes|length }} {{ codes|first }} {{ codes[-1] }}",
        "99213 / 87426 2 99213 87426",
    ),
    ("{{ name|upper ~ '-' ~ total ~ codes }}", 'ANN-285.5["99213", "87426"]'),
    ("{{ lines[0]|tojson }} {{ address }}", '{"code": "a", "amount": 1} {"city": "Utrecht", "items": "i"}'),
    ("{{ note|default('-', true) }} {{ note is none }} {{ missing|default('?') }}", "- True ?"),
    ("{{ total + 1 - 0.5 }} {{ 'a' + name }} {{ total|round(1) }} {{ '12'|int }}", "286.0 aAnn 285.5 12"),
    ("{{ 'big' if total > 100 and name in ['Ann', 'Bo'] else 'small' }}", "big"),
    (
        "{% if not note %}none{% elif name == 'x' %}{% endif %}{# comment #}{% raw %}{{ x }}{% endraw %}",
        "none{{ x }}",
    ),
    ("{{ 'one two three'|truncate(10) }}{{ '<b>&' }}", "one...<b>&"),
    ("line\n", "line\n"),
    ("{{ 9007199254740993|string|int }}", "9007199254740993"),
]


def test_the_corpus_of_templates_is_counted(capsys):
    tried = len({*ATTACKS, *BOMBS})

    with capsys.disabled():
        print(f"\n{tried} templates tried against the allow-list", end=" ")  # noqa: T201
    assert tried >= 23


def _prompt(source: str):
    return compile_prompt(source, field="user_prompt")


@pytest.mark.parametrize("source", ATTACKS, ids=lambda source: source[:50])
def test_an_attack_is_not_accepted(source):
    with pytest.raises(WorkbenchError):
        render(_prompt(source), ROW)


def test_attacks_on_python_are_refused_before_they_run():
    for source in ATTACKS[:5]:
        with pytest.raises(PromptRefused):
            _prompt(source)


@pytest.mark.parametrize(("source", "expected"), GOOD, ids=lambda text: text[:40])
def test_a_good_template_is_filled_in(source, expected):
    assert render(_prompt(source), ROW) == expected


def test_a_refusal_names_field_line_construct_and_what_is_allowed():
    with pytest.raises(
        PromptRefused, match=r"user_prompt, line 2: a call .* is not allowed.*Allowed:"
    ) as caught:
        _prompt("one\n{{ name() }}")

    assert caught.value.field == "user_prompt"
    assert caught.value.details["line"] == 2


@pytest.mark.parametrize("source", ["{{ name", "{% if %}", "{% nothing %}", "{{ a b }}"])
def test_text_that_is_no_template_is_refused_with_its_line(source):
    with pytest.raises(PromptRefused, match="user_prompt, line 2: no Jinja2 template"):
        _prompt("\n" + source)


def test_wrong_arguments_of_a_filter_are_told_at_once():
    with pytest.raises(PromptRefused, match=r"round with too many positional arguments.*digits"):
        _prompt("{{ total|round(1, 2) }}")


def test_a_missing_column_is_named_with_those_available():
    with pytest.raises(MissingColumn, match=r"line 2: column 'nam' is missing\. Available: .*name") as caught:
        render(_prompt("a\n{{ nam }}"), ROW)

    assert caught.value.details["column"] == "nam"


def test_a_missing_key_is_named_with_those_beside_it():
    with pytest.raises(MissingColumn, match=r"key 'price' is missing\. Available: amount, code"):
        render(_prompt("{{ lines[0].price }}"), ROW)


@pytest.mark.parametrize(
    "source",
    [
        "{{ nam }}",
        "{{ nam|upper }}",
        "{{ nam + 1 }}",
        "{{ nam ~ 'x' }}",
        "{{ nam == 1 }}",
        "{{ codes|join(nam) }}",
        "{{ nam.deep }}",
        "{{ nam[0] }}",
        "{% if nam %}{% endif %}",
        "{% for a in nam %}{% endfor %}",
    ],
)
def test_a_missing_column_is_never_an_empty_text(source):
    with pytest.raises(MissingColumn, match="'nam'"):
        render(_prompt(source), ROW)


@pytest.mark.parametrize(
    "value", [object(), {1, 2}, (1,), {1: 2}, float("nan"), b"x", {"a": [object()]}, time]
)
def test_a_value_that_is_not_plain_json_is_refused_with_its_column(value):
    with pytest.raises(UnusableValue, match="column 'odd'"):
        render(_prompt("{{ odd }}"), {"odd": value})


def test_a_loop_over_a_text_is_refused_with_its_line():
    with pytest.raises(UnusableValue, match="line 2: a loop goes over a list or an object, not text"):
        render(_prompt("\n{% for a in name %}{% endfor %}"), ROW)


def test_a_column_that_is_not_named_is_not_looked_at():
    assert render(_prompt("{{ name }}"), {"name": "Ann", "odd": object()}) == "Ann"


BIG = {"big": "x" * 500_000, "rows": list(range(3000)), "bigs": ["y" * 1000] * 1900, "empty": ""}
BOMBS = [
    "{% for a in rows %}{% for b in rows %}{% endfor %}{% endfor %}",
    "{% for a in rows %}{{ big }}{% endfor %}",
    "{{ big }}{{ big }}{{ big }}",
    "{{ " + " ~ ".join(["big"] * 3000) + " }}",
    "{{ " + " + ".join(["big"] * 50) + " }}",
    "{{ bigs|join(big) }}",
    "{% for a in rows %}{{ big|upper|lower|length }}{% endfor %}",
    "{% for a in rows %}{% if 'z' in big %}{% endif %}{% endfor %}",
    "{% for a in rows %}{% if bigs == bigs %}{% endif %}{% endfor %}",
    "{% for a in rows %}{{ bigs|tojson|length }}{% endfor %}",
    "{% for a in rows %}" + "{{ empty }}" * 1500 + "{% endfor %}",
    "{% for a in rows %}" + "{% if a %}{% endif %}" * 800 + "{% endfor %}{{ big }}{{ big }}{{ big }}",
]


@pytest.mark.parametrize("source", BOMBS, ids=lambda source: source[:50])
def test_a_resource_bomb_is_stopped_soon(source):
    prompt = _prompt(source)
    started = time.thread_time()

    with pytest.raises(PromptTooCostly):
        render(prompt, BIG)

    assert time.thread_time() - started < 0.5


def test_a_row_too_large_to_fill_in_is_refused():
    with pytest.raises(PromptTooCostly, match="limit is 2,000,000"):
        render(_prompt("{{ big|length }}"), {"big": "x" * 2_000_001})


@pytest.mark.parametrize(
    ("source", "names", "dynamic"),
    [
        ("{{ name }} {{ item.total }} {{ item['Total (USD)'] }}", {"name", "total", "Total (USD)"}, False),
        ("{% for code in codes %}{{ code }}{{ loop.index }}{% endfor %}", {"codes"}, False),
        ("{% for name in codes %}{{ name }}{% endfor %}{{ name }}", {"codes", "name"}, False),
        ("{% for name in codes %}{% else %}{{ name }}{% endfor %}", {"codes", "name"}, False),
        ("{% for name in name %}{{ name }}{% endfor %}", {"name"}, False),
        ("{% for a in codes if a != total %}{% endfor %}", {"codes", "total"}, False),
        ("{% if note is defined %}{{ count|default(keys) }}{% endif %}", {"note", "count", "keys"}, False),
        ("{{ address.city }} {{ lines[0].code }}", {"address", "lines"}, False),
        ("{{ address[name] }}", {"address", "name"}, False),
        ("{{ item[name] }}", set(ROW), True),
        ("{{ item }}", set(ROW), True),
        ("{% for key in item %}{{ key }}{% endfor %}", set(ROW), True),
        ("{{ (item if name else address).total }}", set(ROW), True),
        ("{{ (item|default(address)).total }}", set(ROW), True),
        ("{{ item['na' ~ 'me'] }}", set(ROW), True),
        ("{{ item[0] }}", set(ROW), True),
        ("nothing", set(), False),
    ],
)
def test_columns_used_are_read_from_the_tree(source, names, dynamic):
    assert columns_used(_prompt(source), ROW.keys()) == ColumnsUsed(frozenset(names), dynamic)


def test_a_name_that_is_no_column_still_counts_as_used():
    assert columns_used(_prompt("{{ other }}"), ["name"]).names == {"other"}


def test_unknown_placeholders_are_all_named_with_line_and_nearest_column():
    with pytest.raises(UnknownPlaceholder) as caught:
        check_columns(_prompt("{{ NAME }}\n{{ item.totl }} {{ zzz }} {{ codes }}"), ROW.keys())

    assert caught.value.details["unknown"] == [
        {"placeholder": "NAME", "line": 1, "nearest": "name"},
        {"placeholder": "totl", "line": 2, "nearest": "total"},
        {"placeholder": "zzz", "line": 2, "nearest": None},
    ]
    assert "line 2: no column 'totl' (nearest: 'total')" in caught.value.message


def test_known_placeholders_pass():
    check_columns(_prompt("{{ name }} {{ item.total }}"), ROW.keys())


def test_ten_thousand_renders_of_a_small_template_take_under_two_seconds():
    prompt = _prompt(
        "{{ name }}: {% for code in codes %}{{ code }} {% endfor %}"
        "{% if total > 2 %}{{ name|upper }}{% endif %}"
    )
    started = time.thread_time()

    for _ in range(10_000):
        render(prompt, ROW)

    assert time.thread_time() - started < 2


TOKENS = st.sampled_from(
    "{{ }} {% %} {# #} for in if elif else endif endfor set raw endraw name item codes loop . [ ] ( ) | "
    "~ + - * ** % / == in is not and or upper default join round tojson ' \" 0 1 1e999 , : = _ "
    "__class__ self none defined recursive".split()
)


@settings(max_examples=examples(600), deadline=None)
@given(source=st.lists(TOKENS, max_size=25).map(" ".join) | st.text(max_size=40))
@example(source="{{ 1e999 }}")
@example(source="{{ 'a'|round }}")
@example(source="{{ \x00 }}")
def test_any_text_is_filled_in_or_refused_as_a_broken_rule(source):
    try:
        assert isinstance(render(_prompt(source), ROW), str)
    except WorkbenchError as error:
        assert error.field == "user_prompt"


@settings(max_examples=examples(300), deadline=None)
@given(
    parts=st.lists(st.sampled_from([*ROW, "item", "item.name", "item[name]", "item['codes']"]), max_size=4),
    loop=st.booleans(),
)
def test_a_template_depends_on_no_column_but_those_it_counts_as_used(parts, loop):
    names = [part for part in parts if "(" not in part]
    body = "".join(f"{{{{ {name}|tojson }}}}" for name in names)
    prompt = _prompt(f"{{% for name in codes %}}{body}{{% else %}}{body}{{% endfor %}}" if loop else body)
    used = columns_used(prompt, ROW.keys()).names

    only_used = {name: value for name, value in ROW.items() if name in used}

    try:
        expected = render(prompt, ROW)
    except MissingColumn:
        with pytest.raises(MissingColumn):
            render(prompt, only_used)
    else:
        assert render(prompt, only_used) == expected
