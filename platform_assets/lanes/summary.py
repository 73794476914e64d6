"""The newest evidence of each lane in one table, as it stands in a README.

Of several runs of one lane, profile and kind of source the one counts that began last. Whoever gives
them has verified their evidence; figures are computed from it. What a lane does not measure has a dash.

The table stands between two marks in a file. What is between them is replaced as a whole, and nothing
else of the file is touched.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from platform_assets.errors import ConfigurationError
from platform_assets.lanes.histograms import counted, merged
from platform_assets.lanes.plan import LANES
from platform_assets.lanes.schedule import SECOND
from platform_assets.lanes.statistics import PERCENTILES, percentile
from platform_assets.reports.lane_figures import figure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from platform_assets.lanes.recorded import Recorded
    from platform_assets.reports.lane_model import Dimension

BEGIN, END = "<!-- lanes: begin -->", "<!-- lanes: end -->"
_NONE = "No lane came to its verdict yet."
_ABSENT = "-"
_DIGEST_SHOWN = len("sha256:") + 12
#: Figure -> its heading and its dimension.
_FIGURES: Mapping[str, tuple[str, Dimension]] = {
    "sustained": ("sustained", "rate"),
    "latency_p99": ("latency p99", "time"),
    "drain": ("longest drain", "time"),
    "recovery": ("slowest recovery", "time"),
    "largest_window": ("largest window", "count"),
}


@dataclass(frozen=True, slots=True)
class SummarisedLane:
    """A lane in one line.

    Attributes:
        lane_run, lane, profile, source, verdict, begun_at: what it was; the source is its kind.
        lane_digest: the digest of its signed verdict.
        figures: those that it has, in base units: ``sustained`` is events a second into closed runs,
            from the first one due to the last closure; ``latency_p99`` of all events; the longest
            ``drain`` of a spike; the slowest ``recovery`` from a fault; the ``largest_window``.
    """

    lane_run: str
    lane: str
    profile: str
    source: str
    verdict: str
    begun_at: str
    lane_digest: str
    figures: Mapping[str, int]

    def as_json(self) -> dict[str, Any]:
        """Return it as the command line's ``--json`` prints it."""
        return asdict(self)


def summarise(recorded: Recorded, facts: Mapping[str, Any]) -> SummarisedLane:
    """Return the line of a lane.

    Args:
        recorded: what it recorded.
        facts: what its verification told (see `verification.LaneVerification`).
    """
    return SummarisedLane(
        lane_run=recorded.pin.record["lane_run"],
        lane=facts["lane"],
        profile=facts["profile"],
        source=recorded.plan.target.source.kind,
        verdict=facts["verdict"],
        begun_at=facts["begun_at"],
        lane_digest=facts["lane_digest"],
        figures=dict(_figures(recorded)),
    )


def newest(lanes: Iterable[SummarisedLane]) -> list[SummarisedLane]:
    """Return the newest of each lane, profile and source, in the order of the lanes."""
    found = {
        (lane.lane, lane.profile, lane.source): lane
        for lane in sorted(lanes, key=lambda lane: lane.begun_at)
    }
    order: Sequence[str] = LANES
    return sorted(
        found.values(), key=lambda lane: (order.index(lane.lane), lane.profile, lane.source)
    )


def markdown(lanes: Sequence[SummarisedLane]) -> str:
    """Return the table, or the words for none; without a line end."""
    if not lanes:
        return _NONE
    headings = [
        "lane",
        "source",
        "verdict",
        *(heading for heading, _ in _FIGURES.values()),
        "evidence",
    ]
    lines = [headings, ["---"] * 3 + ["---:"] * len(_FIGURES) + ["---"]]
    lines += [[*_line(lane)] for lane in lanes]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def in_words(lane: SummarisedLane) -> str:
    """Return a lane in one sentence, for a terminal."""
    told = [
        f"{_FIGURES[name][0]} {_written(lane, name)}" for name in _FIGURES if name in lane.figures
    ]
    what = f"{lane.lane} {lane.profile} from {lane.source.replace('_', ' ')}"
    of = f"{lane.lane_run} of {lane.begun_at[:10]}, {lane.lane_digest}"
    return f"{what}: {', '.join([lane.verdict, *told])} ({of})"


def block_of(text: str) -> str | None:
    """Return what stands between the marks of a text, None where it has none."""
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(END) < text.index(BEGIN):
        return None
    return text.partition(BEGIN)[2].partition(END)[0].strip("\n")


def updated(text: str, table: str, thing: str) -> str:
    """Return a text with the table between its marks.

    Raises:
        ConfigurationError: it does not have each mark once, in order.
    """
    if block_of(text) is None:
        raise ConfigurationError(
            thing,
            expected=f"the marks {BEGIN} and {END}, each once, in this order",
            found=f"{text.count(BEGIN)} and {text.count(END)} of them",
            remedy="Put them where the table is to stand, each on a line of its own.",
        )
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{rest.partition(END)[2]}"


def _figures(recorded: Recorded) -> Iterator[tuple[str, int]]:
    closed = [run.closed_us for run in recorded.runs if run.run_id in recorded.bundles]
    last = max((moment for moment in closed if moment is not None), default=0)
    measured = recorded.measured
    if last > 0 and recorded.plan.doubling is None:
        delivered = sum(bundle["totals"]["delivered"] for bundle in recorded.bundles.values())
        yield "sustained", delivered * SECOND // last
    latencies = counted(merged(each.histogram for each in measured.histograms.get("latency", ())))
    if latencies:
        yield "latency_p99", percentile(latencies, PERCENTILES["p99"])
    for metric in ("drain", "recovery", "largest_window"):
        if measured.series.get(metric):
            yield metric, max(sample.value for sample in measured.series[metric])


def _line(lane: SummarisedLane) -> Iterator[str]:
    yield f"{lane.lane}, {lane.profile}"
    yield lane.source.replace("_", " ")
    yield f"**{lane.verdict}**"
    for name in _FIGURES:
        yield _written(lane, name) if name in lane.figures else _ABSENT
    yield f"{lane.lane_run}, {lane.begun_at[:10]}, `{lane.lane_digest[:_DIGEST_SHOWN]}`"


def _written(lane: SummarisedLane, name: str) -> str:
    return figure(lane.figures[name], _FIGURES[name][1])
