"""The report of one run: plain values in, one self-contained HTML page out.

The page loads nothing: no script, no font, no image, no style sheet, and a content security policy
that would refuse them. Every value is escaped, and characters that could reorder or hide text are
written out. The same values give the same bytes. The page is part of the evidence and is written
before the seal, so it states the requirements as evaluated and points at the seal for the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_assets.reports import wording
from platform_assets.reports.lineage import BOX_HEIGHT, BOX_WIDTH, lineage
from platform_assets.reports.pages import environment
from platform_assets.reports.plots import (
    MAX_BARS,
    OUTCOMES,
    reconciliation_bars,
    reconciliation_flow,
)

if TYPE_CHECKING:
    from platform_assets.reports.model import RunReport

_ORIGINS = {
    "predecessor": "where the run before ended",
    "earliest": "earliest record held",
    "latest": "end of the stream when first seen",
    "position": "position given in the feed",
    "timestamp": "moment given in the feed",
    "parent": "the first record, once its parents had ended",
}
_GAPS = {
    "transaction_control": "marker of a transaction, not a record",
    "aborted": "record of an aborted transaction",
    "compacted": "removed by compaction",
}


def render_run_report(view: RunReport) -> bytes:
    """Return the page as UTF-8."""
    text = (
        environment()
        .get_template("run_report.html.j2")
        .render(
            view=view,
            verdict=verdict_sentences(view),
            flow_wide=reconciliation_flow(view, 1000.0, 260.0),
            flow_narrow=reconciliation_flow(view, 340.0, 165.0),
            bars=reconciliation_bars(view),
            bars_left_out=max(
                sum(1 + len(stream.partitions) for stream in view.streams) - MAX_BARS, 0
            ),
            lineage=lineage(view),
            box=(BOX_WIDTH, BOX_HEIGHT),
            outcomes=OUTCOMES,
            origins=_ORIGINS,
            gap_kinds=_GAPS,
        )
    )
    return text.encode("utf-8")


def verdict_sentences(view: RunReport) -> list[str]:
    """Return what happened, for someone who never saw the platform."""
    partitions = sum(len(stream.partitions) for stream in view.streams)
    delivered = wording.plural(view.delivered, "record")
    streams = wording.plural(len(view.streams), "stream")
    whence = f"{streams} ({wording.plural(partitions, 'partition')})"
    left_out = f"{view.duplicate:,} {_were(view.duplicate)} left out as duplicates"
    admitted = f"{view.admitted:,} {_were(view.admitted)} admitted"
    quarantined = f"{view.quarantined:,} {_were(view.quarantined)} quarantined"
    sentences = [
        f"{delivered} {_were(view.delivered)} delivered from {whence}.",
        f"{admitted}, {left_out} of events that count already, and {quarantined} with reasons.",
        "Every delivered record is accounted for."
        if view.balances
        else "These numbers do not add up: records are unaccounted for.",
    ]
    checks = sum(len(product.checks) for product in view.products)
    passed = sum(product.passed for product in view.products)
    certified = sum(product.verdict == "PASS" for product in view.products)
    outputs = wording.plural(len(view.products), "product")
    sentences.append(
        f"{certified:,} of {outputs} {_were(certified)} certified; "
        f"{passed:,} of {wording.plural(checks, 'check')} passed."
    )
    if view.consumers:
        number = wording.plural(len(view.consumers), "consumer")
        sentences.append(
            f"{number} recorded which certified products {_they(view.consumers)} read."
        )
    return sentences


def _were(number: int) -> str:
    return "was" if number == 1 else "were"


def _they(consumers: tuple[object, ...]) -> str:
    return "it" if len(consumers) == 1 else "they"
