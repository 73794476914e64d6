"""What lanes measure: every metric with its kind, its unit and what it is measured from.

Values are integers in the base unit of the metric's dimension: microseconds, bytes, a count, events a
second, parts of a million. A metric that is not listed here cannot have a threshold; one that is listed
and was not sampled gives no data, which fails the lane.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["gauge", "each", "histogram"]
Dimension = Literal["time", "bytes", "count", "rate", "share"]

#: Dimension -> unit -> how many base units that is.
UNITS: Mapping[Dimension, Mapping[str, int]] = MappingProxyType(
    {
        "time": {"us": 1, "ms": 1_000, "s": 1_000_000},
        "bytes": {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30},
        "count": {"1": 1},
        "rate": {"/s": 1},
        "share": {"ppm": 1, "%": 10_000},
    }
)


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric.

    ``gauge``: sampled once a second from the first event to the end. ``each``: one sample for each
    thing, for example for each run; the label names it or its kind. ``histogram``: one value for each
    event, kept whole in HdrHistograms of one second each.
    """

    kind: Kind
    dimension: Dimension
    about: str


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        # the load, by each generating process
        "offered": Metric("gauge", "rate", "events that were due in the second"),
        "achieved": Metric("gauge", "rate", "events that were sent in the second"),
        "acknowledged": Metric("gauge", "rate", "events acknowledged in the second"),
        "slip": Metric("histogram", "time", "from the intended send time until it was sent"),
        "acknowledgement": Metric(
            "histogram", "time", "from the intended send time until it was acknowledged"
        ),
        "ambiguous": Metric("each", "count", "events of which nobody knows whether they stand"),
        "refused": Metric("each", "count", "events that the stream refused"),
        # the pipeline
        "latency": Metric(
            "histogram",
            "time",
            "from the intended send time until the run that holds it was closed",
        ),
        "backlog": Metric("gauge", "count", "acknowledged events that are in no closed run"),
        "lag": Metric("gauge", "time", "age of the oldest acknowledged event in no closed run"),
        "open_runs": Metric("gauge", "count", "pinned runs that are not closed"),
        "certified": Metric("gauge", "rate", "events that came into closed runs in the second"),
        "run_duration": Metric("each", "time", "from the pin of a run until it was closed"),
        "run_events": Metric("each", "count", "events that a run delivered"),
        "quarantined": Metric("each", "share", "quarantined of the delivered events, per run"),
        "step_duration": Metric("each", "time", "wall time of a step, by step and thing"),
        "step_memory": Metric("each", "bytes", "most memory of a step, by step and thing"),
        "spilled": Metric("each", "bytes", "most that a step spilled, by step and thing"),
        # its processes
        "memory": Metric("gauge", "bytes", "resident memory of all processes under load"),
        "memory_held": Metric("gauge", "bytes", "memory that cannot be taken back"),
        "memory_floor": Metric("each", "bytes", "least held memory between two closures, per run"),
        "descriptors": Metric("gauge", "count", "open file descriptors"),
        "threads": Metric("gauge", "count", "threads"),
        "cpu": Metric("gauge", "share", "CPU time a second, of one core"),
        # what works beside them: generators, services, and the lane itself; the label says which
        "memory_beside": Metric("gauge", "bytes", "resident memory of who is not under load"),
        "cpu_beside": Metric("gauge", "share", "CPU time a second, of one core, of such"),
        "cpu_machine": Metric(
            "gauge", "share", "CPU time a second, of one core, of everybody on the machine"
        ),
        # its disks
        "store_size": Metric("gauge", "bytes", "what stands in the store"),
        "scratch_size": Metric("gauge", "bytes", "what stands in the scratch folder"),
        "log_size": Metric("gauge", "bytes", "closure log, and logs of the processes"),
        "database_size": Metric("gauge", "bytes", "Dagster's databases"),
        # truth
        "lost": Metric("each", "count", "acknowledged events that stand in no closed run"),
        "doubled": Metric("each", "count", "events that stand in closed runs more than once"),
        "unexpected": Metric("each", "count", "rows that no event of the ledger explains"),
        "quarantine_error": Metric(
            "each", "count", "quarantined more or less than the ledger's invalid events"
        ),
        "failed_runs": Metric("each", "count", "runs with a check that failed, or not closed"),
        "errors": Metric(
            "each", "count", "outages and refusals that the worker met; of a probe, failed attempts"
        ),
        # what lanes are for
        "drain": Metric("each", "time", "from the end of a spike until all is steady again"),
        "recovery": Metric("each", "time", "from a fault until all is steady again, by its kind"),
        "faults": Metric("each", "count", "faults that struck, by kind"),
        "largest_window": Metric("each", "count", "events of the largest window that passed"),
    }
)
