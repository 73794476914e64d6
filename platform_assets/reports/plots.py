"""The geometry of the report's plots; the templates draw it.

Everything here is numbers and names, in the units of the plot's view box. A share above zero is always
drawn wide enough to be seen, which the report says beneath the plot; the figures stand beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platform_assets.reports.model import RunReport

#: Outcomes in the order and under the names in which all plots show them.
OUTCOMES = (
    ("admitted", "Admitted"),
    ("duplicate", "Duplicates"),
    ("quarantined", "Quarantined"),
)
_BAR_WIDTH = 1_000.0
_BAR_LEAST = 3.0
_FLOW_HEIGHT = 150.0
_FLOW_LEAST = 5.0
_FLOW_TOP = 30.0
_LABEL_HEIGHT = 46.0
_NODE = 14.0
MAX_BARS = 32


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a bar."""

    kind: str
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar, of at most 1,000 units, with its counts by outcome."""

    label: str
    total: int
    counts: tuple[int, ...]
    segments: tuple[Segment, ...]
    stream: bool


@dataclass(frozen=True, slots=True)
class Band:
    """One branch of the flow: a filled path, the node at its end and where its label stands."""

    kind: str
    label: str
    count: int
    path: str
    node_y: float
    node_height: float
    label_y: float


@dataclass(frozen=True, slots=True)
class Flow:
    """Delivered records parting into the three outcomes."""

    width: float
    height: float
    node_x: float
    label_x: float
    source_y: float
    source_height: float
    bands: tuple[Band, ...]


def stacked(counts: Sequence[int], longest: int) -> tuple[Segment, ...]:
    """Return the segments of a bar whose full length stands for ``longest``."""
    total = sum(counts)
    if total == 0 or longest == 0:
        return ()
    whole = max(_BAR_WIDTH * total / longest, _BAR_LEAST * sum(n > 0 for n in counts))
    widths = _at_least(counts, min(whole, _BAR_WIDTH), _BAR_LEAST)
    segments, x = [], 0.0
    for (kind, _), width in zip(OUTCOMES, widths, strict=True):
        if width > 0:
            segments.append(Segment(kind, round(x, 1), round(width, 1)))
        x += width
    return tuple(segments)


def reconciliation_bars(view: RunReport) -> tuple[Bar, ...]:
    """Return a bar for each stream, each followed by its partitions as far as there is room."""
    rows: list[tuple[str, int, tuple[int, int, int], bool]] = []
    for stream in view.streams:
        counts = (stream.admitted, stream.duplicate, stream.quarantined)
        rows.append((stream.stream, stream.delivered, counts, True))
        rows += [
            (
                f"partition {part.partition}",
                part.delivered,
                (part.admitted, part.duplicate, part.quarantined),
                False,
            )
            for part in stream.partitions
        ]
    longest = max((total for _, total, _, _ in rows), default=0)
    return tuple(
        Bar(label, total, counts, stacked(counts, longest), whole)
        for label, total, counts, whole in rows[:MAX_BARS]
    )


def reconciliation_flow(view: RunReport, width: float, label_width: float) -> Flow:
    """Return the flow of all delivered records, ``width`` units wide."""
    counts = (view.admitted, view.duplicate, view.quarantined)
    heights = _at_least(counts, _FLOW_HEIGHT, _FLOW_LEAST)
    node_x = width - label_width - _NODE
    bands = []
    source_y, node_y = _FLOW_TOP, _FLOW_TOP
    for (kind, label), n, height in zip(OUTCOMES, counts, heights, strict=True):
        path = _ribbon(_NODE, source_y, node_x, node_y, height) if height else ""
        label_y = node_y + max(height / 2, _LABEL_HEIGHT / 2 - 8)
        bands.append(
            Band(kind, label, n, path, round(node_y, 1), round(height, 1), round(label_y, 1))
        )
        source_y += height
        node_y += max(height + 14, _LABEL_HEIGHT)
    return Flow(
        width=width,
        height=round(max(node_y, _FLOW_TOP + _FLOW_HEIGHT + 8), 1),
        node_x=node_x,
        label_x=node_x + _NODE + 10,
        source_y=_FLOW_TOP,
        source_height=round(sum(heights), 1),
        bands=tuple(bands),
    )


def _at_least(counts: Sequence[int], length: float, least: float) -> list[float]:
    """Divide a length in proportion, giving each count above zero at least so much."""
    total = sum(counts)
    if total == 0:
        return [0.0 for _ in counts]
    wide = [length * n / total for n in counts]
    small = [0 < width < least for width in wide]
    rest = length - least * sum(small)
    large = sum(n for n, is_small in zip(counts, small, strict=True) if not is_small)
    return [
        least if is_small else (rest * n / large if large else 0.0)
        for n, is_small in zip(counts, small, strict=True)
    ]


def _ribbon(x0: float, y0: float, x1: float, y1: float, height: float) -> str:
    middle = (x0 + x1) / 2
    return (
        f"M{x0:.1f} {y0:.1f}"
        f"C{middle:.1f} {y0:.1f} {middle:.1f} {y1:.1f} {x1:.1f} {y1:.1f}"
        f"V{y1 + height:.1f}"
        f"C{middle:.1f} {y1 + height:.1f} {middle:.1f} {y0 + height:.1f} {x0:.1f} {y0 + height:.1f}Z"
    )
