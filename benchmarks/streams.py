"""Landing from a real Kafka broker, beside the client's own limit and beside a plain loop.

Starts a broker, fills a topic of four partitions, and measures in processes of their own, in turns:
the platform landing the pinned window, its reading alone, confluent-kafka consuming the same ranges
with the same settings and doing nothing with the records, and a loop over kafka-python. Rates and CPU
time are those of the reading itself, from connecting to the last record, or to the receipt; starting
Python and importing are left out for all alike. Ratios are medians over the rounds of what was measured
in the same round. The broker runs on the same machine, and its work counts against all alike.

Exits with 1 where a target is missed: 60 percent of the limit, 3 times the loop, and a peak of memory
for the whole window that exceeds the one for a quarter of it by a tenth at most.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import stream_inputs
from benchmarks.measure import Measurement, measure
from benchmarks.tables import TOO_BUSY, into_document, machine, markdown_table, print_table
from platform_assets_tests.servers.kafka_cluster import KafkaCluster
from platform_assets_tests.servers.kafka_topics import new_topic

if TYPE_CHECKING:
    from collections.abc import Callable

    Runs = dict[str, list[Measurement]]

TITLES = {
    "landed": "landed: Parquet and receipt",
    "quarter": "landed, a quarter of the window",
    "read": "read: to Arrow, not written",
    "limit": "limit: consume(), nothing done",
    "loop": "loop: kafka-python to Parquet",
}
COLUMNS = ("contender", "records", "records/s", "CPU s / million", "peak RSS MiB", "landed has")
_LEAST_OF_LIMIT, _LEAST_OF_LOOP, _MOST_MEMORY = 0.6, 3.0, 1.1
_MIB = 1024**2
_BEGIN, _END = "<!-- streams: begin -->", "<!-- streams: end -->"


def contenders(
    cluster: KafkaCluster, work: Path, given: argparse.Namespace
) -> dict[str, Callable[[], Measurement]]:
    """Fill the topic and return each contender as something to call."""
    topic = new_topic(cluster.bootstrap, "authorisations", partitions=stream_inputs.PARTITIONS)
    ends = stream_inputs.fill(cluster.bootstrap, topic, work / "input", given.records, given.codec)
    topic_range = {"bootstrap": cluster.bootstrap, "topic": topic, "ends": ends}

    def landed(records: int) -> Measurement:
        home = work / "home"
        stream_inputs.write_home(home, cluster.bootstrap, topic, records)
        return measure("kafka_landed", {"home": str(home)})

    def loop() -> Measurement:
        slice_records = min(given.loop_records, given.records)
        target = {"records": slice_records, "target": str(work / "loop.parquet")}
        return measure("kafka_loop", topic_range | target)

    return {
        "landed": lambda: expect(landed(given.records), given.records),
        "read": lambda: expect(measure("kafka_read", topic_range), given.records),
        "limit": lambda: expect(measure("kafka_consume", topic_range), given.records),
        "loop": loop,
        "quarter": lambda: expect(landed(given.records // 4), given.records // 4),
    }


def expect(run: Measurement, records: int) -> Measurement:
    """Return a measurement of the right work; another is not compared.

    Raises:
        RuntimeError: it read another number of records.
    """
    if run.records != records:
        raise RuntimeError(f"expected {records:,} records, found {run.records:,}")
    return run


def rate(run: Measurement) -> float:
    """Records per second of reading."""
    return run.records / run.steps["read"]


def ratio(runs: Runs, peer: str, ours: str = "landed") -> float:
    """How many times the peer's records per second are handled: the median over the rounds."""
    return statistics.median(
        rate(run) / rate(other) for run, other in zip(runs[ours], runs[peer], strict=True)
    )


def median(runs: list[Measurement], value: Callable[[Measurement], float]) -> float:
    """Median of any figure of a contender."""
    return statistics.median(value(run) for run in runs)


def memory(runs: list[Measurement]) -> float:
    """Median peak of the resident memory, in MiB."""
    return median(runs, lambda run: run.peak_rss_bytes / _MIB)


