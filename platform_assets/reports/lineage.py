"""The drawing of who read what: streams, products and consumers as boxes, reads as lines.

A box stands one column to the right of everything it was made from. Reads of earlier runs come from
one box for all of them, drawn dashed.
"""

from __future__ import annotations

import itertools
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from platform_assets.reports import wording

if TYPE_CHECKING:
    from platform_assets.reports.model import RunReport

BOX_WIDTH = 168.0
BOX_HEIGHT = 50.0
_COLUMN = BOX_WIDTH + 64.0
_ROW = BOX_HEIGHT + 18.0
_EARLIER = "\0earlier"
_MAX_NAME = 21


@dataclass(frozen=True, slots=True)
class Box:
    """One stream, product or consumer."""

    kind: str
    name: str
    full_name: str
    note: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Line:
    """One read, as a path from right edge to left edge."""

    path: str
    earlier: bool


@dataclass(frozen=True, slots=True)
class Lineage:
    """The whole drawing."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class _Node:
    kind: str
    name: str
    note: str


def lineage(view: RunReport) -> Lineage:
    """Return the drawing of a run."""
    nodes, edges = _graph(view)
    column = _columns(nodes, edges)
    routes = [_route(edge, column) for edge in edges]
    rows = _rows(nodes, column, routes)
    height = max((len(keys) for keys in rows.values()), default=1) * _ROW
    place: dict[str, tuple[float, float]] = {}
    for c, keys in rows.items():
        top = (height - len(keys) * _ROW) / 2 + (_ROW - BOX_HEIGHT) / 2
        for row, key in enumerate(keys):
            place[key] = (c * _COLUMN + 1, round(top + row * _ROW, 1))
    return Lineage(
        width=max(rows, default=0) * _COLUMN + BOX_WIDTH + 2,
        height=height,
        boxes=tuple(
            Box(node.kind, _cut(node.name), node.name, node.note, *place[key])
            for key, node in nodes.items()
        ),
        lines=tuple(
            Line(_path([place[key] for key in route]), route[0] == _EARLIER) for route in routes
        ),
    )


def _graph(view: RunReport) -> tuple[dict[str, _Node], list[tuple[str, str]]]:
    nodes: dict[str, _Node] = {}
    edges: list[tuple[str, str]] = []
    stream_of: dict[str, str] = {}
    for stream in view.streams:
        nodes[f"s:{stream.stream}"] = _Node(
            "stream", stream.stream, wording.plural(stream.delivered, "record")
        )
        stream_of.update({event: f"s:{stream.stream}" for event, _ in stream.events})
    earlier = {r.run_id for c in view.consumers for r in c.reads} - {view.run_id}
    if earlier:
        nodes[_EARLIER] = _Node(
            "earlier", "earlier closed runs", wording.plural(len(earlier), "run")
        )
    for product in view.products:
        kind = "consumer" if product.producer_kind == "consumer" else "product"
        note = f"{wording.plural(product.rows, 'row')}, {product.verdict}"
        nodes[f"p:{product.product}"] = _Node(kind, product.product, note)
        if product.producer in stream_of and kind == "product":
            edges.append((stream_of[product.producer], f"p:{product.product}"))
    for consumer in view.consumers:
        target = f"p:{consumer.consumer}"
        for read in consumer.reads:
            here = read.run_id == view.run_id
            edge = (f"p:{read.product}" if here else _EARLIER, target)
            if edge not in edges and target in nodes and edge[0] in nodes:
                edges.append(edge)
    return nodes, edges


def _columns(nodes: dict[str, _Node], edges: list[tuple[str, str]]) -> dict[str, int]:
    column = {key: 0 if node.kind in {"stream", "earlier"} else 1 for key, node in nodes.items()}
    for _ in nodes:  # as many rounds as the longest chain can have links; a cycle cannot run on
        for start, end in edges:
            column[end] = max(column[end], min(column[start] + 1, len(nodes)))
    return column


def _route(edge: tuple[str, str], column: dict[str, int]) -> list[str]:
    """Give a read that spans columns a place of its own in each, so that no box hides it."""
    start, end = edge
    between = [f"\0{start}>{end}:{c}" for c in range(column[start] + 1, column[end])]
    column.update({key: column[start] + 1 + step for step, key in enumerate(between)})
    return [start, *between, end]


def _rows(
    nodes: dict[str, _Node], column: dict[str, int], routes: list[list[str]]
) -> dict[int, list[str]]:
    """Order each column by the mean row of what its members come from."""
    before: dict[str, list[str]] = {}
    for route in routes:
        for start, end in itertools.pairwise(route):
            before.setdefault(end, []).append(start)
    given = [*nodes, *(key for key in column if key not in nodes)]
    rows: dict[int, list[str]] = {}
    height: dict[str, float] = {}
    for c in sorted(set(column.values())):
        keys = [key for key in given if column[key] == c]
        wanted = {
            key: statistics.fmean(height[start] for start in before[key])
            if before.get(key)
            else float(order)
            for order, key in enumerate(keys)
        }
        rows[c] = sorted(keys, key=wanted.__getitem__)
        middle = (len(keys) - 1) / 2
        height.update({key: row - middle for row, key in enumerate(rows[c])})
    return rows


def _path(places: list[tuple[float, float]]) -> str:
    x0, y0 = places[0][0] + BOX_WIDTH, places[0][1] + BOX_HEIGHT / 2
    path = f"M{x0:.1f} {y0:.1f}"
    for x, y in places[1:]:
        x1, y1 = x, y + BOX_HEIGHT / 2
        middle = (x0 + x1) / 2
        path += f"C{middle:.1f} {y0:.1f} {middle:.1f} {y1:.1f} {x1:.1f} {y1:.1f}"
        path += f"H{x1 + BOX_WIDTH:.1f}" if (x, y) != places[-1] else ""
        x0, y0 = x1 + BOX_WIDTH, y1
    return path


def _cut(name: str) -> str:
    return name if len(name) <= _MAX_NAME else name[: _MAX_NAME - 1] + "…"
