"""Drawings of the portal: same input, same picture; text escaped; no inline style."""

import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.portal.graph import LINE_WIDTH, wrapped
from governance.portal.svg import (
    Edge,
    Node,
    bar_chart,
    confusion_matrix,
    graph_as_list,
    layered_graph,
    line_chart,
    sparkline,
)

TAG = Node("tag", "tag PHI", "parsed_invoices.notes", "prohibited", "/tags/1/", 0)
SHEET = Node("sheet", "Sheet Invoices", layer=1)
PAIRS = Node("pairs", "118 of 500 pairs", url="/pairs/", layer=2)
CHAIN = [Edge("tag", "sheet"), Edge("sheet", "pairs")]

finite = st.floats(-1e9, 1e9, allow_nan=False)


def svg_of(html: str) -> ET.Element:
    return ET.fromstring(re.search(r"<svg.*?</svg>", html, re.S)[0])  # noqa: S314 - our own drawing


def test_each_node_is_a_link_with_its_full_text_as_title():
    drawn = svg_of(layered_graph([TAG, SHEET, PAIRS], CHAIN))

    assert [link.get("href") for link in drawn.iter("a")] == ["/tags/1/", "/pairs/"]
    assert "tag PHI · parsed_invoices.notes" in [title.text for title in drawn.iter("title")]
    assert len([path for path in drawn.iter("path") if path.get("class") == "edge"]) == 2


def test_layers_run_from_left_to_right():
    drawn = svg_of(layered_graph([PAIRS, TAG, SHEET], CHAIN))

    places = {group.find("title").text: int(group.find("rect").get("x")) for group in drawn.iter("g")}
    assert places["tag PHI · parsed_invoices.notes"] < places["Sheet Invoices"] < places["118 of 500 pairs"]


def test_boxes_of_one_layer_never_overlap():
    nodes = [Node(str(index), f"pair {index}", layer=index % 3) for index in range(20)]
    edges = [Edge(str(index), str(index + 1)) for index in range(0, 19, 3)]

    corners = [
        (int(rect.get("x")), int(rect.get("y"))) for rect in svg_of(layered_graph(nodes, edges)).iter("rect")
    ]

    assert len(set(corners)) == len(nodes)


def test_the_same_graph_draws_the_same_picture():
    assert layered_graph([TAG, SHEET, PAIRS], CHAIN) == layered_graph([TAG, SHEET, PAIRS], CHAIN)


def test_an_edge_to_an_unknown_node_is_refused_by_name():
    with pytest.raises(ValueError, match="nowhere"):
        layered_graph([TAG], [Edge("tag", "nowhere")])


def test_two_nodes_with_one_key_are_refused():
    with pytest.raises(ValueError, match="share a key"):
        layered_graph([TAG, TAG], [])


def test_markup_in_labels_is_escaped_everywhere():
    evil = Node("x", "<script>alert(1)</script>", "<b>", url='/a"onload="x', layer=0)

    for html in (
        layered_graph([evil], []),
        graph_as_list([evil], []),
        bar_chart([("<script>", 1)], title="<i>"),
    ):
        assert "<script>" not in html
        assert 'onload="x' not in html


def test_the_list_tells_the_same_graph_in_words():
    html = graph_as_list([TAG, SHEET, PAIRS], CHAIN)

    assert html.index("tag PHI") < html.index("Sheet Invoices") < html.index("118 of 500 pairs")
    assert html.count("<ul") == 3


def test_the_list_ends_on_a_cycle_and_misses_no_node():
    html = graph_as_list([TAG, SHEET], [Edge("tag", "sheet"), Edge("sheet", "tag")])

    assert "Sheet Invoices" in html
    assert "listed above" in html


@given(st.text(), st.integers(1, 3))
def test_wrapped_lines_fit_the_box(text, lines):
    result = wrapped(text, lines)

    assert len(result) <= lines
    assert all(len(line) <= LINE_WIDTH for line in result)


def test_text_that_does_not_fit_ends_in_an_ellipsis():
    assert wrapped("a very long label that never ends at all", 1) == ["a very long label…"]


@given(st.dictionaries(st.text(min_size=1), st.lists(st.tuples(finite, finite), max_size=8), max_size=4))
def test_lines_stay_inside_the_drawing(series):
    html = line_chart(series, title="Loss")

    for points in re.findall(r'points="([^"]*)"', html):
        for point in points.split():
            x, y = (float(part) for part in point.split(","))
            assert 0 <= x <= 640
            assert 0 <= y <= 260


def test_a_point_that_is_no_number_stands_in_the_table_and_not_in_the_line():
    html = line_chart({"loss": [(1, 0.5), (2, float("nan")), (3, 0.25)]}, title="Loss")

    assert "nan" in html
    assert len(re.search(r'points="([^"]*)"', html)[1].split()) == 2


def test_a_chart_without_points_says_so():
    assert "nothing to draw yet" in line_chart({}, title="Loss")


def test_bars_are_proportional_to_their_values():
    widths = [
        float(rect.get("width"))
        for rect in svg_of(bar_chart([("a", 10), ("b", 5)], title="Topics")).iter("rect")
    ]

    assert widths[1] == pytest.approx(widths[0] / 2)


@pytest.mark.parametrize("value", [-1, float("inf"), float("nan")])
def test_a_bar_needs_a_value_from_zero_up(value):
    with pytest.raises(ValueError, match="'a'"):
        bar_chart([("a", value)], title="Topics")


def test_the_matrix_shades_by_share_of_the_row_and_counts_the_diagonal():
    html = confusion_matrix(["yes", "no"], [[9, 1], [5, 5]], title="Confusion")

    assert "14 of 20 items on the diagonal" in html
    assert 'class="hit heat-5"' in html
    assert 'class="miss heat-1"' in html
    assert "yes called no: 1 of 10" in html


def test_a_matrix_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="2 labels needs 2 rows"):
        confusion_matrix(["yes", "no"], [[1, 2]], title="Confusion")


def test_a_sparkline_needs_two_values():
    assert sparkline([1]) == ""
    assert "from 1 to 3" in sparkline([1, 2, 3])


def test_no_drawing_carries_an_inline_style():
    for html in (
        layered_graph([TAG, SHEET, PAIRS], CHAIN),
        line_chart({"a": [(0, 1), (1, 2)], "b": [(0, 2)]}, title="Loss"),
        bar_chart([("a", 1)], title="Topics"),
        confusion_matrix(["a"], [[1]], title="Confusion"),
        sparkline([1, 2]),
    ):
        assert " style=" not in html
        assert "<style" not in html
