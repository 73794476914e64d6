"""From an order's acknowledgement by a real Kafka broker to its certified product, Dagster running.

The daemon, its code servers and the processes of its runs are those of service, on a home's own
instance; the sensor looks every five seconds. Two loads, and the least that the same instance can do:

- a lone order: sent at a random moment, when everything before it is closed;
- a steady stream of ten orders a second, of which every order counts;
- the limit: an empty job in the same instance, from a change of a file that its sensor looks at every
  five seconds to the job's only step.

An order's latency begins with the producer's delivery report and ends when the certificate of the
product that holds it is seen in the store. Every order is looked up in its run's anchors, and every
product is opened through the gate at the end. The first window of each load is not counted: it starts
the process that later runs find ready. Prints percentiles and where the time goes; exits with 1 where
p95 of either load is 15 seconds or more.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from benchmarks import latency_home
from benchmarks.contenders import empty_job
from benchmarks.latency_home import FEED, PRODUCT, Orders
from benchmarks.tables import TOO_BUSY, into_document, machine, markdown_table, print_table
from platform_assets.canonical import parse_rfc3339
from platform_assets.identifiers import RunId
from platform_assets.orchestration import home_instance
from platform_assets.pipeline import Platform, open_product, runs
from platform_assets.pipeline.state import is_closed
from platform_assets_tests.orchestration.dagster_daemon import DagsterDaemon, dagster
from platform_assets_tests.servers.kafka_cluster import KafkaCluster
from platform_assets_tests.servers.kafka_topics import new_topic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TITLES = {
    "lone": "a lone order",
    "steady": "10 orders/s",
    "limit": "(limit) empty Dagster job",
}
COLUMNS = ("load", "windows", "orders", "p50 s", "p95 s", "p99 s", "of the limit's p50")
_GOAL_SECONDS = 15.0
_PATIENCE = 300
_ORDERS_EACH_SECOND = 10
_BEGIN, _END = "<!-- latency: begin -->", "<!-- latency: end -->"


@dataclass(slots=True)
class Load:
    """What was measured under one load: seconds for each order, and for each window where they went."""

    windows: int = 0
    latencies: list[float] = field(default_factory=list)
    parts: dict[str, list[float]] = field(default_factory=dict)

    def percentile(self, percent: int) -> float:
        """Return a percentile of the latencies, interpolated between the two nearest."""
        if len(self.latencies) == 1:
            return self.latencies[0]
        return statistics.quantiles(self.latencies, n=100, method="inclusive")[percent - 1]


class Certificates:
    """Notes when the certificate of each run's product is first seen, until stopped."""

    def __init__(self, home: Path) -> None:
        self.seen: dict[int, float] = {}
        self._runs = home / "store/runs"
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """See no more."""
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        following = 1
        while not self._over.wait(0.01):
            folder = self._runs / str(RunId(FEED, following)) / "certificates" / PRODUCT
            if any(folder.glob("*/*.json")):
                self.seen[following] = time.time()
                following += 1


@dataclass(frozen=True, slots=True)
class Service:
    """A home in service: its daemon runs, and orders can be sent."""

    home: Path
    orders: Orders
    certificates: Certificates
    bell: Path

    def closed(self, sequence: int) -> bool:
        """Tell whether a run is pinned and closed."""
        run = RunId(FEED, sequence)
        platform = Platform.open(self.home)
        return run in runs(platform, FEED) and is_closed(platform, run)

    def pinned(self) -> int:
        """Return the sequence of the newest run."""
        return len(runs(Platform.open(self.home), FEED))


def lone(service: Service, windows: int) -> Load:
    """Send one order after the other, each when the run before is closed."""
    load = Load()
    for number in range(windows + 1):
        time.sleep(random.uniform(0, 5))  # noqa: S311 - any moment between two looks
        sequence = service.pinned() + 1
        at = service.orders.send()
        wait_for(lambda: service.closed(sequence))  # noqa: B023 - it is called before it changes
        if number:
            note(load, service, sequence, [at])
    return load