def rows_of(runs: Runs) -> list[list[str]]:
    """Return the table's rows as text."""
    return [
        [
            TITLES[name],
            f"{measured[0].records:,}",
            f"{median(measured, rate):,.0f}",
            f"{median(measured, lambda run: 1e6 * run.steps['read CPU'] / run.records):.2f}",
            f"{memory(measured):,.0f}",
            f"{ratio(runs, name):.2f}x" if name in {"read", "limit", "loop"} else "",
        ]
        for name, measured in runs.items()
    ]


def remarks(runs: Runs) -> list[str]:
    """Return what stands beneath the table."""
    said = [f"- {'reached' if good else 'MISSED'}: {words}" for words, good in verdicts(runs)]
    reading = ratio(runs, "limit", ours="read")
    said.append(f"- reading alone, with every check of the range, has {reading:.0%} of the limit")
    pinned = median(runs["landed"], lambda run: run.steps["pin"])
    said.append(f"- pinning the window before, its bytes measured by batch headers: {pinned:.1f} s")
    if (busy := disturbance(runs)) > TOO_BUSY:
        said.append(f"- other processes and the broker took up to {busy:.0%} of the machine")
    return said


def verdicts(runs: Runs) -> list[tuple[str, bool]]:
    """Hold the figures against the targets."""
    of_limit, of_loop = ratio(runs, "limit"), ratio(runs, "loop")
    growth = memory(runs["landed"]) / memory(runs["quarter"])
    return [
        (f"{of_limit:.0%} of the limit, at least 60%", of_limit >= _LEAST_OF_LIMIT),
        (f"{of_loop:.1f}x the loop, at least 3x", of_loop >= _LEAST_OF_LOOP),
        (
            f"{growth:.2f}x the memory for 4x the window, at most {_MOST_MEMORY}x",
            growth <= _MOST_MEMORY,
        ),
    ]


def disturbance(runs: Runs) -> float:
    """Return the largest share of the machine that others took, the broker among them."""
    return max(run.other_cpu_share for measured in runs.values() for run in measured)


def as_markdown(runs: Runs, version: str) -> str:
    """Return table and remarks for a document."""
    measured_on = f"{machine()}, shared with the broker (Apache Kafka {version})"
    return markdown_table(measured_on, COLUMNS, rows_of(runs), remarks(runs))


def print_results(runs: Runs) -> None:
    title = f"a Kafka topic of 4 partitions to Parquet, {machine()}"
    print_table(title, COLUMNS, rows_of(runs), remarks(runs))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--records", type=int, default=2_000_000, help="records in the topic")
    parser.add_argument("--loop-records", type=int, default=500_000, help="slice for the loop")
    parser.add_argument(
        "--codec", choices=["none", "gzip", "zstd"], default="zstd", help="of the producer"
    )
    parser.add_argument("--repeat", type=int, default=3, help="rounds; medians are taken")
    parser.add_argument("--json", type=Path, help="write every measurement to this file")
    parser.add_argument("--document", type=Path, help="put the table between this file's markers")
    return parser.parse_args()


def main() -> int:
    given = arguments()
    runs: Runs = {}
    with tempfile.TemporaryDirectory() as temporary, KafkaCluster() as cluster:
        ready = contenders(cluster, Path(temporary), given)
        for turn in range(given.repeat):
            for name, run in ready.items():
                runs.setdefault(name, []).append(run())
                said = f"{turn + 1}/{given.repeat} {TITLES[name]}: {rate(runs[name][-1]):,.0f}/s"
                print(said, flush=True)
        version = cluster.version
    print_results(runs)
    if given.json:
        everything = {name: [asdict(run) for run in measured] for name, measured in runs.items()}
        given.json.write_text(json.dumps(everything, indent=1) + "\n")
    if given.document:
        into_document(given.document, as_markdown(runs, version), (_BEGIN, _END))
    return 0 if all(reached for _, reached in verdicts(runs)) else 1


if __name__ == "__main__":
    sys.exit(main())
