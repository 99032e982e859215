"""A layered graph as SVG and as a nested list: what came from what, each node a link."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

BOX_WIDTH, BOX_HEIGHT = 146, 56  # seven layers of lineage fit beside the sidebar at 1440 pixels
GAP_X, GAP_Y = 16, 16
MARGIN = 8
LINE_WIDTH = 19  # columns of text that fit into a box


@dataclass(frozen=True)
class Node:
    """One box; `layer` counts from the left, `kind` is a tone such as permitted, prohibited or plain."""

    key: str
    label: str
    sublabel: str = ""
    kind: str = "plain"
    url: str = ""
    layer: int = 0


@dataclass(frozen=True)
class Edge:
    """What `target` was made from is `source`."""

    source: str
    target: str


def layered_graph(nodes: Iterable[Node], edges: Iterable[Edge], *, title: str = "Lineage") -> SafeString:
    """The graph from left to right; the same input always draws the same picture.

    :raises ValueError: two nodes share a key, or an edge names a key that no node has.
    """
    boxes, lines = _checked(nodes, edges)
    places = _places(boxes, lines)
    width = max((x for x, _ in places.values()), default=0) + BOX_WIDTH + MARGIN
    height = max((y for _, y in places.values()), default=0) + BOX_HEIGHT + MARGIN
    drawn_edges = format_html_join("", "{}", ((_edge(places[e.source], places[e.target]),) for e in lines))
    drawn_nodes = format_html_join("", "{}", ((_node(node, places[node.key]),) for node in boxes))
    return format_html(
        '<div class="graph-scroll" tabindex="0" role="region" aria-label="{}">'
        '<svg class="graph" width="{}" height="{}" viewBox="0 0 {} {}" role="group" aria-label="{}">'
        "<desc>{} nodes, {} links.</desc>{}{}</svg></div>",
        title,
        width,
        height,
        width,
        height,
        f"{title}, drawing",
        len(boxes),
        len(lines),
        drawn_edges,
        drawn_nodes,
    )


def graph_as_list(nodes: Iterable[Node], edges: Iterable[Edge]) -> SafeString:
    """The same graph as nested lists, starting at nodes that came from nothing; each node unfolds once.

    :raises ValueError: as for layered_graph.
    """
    boxes, lines = _checked(nodes, edges)
    children: dict[str, list[str]] = defaultdict(list)
    for edge in lines:
        children[edge.source].append(edge.target)
    by_key = {node.key: node for node in boxes}
    made = {edge.target for edge in lines}
    unfolded: set[str] = set()
    # Nodes of a pure cycle have no start; they are listed last so that nothing is missing.
    starts = [node.key for node in boxes if node.key not in made]
    items = [_list_item(key, by_key, children, unfolded) for key in starts]
    items += [_list_item(key, by_key, children, unfolded) for key in by_key if key not in unfolded]
    return format_html(
        '<ul class="graph-list">{}</ul>', format_html_join("", "{}", ((item,) for item in items))
    )


def _list_item(
    key: str, by_key: dict[str, Node], children: dict[str, list[str]], unfolded: set[str]
) -> SafeString:
    node = by_key[key]
    name = format_html('<a href="{}">{}</a>', node.url, node.label) if node.url else node.label
    detail = format_html(' <span class="muted">{}</span>', node.sublabel) if node.sublabel else ""
    if key in unfolded:
        return format_html('<li>{} <span class="muted">(listed above)</span></li>', name)
    unfolded.add(key)
    items = format_html_join(
        "", "{}", ((_list_item(child, by_key, children, unfolded),) for child in children[key])
    )
    return format_html("<li>{}{}{}</li>", name, detail, format_html("<ul>{}</ul>", items) if items else "")


def _checked(nodes: Iterable[Node], edges: Iterable[Edge]) -> tuple[list[Node], list[Edge]]:
    boxes, lines = list(nodes), list(edges)
    keys = {node.key for node in boxes}
    if len(keys) != len(boxes):
        raise ValueError("two nodes of the graph share a key; give each node its own")
    for edge in lines:
        missing = {edge.source, edge.target} - keys
        if missing:
            raise ValueError(
                f"an edge names {sorted(missing)}, which no node has; add the node or drop the edge"
            )
    return boxes, lines


def _places(nodes: Sequence[Node], edges: Sequence[Edge]) -> dict[str, tuple[int, int]]:
    """Top left corner of each box: columns by layer, each column ordered below its parents, centred."""
    parents: dict[str, list[str]] = defaultdict(list)
    for edge in edges:
        parents[edge.target].append(edge.source)
    columns: dict[int, list[str]] = defaultdict(list)
    for node in nodes:
        columns[node.layer].append(node.key)
    row: dict[str, float] = {}
    for layer in sorted(columns):
        columns[layer] = _ordered(columns[layer], parents, row)
        row.update({key: float(index) for index, key in enumerate(columns[layer])})
    tallest = max((len(column) for column in columns.values()), default=0)
    return {
        key: (MARGIN + x * (BOX_WIDTH + GAP_X), MARGIN + _top(index, len(columns[layer]), tallest))
        for x, layer in enumerate(sorted(columns))
        for index, key in enumerate(columns[layer])
    }


def _ordered(keys: list[str], parents: dict[str, list[str]], row: dict[str, float]) -> list[str]:
    """Boxes by the mean row of their parents to the left; those without keep the order they came in."""

    def wish(place: tuple[int, str]) -> tuple[float, int]:
        index, key = place
        known = [row[parent] for parent in parents[key] if parent in row]
        return (sum(known) / len(known) if known else float(index), index)

    return [key for _, key in sorted(enumerate(keys), key=wish)]


def _top(index: int, count: int, tallest: int) -> int:
    step = BOX_HEIGHT + GAP_Y
    return index * step + (tallest - count) * step // 2


def _edge(start: tuple[int, int], end: tuple[int, int]) -> SafeString:
    x1, y1 = start[0] + BOX_WIDTH, start[1] + BOX_HEIGHT // 2
    x2, y2 = end[0], end[1] + BOX_HEIGHT // 2
    bend = max(24, (x2 - x1) // 2)
    return format_html(
        '<path class="edge" d="M{} {} C{} {} {} {} {} {}"/><path class="arrow" d="M{} {} l-8 -4 v8 z"/>',
        x1,
        y1,
        x1 + bend,
        y1,
        x2 - bend - 6,
        y2,
        x2 - 6,
        y2,
        x2,
        y2,
    )


def _node(node: Node, place: tuple[int, int]) -> SafeString:
    x, y = place
    lines = wrapped(node.label, 1 if node.sublabel else 2)
    first = y + 33 - 8 * (len(lines) + bool(node.sublabel) - 1)
    texts = format_html_join(
        "",
        '<text class="{}" x="{}" y="{}">{}</text>',
        (
            (kind, x + 12, first + 16 * index, text)
            for index, (kind, text) in enumerate(
                [("name", line) for line in lines]
                + [("sub", line) for line in wrapped(node.sublabel, 1) if node.sublabel]
            )
        ),
    )
    body = format_html(
        '<g class="node kind-{}"><title>{}</title><rect x="{}" y="{}" width="{}" height="{}" rx="6"/>{}</g>',
        node.kind,
        f"{node.label} · {node.sublabel}" if node.sublabel else node.label,
        x,
        y,
        BOX_WIDTH,
        BOX_HEIGHT,
        texts,
    )
    return format_html('<a href="{}">{}</a>', node.url, body) if node.url else body


def wrapped(text: str, lines: int) -> list[str]:
    """The text on at most `lines` lines of a box, broken at spaces where it can be, ellipsized at the end."""
    done: list[str] = []
    rest = " ".join(text.split())
    while rest and len(done) < lines:
        fitting = _fitting(rest)
        last = len(done) == lines - 1
        if fitting < len(rest) and last:
            done.append(rest[: max(fitting - 1, 1)].rstrip() + "…")
            break
        cut = rest.rfind(" ", 0, fitting + 1) if fitting < len(rest) else len(rest)
        cut = cut if cut > 0 else fitting
        done.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return done


def _fitting(text: str) -> int:
    """How many characters of the text fit on one line; wide characters take two columns."""
    used = 0
    for index, character in enumerate(text):
        used += 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if used > LINE_WIDTH:
            return index
    return len(text)