def steady(service: Service, windows: int) -> Load:
    """Send orders at an even rate until enough windows hold nothing but such orders."""
    first = service.pinned() + 2  # the window before it is half filled
    over = threading.Event()

    def send() -> None:
        begun, sent = time.monotonic(), 0
        while not over.is_set():
            service.orders.send()
            sent += 1
            over.wait(max(0.0, begun + sent / _ORDERS_EACH_SECOND - time.monotonic()))

    sending = threading.Thread(target=send, daemon=True)
    sending.start()
    try:
        wait_for(lambda: service.closed(first + windows - 1), _PATIENCE + 30 * windows)
    finally:
        over.set()
        sending.join()
    load = Load()
    for sequence in range(first, first + windows):
        note(load, service, sequence, list(held(service, sequence)))
    wait_for(lambda: service.closed(service.pinned()))
    return load


def limit(service: Service, windows: int) -> Load:
    """Ring the bell and wait for the answer."""
    load = Load()
    answers = empty_job.answers(service.bell)
    answers.mkdir(exist_ok=True)
    for number in range(windows + 1):
        time.sleep(random.uniform(0, 5))  # noqa: S311 - any moment between two looks
        service.bell.write_text(str(number))
        rung = time.time()
        wait_for((answers / str(number)).exists)
        if number:
            load.windows += 1
            load.latencies.append(time.time() - rung)
    return load


LOADS: dict[str, Callable[[Service, int], Load]] = {"lone": lone, "steady": steady, "limit": limit}


def held(service: Service, sequence: int) -> Iterator[tuple[str, int]]:
    """Yield partition and offset of every order in a window."""
    (stream,) = Platform.open(service.home).anchors(RunId(FEED, sequence))["streams"]
    for part in stream["partitions"]:
        for offset in range(int(part["start"]), int(part["end"])):
            yield part["partition"], offset


def note(load: Load, service: Service, sequence: int, orders: list[tuple[str, int]]) -> None:
    """Add a window: how long each of its orders took, and where the time of the first went.

    Raises:
        RuntimeError: an order is not in the window in which it was expected.
    """
    if not set(orders) <= set(held(service, sequence)):
        raise RuntimeError(f"orders {orders} are not in window {sequence}")
    platform, run = Platform.open(service.home), RunId(FEED, sequence)
    certified = service.certificates.seen[sequence]
    arrived = [service.orders.acknowledged[order] for order in orders]
    load.windows += 1
    load.latencies += [certified - moment for moment in arrived]
    pinned = parse_rfc3339(platform.anchors(run)["pinned_at"]).timestamp()
    started = first_step(service.home, str(run))
    for part, seconds in {
        "until it is pinned": pinned - min(arrived),
        "until the run's first step": started - pinned,
        "until it is certified": certified - started,
    }.items():
        load.parts.setdefault(part, []).append(seconds)


def first_step(home: Path, run: str) -> float:
    """Return when the first step of a run of the feed began."""
    with home_instance(home) as instance:
        (worked,) = (
            each for each in instance.get_runs() if each.tags.get("dagster/partition") == run
        )
        steps = instance.get_run_step_stats(worked.run_id)
    return min(step.start_time for step in steps if step.start_time is not None)


def wait_for(true: Callable[[], bool], seconds: float = _PATIENCE) -> None:
    """Wait until something is so.

    Raises:
        RuntimeError: it did not come in time.
    """
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise RuntimeError("the daemon did not come so far in time; see its log")
        time.sleep(0.02)


def measured(work: Path, given: argparse.Namespace, cluster: KafkaCluster) -> dict[str, Load]:
    """Bring a home into service, and put it under each load."""
    home, bell = work / "home", work / "bell"
    topic = new_topic(cluster.bootstrap, FEED, partitions=latency_home.PARTITIONS)
    source = {"kind": "kafka", "bootstrap": list(cluster.bootstrap)}
    latency_home.write_home(home, source, topic)
    os.environ[empty_job.BELL] = str(bell)
    location = ("-w", str(home / "workspace.yaml"))
    with home_instance(home):
        pass  # the instance is made
    for sensor, place in ((latency_home.SENSOR, "ours"), ("bell", "empty")):
        dagster(home, "sensor", "start", sensor, location=(*location, "-l", place))
    certificates = Certificates(home)
    found = {}
    with DagsterDaemon(home, work / "daemon.log", location):
        service = Service(home, Orders(cluster.bootstrap, topic), certificates, bell)
        for name in given.only:
            found[name] = LOADS[name](service, given.windows)
            print(f"{TITLES[name]}: p95 {found[name].percentile(95):.1f} s", flush=True)
    certificates.stop()
    platform = Platform.open(home)
    rows = sum(open_product(platform, run, PRODUCT).rows for run in runs(platform, FEED))
    if rows != len(service.orders.acknowledged):
        raise RuntimeError(f"{len(service.orders.acknowledged)} acknowledged, {rows} certified")
    return found


