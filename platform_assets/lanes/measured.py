"""What was measured, as values: series of samples, histograms, and how many there have to be.

Time is in microseconds since the beginning of the load, of one monotonic clock that all processes of
a machine share. Nothing here is aggregated: every sample that was taken is there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from platform_assets.lanes.histograms import decode, encode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hdrh.histogram import HdrHistogram

#: How often gauges are sampled.
SAMPLE_MICROSECONDS = 1_000_000


class Sample(NamedTuple):
    """One value of a metric: when it was taken, of what, and how much it was, in base units."""

    at: int
    label: str
    value: int


@dataclass(frozen=True, slots=True)
class Interval:
    """The values of a metric in ``[begin, end)``, of one label.

    The histogram is held encoded: decoded it takes 200 KB, and there is one for each second.
    """

    begin: int
    end: int
    label: str
    hdr: str

    @classmethod
    def of(cls, begin: int, end: int, label: str, histogram: HdrHistogram) -> Interval:
        """Return the interval of a histogram (see `histograms.new_histogram`)."""
        return cls(begin, end, label, encode(histogram))

    @property
    def histogram(self) -> HdrHistogram:
        """The histogram, decoded anew each time."""
        return decode(self.hdr)


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything that was measured.

    Attributes:
        phases: name -> ``[begin, end)``, ``drain`` among them.
        series: metric -> samples by label and time.
        histograms: metric -> intervals by label and time.
        expected: metric, or ``metric/label``, -> how many samples, or values in histograms, there have
            to be, from what else is known: the plan, the ledger, the closed runs. A metric that has
            fewer gives no data.
    """

    phases: Mapping[str, tuple[int, int]]
    series: Mapping[str, Sequence[Sample]]
    histograms: Mapping[str, Sequence[Interval]]
    expected: Mapping[str, int] = field(default_factory=dict)
