"""Which plots over time the report of a lane has, and what stands on each.

They stand in the order in which a reader asks: was the load as planned, did work queue up, how long did
events wait, what did it take, how long did runs and their steps last.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from platform_assets.reports.lane_lines import GAP

if TYPE_CHECKING:
    from platform_assets.reports.lane_model import Dimension

#: Heights of plots, in pixels.
TALL, LOW = 170, 110
#: Of what there is one for each run, no gap in time tells that one is missing.
_NEVER = 10**15


@dataclass(frozen=True, slots=True)
class Drawn:
    """A metric on a plot: its name and its look; one that comes in bursts is drawn as its mean.

    One without a look may have several series; each has a look of its own, by its label.
    """

    metric: str
    name: str
    look: str
    averaged: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """A plot: what stands on it, of which dimension, and how it is drawn.

    A line is broken where more than ``gap`` microseconds have no sample.
    """

    key: str
    title: str
    about: str
    dimension: Dimension
    drawn: tuple[Drawn, ...]
    shape: str = "line"  # line, steps, dots
    height: int = TALL
    from_zero: bool = True
    gap: int = GAP


RATES = Wanted(
    "rates",
    "Rates",
    "Events a second: due by the plan, sent, acknowledged by the stream, and come into closed runs.",
    "rate",
    (
        Drawn("offered", "Offered", "s1 broad"),
        Drawn("achieved", "Sent", "s2 middle"),
        Drawn("acknowledged", "Acknowledged", "s3"),
        Drawn("certified", "Certified", "s4 strong", averaged=True),
    ),
)
QUEUES = (
    Wanted(
        "backlog",
        "Backlog",
        "Acknowledged events that stand in no closed run yet.",
        "count",
        (Drawn("backlog", "Backlog", "s1"),),
    ),
    Wanted(
        "lag",
        "Lag",
        "Age of the oldest acknowledged event that stands in no closed run yet.",
        "time",
        (Drawn("lag", "Lag", "s1"),),
    ),
    Wanted(
        "open-runs",
        "Open runs",
        "Runs that are pinned and not closed.",
        "count",
        (Drawn("open_runs", "Open runs", "s1"),),
        shape="steps",
        height=LOW,
    ),
)
LATENCIES = (
    (
        "latency",
        "Latency end to end",
        "From the moment an event was due until the run that holds it was closed.",
    ),
    (
        "acknowledgement",
        "Latency of the acknowledgement",
        "From the moment an event was due until the stream had acknowledged it.",
    ),
)
RESOURCES = (
    Wanted(
        "memory",
        "Memory",
        "Resident memory of all processes under load, and what of it cannot be taken back.",
        "bytes",
        (Drawn("memory", "Resident", "s1"), Drawn("memory_held", "Held", "s2")),
    ),
    Wanted(
        "memory-floor",
        "Memory floor",
        "The least held memory between two closures, of each run: where a leak shows. The axis does "
        "not begin at 0.",
        "bytes",
        (Drawn("memory_floor", "Floor", "s2"),),
        shape="dots",
        from_zero=False,
    ),
    Wanted(
        "files",
        "Open files and threads",
        "Of all processes under load.",
        "count",
        (Drawn("descriptors", "Descriptors", "s1"), Drawn("threads", "Threads", "s2")),
        height=LOW,
    ),
    Wanted(
        "cpu",
        "CPU",
        "CPU time of all processes under load; 100 % is one core.",
        "share",
        (Drawn("cpu", "CPU", "s1"),),
        height=LOW,
    ),
    Wanted(
        "memory-beside",
        "Memory of who works beside it",
        "Resident memory of the generators, of services and of the lane itself: not under load, and on "
        "the same machine.",
        "bytes",
        (Drawn("memory_beside", "", ""),),
        height=LOW,
    ),
    Wanted(
        "cpu-beside",
        "CPU of who works beside it",
        "CPU time of the same; 100 % is one core.",
        "share",
        (Drawn("cpu_beside", "", ""),),
        height=LOW,
    ),
    Wanted(
        "disks",
        "Store and scratch",
        "What stands on disk.",
        "bytes",
        (Drawn("store_size", "Store", "s1"), Drawn("scratch_size", "Scratch", "s2")),
        height=LOW,
    ),
    Wanted(
        "logs",
        "Logs and databases",
        "The closure log with the logs of all processes, and the databases of the orchestrator.",
        "bytes",
        (Drawn("log_size", "Logs", "s1"), Drawn("database_size", "Databases", "s2")),
        height=LOW,
    ),
)
RUNS = (
    Wanted(
        "run-duration",
        "Duration of runs",
        "From the pin of a run until it was closed; one dot for each run, where it was closed.",
        "time",
        (Drawn("run_duration", "Run", "s1"),),
        shape="dots",
    ),
    Wanted(
        "step-duration",
        "Duration of steps",
        "Wall time of each step of each run; of very many steps, those that took the longest.",
        "time",
        (Drawn("step_duration", "", ""),),
        gap=_NEVER,
    ),
    Wanted(
        "quarantined",
        "Quarantined share",
        "Of what each run delivered.",
        "share",
        (Drawn("quarantined", "Quarantined", "s1"),),
        shape="dots",
        height=LOW,
    ),
)