def rows_of(loads: dict[str, Load]) -> list[list[str]]:
    """Return the table's rows as text."""
    least = loads["limit"].percentile(50) if "limit" in loads else 0.0
    return [
        [
            TITLES[name],
            str(load.windows),
            "" if name == "limit" else f"{len(load.latencies):,}",
            *(f"{load.percentile(percent):.1f}" for percent in (50, 95, 99)),
            f"{load.percentile(50) / least:.2f}x" if least and name != "limit" else "",
        ]
        for name, load in loads.items()
    ]


def remarks(loads: dict[str, Load], busy: float) -> list[str]:
    """Return what stands beneath the table."""
    said = []
    for name, load in loads.items():
        if load.parts:
            parts = [f"{part} {statistics.median(s):.1f}" for part, s in load.parts.items()]
            said.append(f"- {TITLES[name]}, medians of a window's first, s: {', '.join(parts)}")
    for name in (name for name in loads if name != "limit"):
        word = "reached" if loads[name].percentile(95) < _GOAL_SECONDS else "MISSED"
        said.append(f"- {word}: p95 under {_GOAL_SECONDS:.0f} s for {TITLES[name]}")
    if busy > TOO_BUSY:
        said.append(f"- other processes took {busy:.0%} of the machine meanwhile")
    return said


def as_markdown(loads: dict[str, Load], busy: float, version: str) -> str:
    """Return table and remarks for a document."""
    measured_on = f"{machine()}, shared with the broker (Apache Kafka {version})"
    return markdown_table(measured_on, COLUMNS, rows_of(loads), remarks(loads, busy))


def print_results(loads: dict[str, Load], busy: float) -> None:
    title = f"acknowledged by Kafka to certified, {machine()}"
    print_table(title, COLUMNS, rows_of(loads), remarks(loads, busy))


class Disturbance:
    """The share of the machine that processes took which are not part of the measurement."""

    def __init__(self) -> None:
        self._begun, self._all, self._own = time.monotonic(), _busy_seconds(), _own_seconds()

    def share(self) -> float:
        """Return it, from the beginning until now; runs that have ended count as others' work."""
        wall = (time.monotonic() - self._begun) * (os.cpu_count() or 1)
        other = (_busy_seconds() - self._all) - (_own_seconds() - self._own)
        return max(0.0, other / wall)


def _busy_seconds() -> float:
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - times.iowait - times.guest - times.guest_nice)


def _own_seconds() -> float:
    total = 0.0
    for process in (psutil.Process(), *psutil.Process().children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--windows", type=int, default=20, help="windows under each load")
    parser.add_argument("--only", nargs="+", choices=list(TITLES), default=list(TITLES))
    parser.add_argument("--work", type=Path, help="folder for home and log; kept if given")
    parser.add_argument("--json", type=Path, help="write every measurement to this file")
    parser.add_argument("--document", type=Path, help="put the table between this file's markers")
    return parser.parse_args()


def main() -> int:
    given = arguments()
    with tempfile.TemporaryDirectory() as temporary, KafkaCluster() as cluster:
        work = (given.work or Path(temporary)).absolute()
        work.mkdir(parents=True, exist_ok=True)
        disturbance = Disturbance()
        loads = measured(work, given, cluster)
        busy, version = disturbance.share(), cluster.version
    print_results(loads, busy)
    if given.json:
        everything = {name: asdict(load) for name, load in loads.items()}
        given.json.write_text(json.dumps(everything, indent=1) + "\n")
    if given.document and busy > TOO_BUSY:
        print(f"{given.document} is left as it was: the machine was too busy for times to count")
    elif given.document:
        into_document(given.document, as_markdown(loads, busy, version), (_BEGIN, _END))
    goals = [load.percentile(95) for name, load in loads.items() if name != "limit"]
    return 0 if all(seconds < _GOAL_SECONDS for seconds in goals) else 1


if __name__ == "__main__":
    sys.exit(main())
